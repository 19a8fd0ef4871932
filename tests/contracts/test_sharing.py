"""Shared policies: one text under many contracts, each part with the place that it came from."""

import hashlib
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import ContractErrors, lint, load_contract, parse_contract
from contracts.model import Contract
from contracts.reading import closed_text
from contracts.sharing import with_shared

POLICY = """\
policy: payments
document: {name: payment-policy, version: "3"}
limits: {most: 3, least: 1}
sentences: [P1, P2]
facts:
  paid: {count: true, from: outcome of pay, where: outcome.status == "ok"}
values:
  large: params.n > limits.most
rules:
  - {id: few, for: pay, unless: facts.paid < limits.most, cites: P1}
  - {id: large, for: pay, when: values.large, effect: escalate, cites: P2}
"""
CONTRACT = """\
contract: refunds
version: 1.0.0
extends:
  - {policy: shared/payments.yaml, digest: PAYMENTS}
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example}
scope: {modes: [execute]}
tools:
  pay: {mode: execute, irreversible: money is gone}
rules:
  - {id: never-twice, for: pay, when: facts.paid > 0, effect: warn}
"""


def digest(text: str) -> str:
    """The digest under which a text is named."""
    return hashlib.sha256(text.encode()).hexdigest()


def reading(texts: Mapping[str, str]) -> Callable[[str], str]:
    """What reads these files, and no other."""

    def read(name: str) -> str:
        if name not in texts:
            raise FileNotFoundError(name)
        return texts[name]

    return read


def text_of(contract: str = CONTRACT, policy: str = POLICY) -> str:
    """A contract that names the digest of its policy."""
    return contract.replace("PAYMENTS", digest(policy))


def load(contract: str = CONTRACT, policy: str = POLICY) -> Contract:
    """Load a contract with one shared policy."""
    files = {"c/shared/payments.yaml": policy}
    return load_contract(text_of(contract, policy), "c/refunds.yaml", reading(files))


def errors(
    contract: str = CONTRACT, policy: str = POLICY, **files: str
) -> list[tuple[str, str, int, int]]:
    """(code, file, line, column) of each error; `files` by their names without `.yaml`."""
    texts = {f"c/shared/{name}.yaml": text for name, text in files.items()}
    texts |= {"c/shared/payments.yaml": policy}
    with pytest.raises(ContractErrors) as caught:
        load_contract(text_of(contract, policy), "c/refunds.yaml", reading(texts))
    return [(one.code, one.file, one.line, one.column) for one in caught.value.errors]


def test_one_meaning() -> None:
    """A contract over a shared policy means what one text with all of it would mean."""
    found = load()
    whole = CONTRACT.replace("extends:\n  - {policy: shared/payments.yaml, digest: PAYMENTS}\n", "")
    policy = POLICY.replace("policy: payments\n", "").split("rules:\n")
    shared, rules = policy[0], policy[1]
    head, _, own = shared.partition("facts:\n")
    inner = "".join(f"  {line}\n" for line in head.splitlines())
    alone = load_contract(
        whole.replace("rules:\n", f"policy:\n{inner}facts:\n{own}rules:\n{rules}")
    )
    assert [rule.id for rule in found.rules] == [rule.id for rule in alone.rules]
    assert [rule.when for rule in found.rules] == [rule.when for rule in alone.rules]
    assert [fact.name for fact in found.facts] == [fact.name for fact in alone.facts]
    assert (found.limits, found.policy) == (alone.limits, alone.policy)


def test_each_rule_keeps_its_place() -> None:
    """A rule knows the file and the line that it came from, and its clause."""
    rules = {rule.id: rule for rule in load().rules}
    few, own = rules["policy.few"], rules["policy.never-twice"]
    assert (few.clause, few.position.file, few.position.line) == (
        "policy",
        "c/shared/payments.yaml",
        10,
    )
    assert (own.position.file, own.position.line) == ("", 10)
    (fact,) = [fact for fact in load().facts if fact.name == "paid"]
    assert (fact.position.file, fact.position.line) == ("c/shared/payments.yaml", 6)


def test_errors_name_the_right_file() -> None:
    """What is wrong in a shared condition is told with its file, line and column."""
    wrong = POLICY.replace("facts.paid < limits.most", "facts.payd < limits.most")
    assert errors(policy=wrong) == [("facts.unknown", "c/shared/payments.yaml", 10, 33)]
    wrong = POLICY.replace("facts.paid < limits.most", "facts.paid < 'x'")
    assert errors(policy=wrong) == [("condition.type", "c/shared/payments.yaml", 10, 44)]
    wrong = POLICY.replace("effect: escalate", "effect: escalat")
    assert errors(policy=wrong) == [("value.word", "c/shared/payments.yaml", 11, 55)]
    assert errors(policy="policy: [") == [("yaml.syntax", "c/shared/payments.yaml", 1, 10)]
    wrong = POLICY.replace("from: outcome of pay", "from: outcome of refund")
    assert errors(policy=wrong) == [("tool.unknown", "c/shared/payments.yaml", 6, 29)]


