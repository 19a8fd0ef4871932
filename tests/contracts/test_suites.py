"""Reading suites: what is wrong is said with its place, and what to do."""

import pytest

from contracts.errors import ContractErrors
from contracts.scenarios import Stage
from contracts.suites import parse_setting, parse_suite, parse_suites
from tests.contracts.scenes import CONTRACT, HEAD, contract, suite

GOOD = """\
  - scenario: paid
    given: [begun, looked]
    when: pay
    then: {decision: allow}
"""


def errors(scenarios: str) -> list[str]:
    """Everything that is wrong with scenarios of the desk, whatever step finds it."""
    try:
        Stage(contract(), CONTRACT).play([suite(scenarios)])
    except ContractErrors as failure:
        return [str(error).removeprefix("desk-suite.yaml:") for error in failure.errors]
    return []


def test_a_suite_that_is_right_has_no_errors() -> None:
    """The suite that the other tests break is in order."""
    assert errors(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("when: pay", "wen: pay", "16:5: key.missing: `when` is missing"),
        ("when: pay", "when: paid", "18:11: block.unknown: `paid` is not among the `blocks`"),
        ("when: pay", "when: [pay, begun]", "18:11: when.one: `when` is one record, and this is 2"),
        ("when: pay", "when: {acton: pay}", "18:11: step.kind: a step has one of the keys"),
        ("when: pay", "when: 5", "18:11: step.form: a step is a record, or the name of a block"),
        (
            "when: pay",
            "when: {action: pay, ago: soon}",
            '18:30: value.form: `"soon"` is not a length',
        ),
        ("when: pay", "when: {action: pay, parms: {}}", "18:25: key.unknown: `parms` is not known"),
        ("when: pay", "when: {message: boss}", '18:21: value.word: `"boss"` cannot stand here'),
        ("when: pay", "when: {close: cases}", "18:11: record.unknown: there is no record `cases`"),
        (
            "when: pay",
            "when: {approval: pay, by: boss}",
            "18:11: person.unknown: `boss` is not among the suite's `people`",
        ),
        (
            "when: pay",
            "when: {action: pay, params: {amount: $amont}}",
            "18:42: value.unknown: `$amont` has no value",
        ),
        (
            "when: pay",
            "when: {action: pay, estimate: {cost: 5 euros}}",
            '18:42: value.type: `estimate.cost` is `"5 euros"`: an amount such as `12.50 EUR`',
        ),
        ("[begun, looked]", "[looked]", "12:7: record.malformed: no ledger holds such a record"),
        (
            "[begun, looked]",
            "[begun, begun]",
            "10:7: record.duplicate: there is a record `case` already",
        ),
        (
            "[begun, looked]",
            "[begun, {use: looked, later: 5s}]",
            "12:7: time.order: this is given, and comes after `when`",
        ),
        (
            "then: {decision: allow}",
            "then: {reasons: [policy.loked]}",
            "19:22: rule.unknown: `policy.loked` is no rule of desk 1.0.0",
        ),
        (
            "then: {decision: allow}",
            "then: {facts: {lookd: true}}",
            "19:20: fact.unknown: `lookd` is no fact of desk 1.0.0",
        ),
        (
            "then: {decision: allow}",
            "then: {findings: {policy.looked: fine}}",
            '19:38: value.word: `"fine"` cannot stand here',
        ),
        (
            "then: {decision: allow}",
            "then: {at: {payed: {policy.looked: satisfied}}}",
            "19:17: record.unknown: `payed` is no record of this scenario",
        ),
    ],
)
def test_an_error_says_where_and_what(old: str, new: str, expected: str) -> None:
    """Each slip is reported at its line and column, with a stable code."""
    found = errors(GOOD.replace(old, new))
    assert any(expected in error for error in found), found


def test_a_misspelt_name_comes_with_a_suggestion() -> None:
    """Blocks, people, values, records and rules are looked up among those that are near."""
    found = errors(GOOD.replace("when: pay", "when: pai"))
    assert found[0].endswith("(did you mean `pay`?)")


