"""Writes shapes/ anew: what reports hold today. Run the tests with the published schemas first."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.reports.samples import broken, everything, explained, hostile, real, undecidable
from tests.reports.shapes import shape
from verifier.reports.ocsf import ocsf_events
from verifier.reports.sarif import sarif_report

HERE = Path(__file__).parent / "shapes"


def main() -> None:
    """Write the shape of each format over all sample reports."""
    with TemporaryDirectory() as folder:
        reports = [
            *(everything(), broken(), undecidable(), hostile(), explained()),
            *real(Path(folder)).values(),
        ]
    sarif = {one for report in reports for one in shape(json.loads(sarif_report(report, "1.0")))}
    ocsf = {
        one for report in reports for event in ocsf_events(report, "1.0") for one in shape(event)
    }
    for name, places in (("sarif", sarif), ("ocsf", ocsf)):
        (HERE / f"{name}.txt").write_text("\n".join(sorted(places)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