def test_a_contract_alone_must_say_its_policy() -> None:
    """Where nothing shared names the governing document, the contract has to."""
    nameless = POLICY.replace('document: {name: payment-policy, version: "3"}\n', "")
    assert errors(policy=nameless) == [("key.missing", "c/refunds.yaml", 1, 1)]


@pytest.mark.parametrize(
    ("own", "name", "place"),
    [
        ("facts:\n  paid: {count: true, from: action}\n", "facts.paid", (12, 3)),
        ("values:\n  large: params.n > 9\n", "values.large", (12, 3)),
        ("policy: {limits: {most: 9}}\n", "limits.most", (11, 19)),
        ("policy: {limits: {by: run.ref, a: {most: 1, least: 1}}}\n", "limits", (11, 10)),
        ("policy: {document: {name: p, version: v}}\n", "policy.document", (11, 10)),
    ],
)
def test_what_stands_twice_is_an_error_unless_overridden(
    own: str, name: str, place: tuple[int, int]
) -> None:
    """A conflict is told at the contract's own place; `override` settles it for the contract."""
    assert errors(CONTRACT + own) == [("extends.conflict", "c/refunds.yaml", *place)]
    settled = CONTRACT.replace("digest: PAYMENTS", f"digest: PAYMENTS, override: [{name}]")
    assert load(settled + own).name == "refunds"


def test_a_rule_that_is_overridden() -> None:
    """The contract's own rule takes the place of the shared one, with its own line."""
    own = CONTRACT.replace("id: never-twice", "id: few")
    assert errors(own) == [("extends.conflict", "c/refunds.yaml", 10, 5)]
    settled = own.replace("digest: PAYMENTS", "digest: PAYMENTS, override: [policy.few]")
    rules = [rule for rule in load(settled).rules if rule.id.startswith("policy.")]
    assert [rule.id for rule in rules] == ["policy.few", "policy.large"]
    assert (rules[0].position.file, rules[0].when) == ("", "facts.paid > 0")


@pytest.mark.parametrize("name", ["policy.fw", "facts.paid"])
def test_an_override_that_overrides_nothing(name: str) -> None:
    """A name under `override` is in both, or an error: nobody believes in a change that is none."""
    text = CONTRACT.replace("digest: PAYMENTS", f"digest: PAYMENTS, override: [{name}]")
    assert errors(text) == [("extends.override", "c/refunds.yaml", 4, 121)]


def test_the_digest_is_what_counts() -> None:
    """A text that changed under the same name is refused, and the error says its digest."""
    with pytest.raises(ContractErrors) as caught:
        load_contract(
            text_of(), "c/refunds.yaml", reading({"c/shared/payments.yaml": POLICY + "# new\n"})
        )
    (error,) = caught.value.errors
    assert (error.code, error.line, error.column) == ("extends.digest", 4, 44)
    assert digest(POLICY + "# new\n") in error.message


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ("shared/gone.yaml", "extends.missing"),
        ("/shared/payments.yaml", "extends.path"),
        ("https://acme.example/payments.yaml", "extends.path"),
        ("C:/payments.yaml", "extends.path"),
        ("./refunds.yaml", "extends.cycle"),
    ],
)
def test_paths(policy: str, code: str) -> None:
    """A path that leads nowhere, out of the files or back to the contract is an error there."""
    text = CONTRACT.replace("shared/payments.yaml", policy)
    assert errors(text) == [(code, "c/refunds.yaml", 4, 14)]


def test_a_file_that_cannot_be_read() -> None:
    """The system's own words are in the error."""

    def read(_name: str) -> str:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(ContractErrors, match=r"extends\.unreadable.*Permission denied"):
        load_contract(text_of(), "c/refunds.yaml", read)


def test_a_contract_is_no_shared_policy() -> None:
    """Whoever names a contract is told what was expected."""
    assert errors(policy=text_of()) == [("extends.kind", "c/refunds.yaml", 4, 14)]


# -------------------------------------------------------------------- several, and deeper

BASE = """\
policy: base
document: {name: base, version: "1"}
limits: {most: 5}
rules:
  - {id: base, for: "*", when: "action.index < 0"}
"""


