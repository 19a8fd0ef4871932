"""`writ whatif` on a real ledger: two versions, three forms of answer, and a gate."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pyarrow.parquet as pq
import pytest

from replay.reports.value_schema import REFERENCE
from replay.reports.value_schema import written as written_schema
from replay.reports.whatif_schema import FILE, schema
from tests.verifier.forge import Desk, contract_text, identity
from verifier.load import open_ledger
from writ import cli

HOSTILE = "<script>\x1b[2J"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def writ(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command, and return exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def stricter() -> str:
    """Return the desk's contract with a lower bound, and one rule on what nobody recorded."""
    text = contract_text("2.0.0").replace("params.amount > 100,", "params.amount > 10,")
    return text.replace(
        "rules:\n", 'rules:\n  - {id: told, for: pay, when: params.note == "x", says: A note.}\n'
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a ledger: three payments, one of 50 that was taken back, one of 20, one of 5."""
    made = tmp_path_factory.mktemp("whatif")
    desk = Desk()
    run = desk.open_run(channel=HOSTILE)
    desk.end(run, desk.act(run, "look", {}))
    for amount in (50, 20, 5):
        value = {"currency": "EUR", "micros": amount * 1_000_000}
        action = desk.act(run, "pay", {"amount": amount, "note": "y"})
        desk.end(run, action, value=value)
        if amount == 50:
            desk.end(run, desk.act(run, "look", {}, compensates=action))
    desk.paid(200)
    desk.save(made / "desk.db")
    (made / "2.0.0.yaml").write_text(stricter())
    (made / "1.0.0.yaml").write_text(contract_text())
    return made


def asked(folder: Path, *more: object) -> tuple[object, ...]:
    """Return the arguments of a what-if on this ledger."""
    return ("whatif", folder / "desk.db", *more)


def test_the_text_begins_with_what_was_stopped_and_its_price(folder: Path, writ: Run) -> None:
    """50 was taken back and would have been held, 20 was legitimate and held too."""
    code, out, err = writ(*asked(folder, "--contract", folder / "2.0.0.yaml", "--flips"))
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == (
        "What if: desk@2.0.0 would have stopped 1 pay call that went wrong, worth 50.00 EUR, at "
        "the price of 2 approvals and 1 legitimate action held up"
    )
    assert "as recorded" in lines[1]
    assert "2 allow→approve" in out
    assert "scope.large" in out
    assert "\x1b" not in out


def test_of_several_candidates_each_has_a_sentence(folder: Path, writ: Run) -> None:
    """The first line names the one that stops most."""
    both = ("--contract", folder / "2.0.0.yaml", "--contract", folder / "1.0.0.yaml")
    code, out, _ = writ(*asked(folder, *both))
    assert code == 0
    assert out.startswith(
        "What if: of 2 candidates 2 are beaten by none; most is stopped by desk@2"
    )
    assert "desk@1.0.0 would have decided nothing otherwise." in out


def test_a_milder_contract_lets_through_what_nobody_did(folder: Path, writ: Run) -> None:
    """The payment of 200 is no longer held; it had been carried out all the same."""
    milder = folder / "milder.yaml"
    milder.write_text(
        contract_text("3.0.0").replace("params.amount > 100,", "params.amount > 900,")
    )
    code, out, _ = writ(*asked(folder, "--contract", milder, "--until", "2027-01-01"))
    assert code == 0
    assert "otherwise, and stopped nothing that was carried out" in out
    assert "Let through now, and carried out then all the same: 1, of which 1 went wrong." in out


def test_the_same_contract_flips_nothing(folder: Path, writ: Run) -> None:
    """Also where it is supposed to have been delegated as it was."""
    for more in ((), ("--own-delegation",), ("--mode", "cascading")):
        arguments = ("--contract", folder / "1.0.0.yaml", "--gate", *more)
        code, out, err = writ(*asked(folder, *arguments))
        assert code == 0, err
        assert "would have decided nothing otherwise" in out


def test_what_history_does_not_hold_is_undecidable(folder: Path, writ: Run) -> None:
    """The payment without a note: nobody can tell, and it is not let through."""
    found = told(writ, folder, "--contract", str(folder / "2.0.0.yaml"))
    (reason,) = found["tables"]["undecidable"]
    assert reason["rule"] == "policy.told"
    assert "note" in reason["reason"]
    kinds = {(one["then"], one["now"]): one["flips"] for one in found["tables"]["kinds"]}
    assert kinds == {("allow", "approve"): 2, ("approve", "undecidable"): 1}


def test_rules_are_left_out_on_both_sides(folder: Path, writ: Run) -> None:
    """Without the rule on the note what is left of the third flip is none."""
    more = ("--contract", str(folder / "2.0.0.yaml"), "--without", "policy.t*")
    for mode in ("as-recorded", "cascading"):
        found = told(writ, folder, *more, "--mode", mode)
        assert found["tables"]["undecidable"] == []
        assert found["asked"] == ["without policy.t*"]
        (row,) = found["tables"]["candidates"]
        assert row["undecided"] == 0
        assert len(found["tables"]["flips"]) == 2


def told(writ: Run, folder: Path, *more: str) -> dict[str, Any]:
    """Return the answer for programs, which is of its schema."""
    code, out, err = writ(*asked(folder, *more, "--format", "json"))
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    jsonschema_rs.validator_for(json.loads((REFERENCE / FILE).read_text("utf-8"))).validate(found)
    return found


def test_the_schema_is_published_as_it_is() -> None:
    """Else: python -m replay.reports.whatif_schema."""
    assert (REFERENCE / FILE).read_text("utf-8") == written_schema(schema())


def test_cascading_takes_out_what_is_stopped(folder: Path, writ: Run) -> None:
    """Its mode is named, and how much was decided again."""
    found = told(writ, folder, "--contract", str(folder / "2.0.0.yaml"), "--mode", "cascading")
    assert found["mode"] == "cascading"
    (row,) = found["tables"]["cascade"]
    assert row["never_happened"] >= 2
    assert 0 <= row["share"] <= 1


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a ledger under a contract with limits by channel."""
    made = tmp_path_factory.mktemp("limits")
    text = contract_text().replace(
        'policy:\n  document: {name: desk policy, version: "1"}',
        'policy:\n  document: {name: desk policy, version: "1"}\n'
        "  limits: {by: run.channel, shop: {most: 100}, web: {most: 50}}",
    )
    text = text.replace("params.amount > 100,", "params.amount > limits.most,")
    desk = Desk()
    desk.publish("1.1.0", text=text.replace("1.0.0", "1.1.0"))
    for channel, amount in (("shop", 80), ("shop", 30), ("web", 40), ("web", 10)):
        run = desk.open_run(channel=channel)
        desk.end(run, desk.act(run, "look", {}))
        desk.end(run, desk.act(run, "pay", {"amount": amount}))
    desk.save(made / "desk.db")
    return made


def test_a_sweep_is_one_candidate_a_value(limited: Path, writ: Run) -> None:
    """Over the limit of one channel, grouped by it; the curve is on the page."""
    sweep = ("--set", "policy.limits.shop.most=25..85:3", "--by", "case")
    found = told(writ, limited, *sweep)
    rows = found["tables"]["candidates"]
    assert [one["parameter"] for one in rows] == [25, 55, 85]
    assert [one["approvals_added"] for one in rows] == [2, 1, 0]
    assert [one["front"] for one in rows] == ["", "", "yes"]
    groups = {
        (one["candidate"], one["key"]): (one["actions"], one["flips"])
        for one in found["tables"]["groups"]
    }
    assert groups["shop.most=25", "shop"] == (4, 2)
    assert groups["shop.most=25", "web"] == (4, 0)
    page = limited / "sweep.html"
    assert writ(*asked(limited, *sweep, "--format", "html", "--out", page))[0] == 0
    html = page.read_text("utf-8")
    assert "Over policy.limits.shop.most" in html
    assert html.count("<svg") == 4
    assert writ(*asked(limited, *sweep))[1].startswith(
        "What if: of 3 candidates none would have stopped anything that is known to have gone wrong"
    )
    wide = ("--set", "policy.limits.shop.most=90..99:2")
    assert "none of 2 candidates would have decided anything" in writ(*asked(limited, *wide))[1]


def test_a_selection_narrows_what_is_counted_and_not_history(limited: Path, writ: Run) -> None:
    """The looks before still count: no payment is refused for want of one."""
    change = ("--set", "policy.limits.web.most=5", "--where", 'action.tool == "pay"')
    found = told(writ, limited, *change, "--by", "channel")
    (row,) = found["tables"]["candidates"]
    assert (row["actions"], row["approvals_added"]) == (4, 2)


def test_a_page_and_tables_show_nothing_recorded_as_markup(folder: Path, writ: Run) -> None:
    """The channel is hostile; CSV and Parquet hold one table each."""
    more = ("--contract", folder / "2.0.0.yaml", "--by", "channel")
    code, out, _ = writ(*asked(folder, *more, "--format", "html"))
    assert code == 0
    assert "&lt;script&gt;" in out
    assert HOSTILE not in out
    assert writ(*asked(folder, *more, "--format", "csv", "--table", "kinds"))[1].splitlines() == [
        "candidate,then,now,flips",
        "desk@2.0.0,allow,approve,2",
        "desk@2.0.0,approve,undecidable,1",
    ]
    path = folder / "flips.parquet"
    parquet = ("--format", "parquet", "--table", "flips", "--out", path)
    assert writ(*asked(folder, *more, *parquet))[0] == 0
    rows = pq.read_table(io.BytesIO(path.read_bytes())).to_pylist()
    assert [row["value_micros"] for row in rows] == [50_000_000, 20_000_000, None]


def test_the_gate_fails_until_each_flip_has_a_reason(folder: Path, writ: Run) -> None:
    """What is not accepted is written to be given reasons, and accepted with them."""
    listed = folder / "accepted.txt"
    more = ("--contract", folder / "2.0.0.yaml", "--gate")
    code, _, err = writ(*asked(folder, *more, "--accept-out", listed))
    assert code == 1
    assert "3 flips are not accepted" in err
    code, _, err = writ(*asked(folder, *more, "--accept", listed))
    assert code == 4
    assert "accepted.reason" in err
    listed.write_text(listed.read_text("utf-8").replace("| \n", "| wanted, MO\n"), "utf-8")
    code, _, err = writ(*asked(folder, *more, "--accept", listed))
    assert (code, "0 flips are not accepted" in err) == (0, True)
    for path, says in ((folder / "none", "accepted.unreadable"), (folder / "desk.db", "encoding")):
        code, _, err = writ(*asked(folder, *more, "--accept", path))
        assert (code, says in err) == (4, True), err


def test_an_action_is_explained_in_full(folder: Path, writ: Run) -> None:
    """By the contract in force and by each candidate: the rules, and what would have held."""
    more = ("--contract", folder / "2.0.0.yaml")
    found = told(writ, folder, *map(str, more))
    entry = found["tables"]["flips"][0]["entry"]
    code, out, _ = writ(*asked(folder, *more, "--explain", entry))
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"Entry {entry}: pay, recorded as not decided"
    assert lines[1:3] == ["in force, 1.0.0: allow", "  nothing stands against it"]
    assert lines[3:5] == [
        "desk@2.0.0: approve",
        "  scope.large (violated, approve): Needs a lead.",
    ]
    assert any("because" in line for line in lines)
    code, _, err = writ(*asked(folder, *more, "--explain", 0))
    assert (code, "whatif.explain" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "whatif.candidates"),
        (("--contract", "refund-decisioning@9.9.9"), "candidate.unknown"),
        (("--contract", "refund-decisioning@1.0.0"), "candidate.service"),
        (("--set", "nothing"), "candidate.form"),
        (("--set", "a=1..2:3", "--set", "b=1..2:3"), "candidate.sweep"),
        (("--set", "a=1", "--service", "spiffe://no"), "whatif.service"),
        (("--set", "a=1", "--mode", "guessed"), "whatif.mode"),
        (("--set", "a=1", "--by", "mood"), "whatif.by"),
        (("--set", "a=1"), "candidate.path"),
    ],
)
def test_what_cannot_be_asked_says_why(
    folder: Path, writ: Run, arguments: tuple[str, ...], code: str
) -> None:
    """With a stable code, and exit code 2."""
    exit_code, _, err = writ(*asked(folder, *arguments))
    assert (exit_code, code in err) == (2, True), err


def test_a_contract_of_another_service_is_taken_for_this_one(folder: Path, writ: Run) -> None:
    """Where somebody says so."""
    other = folder / "other.yaml"
    other.write_text(stricter().replace("spiffe://shop.example/desk", identity("other")))
    service = ("--service", "spiffe://shop.example/desk")
    found = told(writ, folder, "--contract", str(other), *service)
    assert found["tables"]["candidates"][0]["flips"] == 3


def test_history_that_is_held_back_cannot_be_judged_again(
    folder: Path, writ: Run, tmp_path: Path
) -> None:
    """Of a bundle with some of the runs, what the others counted for is not known."""
    with open_ledger(folder / "desk.db") as ledger:
        run = next(event.digest for event in ledger.events() if event.record["kind"] == "run")
    bundle = tmp_path / "one"
    assert writ("export", folder / "desk.db", "--out", bundle, "--runs", run)[0] == 0
    code, out, err = writ("whatif", bundle, "--contract", folder / "2.0.0.yaml")
    assert (code, out, "whatif.withheld" in err) == (4, "", True), err
