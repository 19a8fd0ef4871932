"""Random contracts and histories in which decisions matter to what comes after them.

They are those of the reference engines, with more of what cascading follows: decisions recorded
otherwise, approvals and resumes, compensations, evidence, rules of every effect.
"""

from hypothesis import strategies as st

from tests.reference.histories import kind_of
from tests.reference.random_cases import FOCUSES, Choices, Line, case

LEADS = ("spiffe://acme.example/kim", "spiffe://acme.example/lee")


def richer(plain: Line, raw: bytes) -> Line:
    """Return a case with more that hangs together, as the bytes choose."""
    choices = Choices(raw)
    contract = plain["contract"]
    rules = [_rule(choices, rule) for rule in contract["rules"] if choices.chance(2)]
    rules.append({"id": "some", "for": "*", "when": choices.of(SOME), "effect": "deny"})
    facts = {**contract["facts"], **{name: _fact(choices, name) for name in ("g0", "g1")}}
    rules += [_limit(choices, name) for name in ("g0", "g1", "g1")]
    history = _joined(choices, plain["history"])
    return {"contract": {**contract, "facts": facts, "rules": rules}, "history": history}


def _fact(choices: Choices, name: str) -> Line:
    """A number that history comes to: mostly known, mostly small."""
    counted: Line = {"count": True, "from": choices.of(("outcome", "action", "outcome of pay"))}
    summed: Line = {"sum": choices.of(("params.n", "outcome.value.micros")), "from": "outcome"}
    seen: Line = {"count": True, "from": choices.of(("observation of look", "observation of pay"))}
    text = dict(choices.of((counted, counted, summed, seen, {**counted, "from": "approval"})))
    text["over"] = choices.of(("run", "service", "ledger", "identity"))
    text |= {"within": choices.of(("2s", "5s"))} if choices.chance(2) else {}
    text |= {"by": choices.of(("params.k", "action.target"))} if choices.chance(3) else {}
    if str(text["from"]).startswith("outcome"):
        text |= {"reserve": choices.of(("1", "params.n"))} if choices.chance(2) else {}
        text |= {"where": 'outcome.status == "ok"'} if choices.chance(3) else {}
    text |= {"attempts": "all"} if choices.chance(3) else {}
    text |= {"unknown": "skip"} if choices.chance(2) else {}
    if name == "g1" and choices.chance(4):
        return text | {"by": "params.n", "at": "facts.g0"}
    if name == "g1" and choices.chance(2):
        text["where"] = choices.of(("facts.g0 > 0", "facts.g0 < 2"))
    return text


def _limit(choices: Choices, name: str) -> Line:
    """A rule that such a number has reached a bound."""
    text: Line = {"id": f"{name}.{choices.of(range(10**6))}", "for": choices.of(("*", "pay"))}
    text["when"] = f"facts.{name} > {choices.of((1, 0, 2, 3))}"
    text["effect"] = choices.of(("deny", "approve", "escalate", "warn"))
    text |= {"role": "lead"} if text["effect"] == "approve" else {}
    return text | {"undecidable": choices.of(("allow", "deny", "allow", "escalate"))}


SOME = (
    "params.n > 2",
    "params.n == 1",
    'action.tool == "look"',
    "size(evidence) == 0",
    'has(action.decision) && action.decision == "approve"',
)


def _rule(choices: Choices, rule: Line) -> Line:
    if "expect" in rule:
        return rule
    effect = choices.of(("deny", "deny", "approve", "escalate", "warn"))
    text = {**rule, "effect": effect}
    if effect == "approve":
        text["role"] = "lead"
    if effect != "warn" and choices.chance(3):
        text["undecidable"] = choices.of(("allow", "escalate", "deny"))
    return text


def _joined(choices: Choices, lines: list[Line]) -> list[Line]:
    """Return the records, some of which name earlier ones."""
    found: list[Line] = []
    actions: list[Line] = []
    seen: list[str] = []
    for line in lines:
        made, kind = line, kind_of(line)
        if kind == "action":
            made = _action(choices, line, actions, seen)
            actions.append(made)
        elif kind == "approval" and choices.chance(2):
            made = {**line, "by": choices.of(LEADS), "verdict": "approve"}
            made["identity"] = {"roles": ["lead"], "owner": made["by"]}
        elif kind == "outcome":
            of = next(one for one in actions if one["action"] == line["of"])
            if of.get("decision", "allow") != "allow" and not choices.chance(3):
                made = {**line, "status": "skipped"}
            money = {"currency": "EUR", "micros": choices.of((1, 2))}
            made |= {"value": money} if choices.chance(2) else {}
        if kind == "observation":
            seen.append(str(made["observation"]))
        found.append(made)
    return found


def _action(choices: Choices, line: Line, actions: list[Line], seen: list[str]) -> Line:
    made = dict(line)
    if choices.chance(3):
        made["decision"] = choices.of(("approve", "deny", "escalate", "allow"))
    if seen and choices.chance(2):
        made["evidence"] = list(dict.fromkeys(choices.of(seen[::-1]) for _ in range(2)))
    if actions and choices.chance(3):
        held = choices.of(actions[::-1])
        if choices.chance(4):
            return made | {"compensates": held["action"]}
        made |= {name: held[name] for name in ("in", "tool", "params")}
        made.pop("target", None)
        made |= {"target": held["target"]} if "target" in held else {}
        made |= {"resumes": held["action"], "decision": choices.of(("allow", "allow", "approve"))}
    elif actions and choices.chance(4):
        made["compensates"] = choices.of(actions[::-1])["action"]
    return made


def cascades(longest: int = 20) -> st.SearchStrategy[Line]:
    """Random cases of decisions that others hang on."""
    word = st.binary(min_size=12, max_size=12)
    plain = st.builds(
        case,
        st.lists(word, min_size=1, max_size=4),
        st.lists(word, min_size=1, max_size=4),
        st.lists(word, min_size=6, max_size=longest),
        st.sampled_from(FOCUSES),
    )
    return st.builds(richer, plain, st.binary(min_size=20, max_size=80))