def over(name: str, below: str, *, override: str = "", more: str = "") -> str:
    """A shared policy that extends another one."""
    under = f"{{policy: {below}.yaml, digest: {digest(FILES[below])}, override: [{override}]}}"
    return f"policy: {name}\nextends: [{under}]\n{more}"


FILES = {"base": BASE}
FILES["left"] = over("left", "base", more="limits: {left: 1}\n")
FILES["right"] = over("right", "base", override="limits.most", more="limits: {most: 9}\n")


def diamond(*names: str, override: str = "") -> str:
    """A contract that extends these."""
    items = "".join(
        f"  - {{policy: shared/{name}.yaml, digest: {digest(FILES[name])},"
        f" override: [{override if number == 0 else ''}]}}\n"
        for number, name in enumerate(names)
    )
    head, _, rest = CONTRACT.partition("extends:\n")
    return f"{head}extends:\n{items}{rest.partition('PAYMENTS}')[2][1:]}".replace(
        "facts.paid > 0", "action.index < 0"
    )


def test_what_two_policies_build_on_counts_once() -> None:
    """Two shared policies over one base: the base is there once, and the later one has its say."""
    files = {f"c/shared/{name}.yaml": text for name, text in FILES.items()}
    contract = load_contract(diamond("left", "right"), "c/refunds.yaml", reading(files))
    assert contract.limits.plain == {"most": 9, "left": 1}
    assert [rule.id for rule in contract.rules].count("policy.base") == 1
    assert [one.policy for one in contract.shared] == ["base", "left", "right"]


def test_two_policies_that_disagree() -> None:
    """Of two shared policies that say one thing, the contract says which: by saying it anew."""
    FILES["other"] = BASE.replace("policy: base", "policy: other")
    files = {f"c/shared/{name}.yaml": text for name, text in FILES.items()}
    text = diamond("base", "other")
    with pytest.raises(ContractErrors) as caught:
        load_contract(text, "c/refunds.yaml", reading(files))
    found = {(one.code, one.file, one.line) for one in caught.value.errors}
    assert found == {("extends.conflict", "c/shared/other.yaml", line) for line in (2, 3, 5)}
    text = diamond("base", "other", override="limits.most, policy.document, policy.base")
    text += 'policy: {document: {name: p, version: "1"}, limits: {most: 1}}\n'
    text = text.replace("id: never-twice", "id: base")
    contract = load_contract(text, "c/refunds.yaml", reading(files))
    assert contract.limits.plain == {"most": 1}


def test_a_circle_is_told_by_its_path() -> None:
    """Policies that build on each other: no digest can be right, and the circle is named."""
    ring = "policy: ring\nextends: [{policy: payments.yaml, digest: " + "ab" * 32 + "}]\n"
    circle = f"policy: payments\nextends: [{{policy: ring.yaml, digest: {digest(ring)}}}]\n"
    assert errors(policy=circle, ring=ring) == [("extends.cycle", "c/shared/ring.yaml", 2, 20)]


# ------------------------------------------------------------------------------ published


def test_a_published_contract_holds_all_of_it() -> None:
    """The text that is published says all by itself: same rules, same places, verbatim policy."""
    files = reading({"c/shared/payments.yaml": POLICY})
    text = closed_text(parse_contract(text_of(), "c/refunds.yaml", files))
    assert text.startswith(text_of())
    before, after = load(), load_contract(text, "contract 12ab")
    assert [(rule.id, rule.when, rule.unless) for rule in after.rules] == [
        (rule.id, rule.when, rule.unless) for rule in before.rules
    ]
    few = next(rule for rule in after.rules if rule.id == "policy.few")
    assert (few.position.file, few.position.line) == ("shared/payments.yaml", 10)
    assert (
        text.splitlines()[after.line_of(few.position) - 1].strip() == POLICY.splitlines()[9].strip()
    )
    own = next(rule for rule in after.rules if rule.id == "policy.never-twice")
    assert after.line_of(own.position) == own.position.line == 10
    assert before.line_of(few.position) == 0
    assert closed_text(parse_contract(text, "again")) == text


def test_a_ledger_has_no_files() -> None:
    """A text that only names a policy is no contract where there are no files."""
    with pytest.raises(ContractErrors, match=r"extends\.unread"):
        load_contract(text_of())


def test_what_a_published_text_holds_is_what_it_names() -> None:
    """A text that is not the one named, one that is missing and one to spare are errors."""
    files = reading({"c/shared/payments.yaml": POLICY})
    text = closed_text(parse_contract(text_of(), "c/refunds.yaml", files))
    with pytest.raises(ContractErrors, match=r"extends\.digest"):
        load_contract(text.replace("      - {id: few", "      - {id: fow"))
    spare = with_shared("", {digest("x"): "x"}).removeprefix("shared:\n").lstrip("\n")
    with pytest.raises(ContractErrors, match=r"shared\.unused"):
        load_contract(text + spare.replace("shared:\n", ""))
    other = text.replace(f'"{digest(POLICY)}"', f'"{digest("x")}"')
    with pytest.raises(ContractErrors, match=r"extends\.missing"):
        load_contract(other)


