"""`writ contract diff` and `lint` from the command line."""

import json
from pathlib import Path

from tests.writ.conftest import Run

LIBRARY = Path(__file__).resolve().parents[2] / "contracts" / "library" / "refund-decisioning"
OLD, NEW = LIBRARY / "1.0.0.yaml", LIBRARY / "1.1.0.yaml"


def test_a_difference_is_an_exit_code(writ: Run) -> None:
    """1 where there is one, with the text; 0 where there is none."""
    code, out, _ = writ("contract", "diff", OLD, NEW)
    assert code == 1
    assert "NEWLY NEEDS AN APPROVAL" in out
    assert writ("contract", "diff", NEW, NEW)[0] == 0


def test_as_json(writ: Run) -> None:
    """One object, of its own schema."""
    code, out, _ = writ("contract", "diff", OLD, NEW, "--json")
    assert (code, json.loads(out)["schema"]) == (1, "writ/contract-diff/v1")


def test_what_cannot_be_read(writ: Run) -> None:
    """A file that is not there, and one that is no contract: 4, with the place."""
    assert writ("contract", "diff", OLD, "nowhere.yaml")[0] == 4
    Path("bad.yaml").write_text("contract: [\n", "utf-8")
    code, _, err = writ("contract", "diff", "bad.yaml", NEW)
    assert (code, "bad.yaml:2:1: yaml.syntax" in err) == (4, True), err
    assert writ("contract", "diff", OLD)[0] == 2


def test_lint_as_json(writ: Run) -> None:
    """Each remark with its severity, code and place."""
    code, out, _ = writ("contract", "lint", NEW, "--json")
    found = json.loads(out)
    assert (code, found["schema"]) == (0, "writ/contract-lint/v1")
    severities = {one["code"]: (one["severity"], one["line"]) for one in found["remarks"]}
    assert severities == {"limits.default": ("note", 105), "scope.mode": ("warning", 211)}
