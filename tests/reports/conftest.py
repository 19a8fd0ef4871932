"""The reports that every format is tried on, made once."""

import pytest

from tests.reports.samples import broken, everything, explained, hostile, real, undecidable
from verifier.report import Report


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Give reports by name: some on real ledgers, some with all that can be in one."""
    made = {
        "everything": everything(),
        "made broken": broken(),
        "undecidable": undecidable(),
        "hostile": hostile(),
        "explained": explained(),
    }
    return {**made, **real(tmp_path_factory.mktemp("ledgers"))}