def test_all_errors_are_said_at_once() -> None:
    """Two wrong scenarios are two errors in one reading."""
    second = GOOD.replace("paid", "again").replace("when: pay", "when: begin")
    found = errors(GOOD.replace("when: pay", "when: begin") + second)
    assert [error.split(":")[0] for error in found] == ["18", "22"]


def test_a_block_within_itself_is_refused() -> None:
    """A circle of blocks would never end."""
    head = HEAD.replace("{run: case, requester: Ada}", "begun")
    with pytest.raises(ContractErrors, match=r"block\.depth"):
        suite(GOOD, head).lines(0, "given")


def test_a_block_that_repeats_beyond_measure_is_refused() -> None:
    """Blocks that repeat blocks stop at a bound, with an error and not with the memory's end."""
    many = "{use: many, repeat: 1000}"
    head = HEAD.replace(
        "  begun:", f"  many: [{{use: looked, repeat: 1000}}]\n  all: [{many}]\n  begun:"
    )
    with pytest.raises(ContractErrors, match=r"scenario\.size"):
        suite(GOOD.replace("[begun, looked]", "all"), head).lines(0, "given")


def test_two_scenarios_of_one_name_are_refused() -> None:
    """A name finds one scenario."""
    with pytest.raises(
        ContractErrors, match=r"20:15: scenario\.duplicate: the scenario of line 16"
    ):
        suite(GOOD + GOOD)


def test_what_is_no_suite_is_said_so() -> None:
    """A list, or a text, is no suite; a setting that is not there is named."""
    with pytest.raises(ContractErrors, match=r"suite\.type: this is no suite"):
        parse_suite("- one\n")
    with pytest.raises(ContractErrors, match=r"setting\.unknown: there is no setting `x.yaml`"):
        parse_suite(HEAD.replace("suite:", "setting: x.yaml\nsuite:") + GOOD)
    with pytest.raises(ContractErrors, match=r"`now` is missing"):
        parse_suite(HEAD.replace('now: "2026-03-01T12:00:00Z"\n', "") + GOOD)


def test_a_setting_is_shared_and_the_suite_has_the_last_word() -> None:
    """People, values and blocks of a setting hold in each suite that names it."""
    setting = 'setting: shared\nnow: "2026-01-01T00:00:00Z"\nvalues: {amount: 1, other: 2}\n'
    text = HEAD.replace("suite:", "setting: shared.yaml\nsuite:") + GOOD
    (found,) = parse_suites({"a/suite.yaml": text, "a/shared.yaml": setting})
    assert (found.values, found.now) == ({"amount": 50, "other": 2}, "2026-03-01T12:00:00Z")
    assert parse_setting(setting).text.setting == "shared"


def test_the_errors_of_every_file_are_said_at_once() -> None:
    """A folder with two broken files gives the errors of both."""
    with pytest.raises(ContractErrors) as caught:
        parse_suites({"a.yaml": "suite: 1\n", "b.yaml": "setting: x\n"})
    assert {error.file for error in caught.value.errors} == {"a.yaml", "b.yaml"}


def test_values_fill_texts_numbers_and_parts_of_texts() -> None:
    """A value alone keeps its type, within a text it is written out, and `$$` is a dollar sign."""
    step = "{action: pay, params: {a: $amount, b: 'T-$amount', c: '${amount}0', d: $$5}}"
    (line,) = suite(GOOD.replace("when: pay", f"when: {step}")).lines(0, "when")
    assert getattr(line.step, "params", None) == {"a": 50, "b": "T-50", "c": "500", "d": "$5"}


def test_a_block_is_shifted_and_repeated() -> None:
    """The first of several is `ago`, the others follow `every`, and `$n` counts them."""
    given = "[begun, {use: shown, ago: 1m, repeat: 3, every: 10s}]"
    head = HEAD.replace(
        "  begun:", "  shown: [{message: user, content: 'No. $n', ago: 1s}]\n  begun:"
    )
    lines = suite(GOOD.replace("[begun, looked]", given), head).lines(0, "given")[1:]
    assert [getattr(line.step, "content", "") for line in lines] == ["No. 1", "No. 2", "No. 3"]
    assert [line.offset for line in lines] == [-61_000_000, -51_000_000, -41_000_000]
