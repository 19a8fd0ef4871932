"""Random limits of several levels, and runs that stand in some of their cases and in others not."""

from hypothesis import strategies as st

from tests.reference.random_cases import Line
from tests.reference.views import Value

NAMES = ("most", "least", "kept")
BY = (
    "run.domain",
    "run.attributes.region",
    'has(run.workflow) ? run.workflow : ""',
    "facts.segment",
)
CASES = st.sampled_from(("a", "b", "c"))

values = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 4), max_size=3)


@st.composite
def level(draw: st.DrawFn) -> Line:
    """One level: an expression, and the values of some cases."""
    return {"by": draw(st.sampled_from(BY)), **draw(st.dictionaries(CASES, values, max_size=3))}


@st.composite
def limits(draw: st.DrawFn) -> Line:
    """One to three levels, as often as not with a fallback."""
    levels = draw(st.lists(level(), min_size=1, max_size=3))
    default = {"default": draw(values)} if draw(st.booleans()) else {}
    if len(levels) == 1 and draw(st.booleans()):
        return levels[0] | default
    return {"levels": levels} | default


@st.composite
def limit_cases(draw: st.DrawFn) -> Line:
    """A contract whose rules and facts read limits, and a few runs with an action in each."""
    case: st.SearchStrategy[Value] = st.sampled_from(("a", "b", "c", "other", None))
    region: st.SearchStrategy[Value] = st.sampled_from(("a", "b", "c", "other", None, 7))
    lines: list[Line] = []
    for number in range(draw(st.integers(1, 6))):
        run = f"run{number}"
        opened = {"domain": draw(case), "workflow": draw(case)}
        attributes = {"region": draw(region)}
        lines.append({"opened": run, "attributes": attributes, **opened})
        if draw(st.booleans()):
            fields = {"segment": draw(case)}
            lines.append({"observation": f"o{number}", "in": run, "what": "x", "fields": fields})
        lines.append({"action": f"a{number}", "in": run, "params": {"n": draw(st.integers(0, 5))}})
    rules = [{"id": name, "when": f"params.n > limits.{name}"} for name in NAMES]
    rules += [{"id": "has", "when": "has(limits.most)"}, {"id": "few", "unless": "facts.few < 2"}]
    facts = {
        "segment": {"last": "observation.fields.segment", "from": "observation"},
        "few": {
            "count": True,
            "from": "action",
            "where": "params.n > limits.kept",
            "over": "ledger",
        },
    }
    return {
        "contract": {"limits": draw(limits()), "facts": facts, "rules": rules},
        "history": lines,
    }
