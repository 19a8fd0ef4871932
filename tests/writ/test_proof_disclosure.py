"""`writ proof --check --disclosure`: sealed values of a record that is carried away."""

from pathlib import Path

import pytest

from ledger.founding import trust_file
from tests.ledger.secrets_desk import EMAIL, desk_at
from writ.application import answer

PATH = "/params/customer/email"


def test_a_disclosed_value_belongs_to_the_proven_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without ledger and key: the value is shown; a forged one and another record's are refused."""
    desk = desk_at(tmp_path / "ledger.db", tmp_path)
    desk.work()
    location, keys = desk.founded.location, str(desk.sealing_key.parent)
    trust = tmp_path / "trust.json"
    trust.write_text(trust_file(desk.founded), "utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = answer(list(arguments))
        return code, capsys.readouterr().out

    def disclosed(name: str, record: str, *paths: str) -> str:
        out = str(tmp_path / name)
        assert run("disclose", location, record, *paths, "--keys", keys, "--out", out)[0] == 0
        return out

    shown, other = disclosed("a.json", desk.action, PATH), disclosed("b.json", desk.message)
    forged = tmp_path / "forged.json"
    forged.write_text(Path(shown).read_text("utf-8").replace(EMAIL, "b" + EMAIL[1:]), "utf-8")
    index = run("show", location, desk.action)[1].split()[1]
    proof, withheld = str(tmp_path / "proof.json"), str(tmp_path / "withheld.json")
    assert run("proof", location, index, "--out", proof)[0] == 0
    assert run("proof", location, index, "--withhold", "--out", withheld)[0] == 0
    check = ("proof", "--trust", str(trust), "--check")
    code, text = run(*check, proof, "--disclosure", shown)
    assert code == 0
    assert f'{PATH} is "{EMAIL}"' in text
    assert EMAIL not in run(*check, proof)[1]
    for where, what in ((proof, other), (proof, str(forged)), (withheld, shown)):
        code, text = run(*check, where, "--disclosure", what)
        assert code == 1
        assert text.startswith("NOT PROVEN")
    assert run(*check, proof, "--disclosure", proof)[0] == 4
    assert run("proof", location, index, "--disclosure", shown)[0] == 2