def test_a_text_that_cannot_be_closed() -> None:
    """Where the texts cannot stand in one, whoever publishes is told, and nothing is guessed."""
    policy = POLICY.replace("\n", "\r\n")
    document = parse_contract(
        text_of(policy=policy), "c/refunds.yaml", reading({"c/shared/payments.yaml": policy})
    )
    with pytest.raises(ContractErrors, match=r"shared\.form"):
        closed_text(document)


@given(
    st.lists(
        st.text(
            st.characters(
                blacklist_categories=("Cs", "Cc"),
                blacklist_characters="\u2028\u2029\ufeff\ufffe\uffff",
            )
        ),
        min_size=1,
    ),
    st.sampled_from(["", "\n", "\n\n\n"]),
)
def test_any_text_is_held_as_it_is(lines: list[str], end: str) -> None:
    """Comments, blanks, empty lines and line ends at the end come back to the character."""
    policy = "".join(f"# {line}\n" for line in lines) + end + POLICY.rstrip("\n") + end
    files = reading({"c/shared/payments.yaml": policy})
    document = parse_contract(text_of(policy=policy), "c/refunds.yaml", files)
    text = closed_text(document)
    assert parse_contract(text).texts == document.texts


def test_lint_reads_shared_policies_too() -> None:
    """Lint says what is risky in each file, with its name."""
    files = reading({"c/shared/payments.yaml": POLICY.replace("least: 1", "least: 1, idle: 2")})
    text = text_of(policy=POLICY.replace("least: 1", "least: 1, idle: 2"))
    found = {(one.code, one.file, one.line) for one in lint(text, "c/refunds.yaml", files)}
    assert ("limits.unused", "c/shared/payments.yaml", 3) in found
    assert ("tools.idempotency", "c/refunds.yaml", 8) in found


def test_one_file_is_one_text() -> None:
    """A file that is named with two digests is an error: one of the two is not what is meant."""
    text = CONTRACT.replace(
        "identity:", f"  - {{policy: shared/payments.yaml, digest: {'ab' * 32}}}\nidentity:"
    )
    assert errors(text) == [("extends.twice", "c/refunds.yaml", 5, 14)]


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ("extends: 3", "value.type"),
        ("extends: [{}]", "key.missing"),
        ("extends: [{policy: a.yaml, digest: x}]", "value.form"),
        ("shared: []", "value.type"),
        ("shared: {x: y}", "key.form"),
        ("extends:", "value.empty"),
    ],
)
def test_what_is_no_extension(own: str, code: str) -> None:
    """A slip in `extends` itself is told before any file is looked for."""
    line = "extends:\n  - {policy: shared/payments.yaml, digest: PAYMENTS}\n"
    assert errors(CONTRACT.replace(line, f"{own}\n"))[0][0] == code


@pytest.mark.parametrize(
    "own",
    [
        "facts: []",
        "values: 3",
        "policy: x",
        "policy: {limits: 3}",
        "policy: {sentences: {}}",
        "policy: {document: []}",
        "facts: {paid: 3}",
    ],
)
def test_a_malformed_contract_over_a_shared_policy(own: str) -> None:
    """What is of another type than it should be is told as such, at its place."""
    settled = CONTRACT.replace(
        "digest: PAYMENTS", "digest: PAYMENTS, override: [facts.paid, policy.document]"
    )
    for text in (
        f"{settled}{own}\n",
        f"{settled}{own}\n".replace("rules:\n  - {id", "rules: 7\nx: {id"),
    ):
        found = errors(text)
        assert {code for code, *_ in found} & {"value.type", "extends.override"}
        assert {file for _, file, *_ in found} == {"c/refunds.yaml"}


def test_a_text_that_does_not_end_its_last_line() -> None:
    """A contract without a line end is published with one, if that changes nothing of it."""
    files = reading({"c/shared/payments.yaml": POLICY})
    open_end = parse_contract(text_of().rstrip("\n"), "c/refunds.yaml", files)
    assert parse_contract(closed_text(open_end)).clauses.rules == open_end.clauses.rules
    block = text_of() + "  - {id: b, for: pay, when: 'true', says: x}\nvalues:\n  a: |\n    true"
    with pytest.raises(ContractErrors, match=r"shared\.form.*something else"):
        closed_text(parse_contract(block, "c/refunds.yaml", files))
