"""Random contracts and histories, in the words of the vectors, so that a failure can become one.

Each part is decoded from a few bytes: Hypothesis deletes records and simplifies choices when it
shrinks, and the first choice of each list is the plainest.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from hypothesis import strategies as st

from tests.reference.views import Value

T = TypeVar("T")
Line = dict[str, Value]

FOCUSES: Final = ("plain", "keys", "windows", "reservations", "obligations", "imports")
SERVICES: Final = ("spiffe://acme.example/ai/desk", "spiffe://acme.example/ai/other")
SUBJECTS: Final = (
    "*",
    "*",
    "outcome",
    "message",
    "run.closed",
    "pay",
    ["look", "tag"],
    "outcome of pay",
)
TOOLS: Final[Mapping[str, Value]] = {
    "look": {"mode": "read"},
    "tag": {"mode": "draft", "target": "params.k", "estimate": {"cost": "params.n * 10"}},
    "pay": {
        "mode": "execute",
        "params": {
            "type": "object",
            "properties": {"n": {"type": "integer"}, "x": {"type": "number"}},
            "required": ["n"],
        },
    },
}
LIMITS: Final[Sequence[Value]] = (
    {"most": 2},
    {"by": "run.attributes.region", "default": {"most": 1}, "EU": {"most": 3}},
    {"by": "run.attributes.region", "EU": {"most": 3}, "US": {"most": 0}},
    {"by": "facts.f0", "default": {"most": 1}, "x": {"most": 3}},
    {
        "levels": [
            {"by": "run.domain", "d": {"most": 5}, "e": {"least": 1}},
            {"by": "run.attributes.region", "EU": {"most": 3, "least": 2}, "x": {"least": 4}},
        ],
        "default": {"most": 1},
    },
    {
        "levels": [
            {"by": 'has(run.domain) ? run.domain : ""', "d": {"most": 0}},
            {"by": "facts.f0", "x": {"most": 2}, "y": {"most": 3}},
        ],
    },
)
VALUES: Final[Mapping[str, Sequence[str]]] = {
    "action": (
        "params.n",
        "action.index",
        "params.x",
        "action.time",
        "params.tags",
        "action.target",
        "limits.most",
    ),
    "outcome": (
        "outcome.cost.micros",
        "outcome.fields.n",
        "params.n",
        "outcome.seconds",
        "outcome.status",
    ),
    "observation": (
        "observation.fields.n",
        "observation.ref",
        "observation.time",
        "observation.fields",
    ),
    "approval": ("approval.index", "approval.verdict", "params.n"),
    "message": ("message.turn", "message.content", "message.tokens.input"),
    "run.opened": ("run.attributes.n", "run.attributes.region"),
    "run.closed": ("run.value.micros", "run.outcome"),
    "switch": ("switch.index", "switch.state"),
}
INTS: Final[Mapping[str, Sequence[str]]] = {
    "action": ("params.n", "action.index"),
    "outcome": ("outcome.cost.micros", "outcome.index", "params.n", "outcome.fields.n"),
    "observation": ("observation.index", "observation.fields.n"),
    "approval": ("approval.index",),
    "message": ("message.turn", "message.index"),
    "run.opened": ("run.attributes.n",),
    "run.closed": ("run.value.micros",),
    "switch": ("switch.index",),
}
WHERES: Final[Mapping[str, Sequence[str]]] = {
    "action": (
        "params.ok",
        "params.n > 1",
        "has(action.turn) || params.ok",
        'action.mode == "read"',
        "params.n > limits.most",
    ),
    "outcome": (
        'outcome.status == "ok"',
        "outcome.fields.n > 1",
        "params.ok",
        "outcome.seconds < 2.0",
    ),
    "observation": (
        'observation.kind == "kyc"',
        "observation.fields.ok",
        'action.target == "x"',
        "!has(observation.run)",
    ),
    "approval": ('approval.verdict == "approve"', "params.ok"),
    "message": ('message.role == "user"', "message.turn > 0"),
    "run.opened": ("run.attributes.n > 1", 'run.service == "spiffe://acme.example/ai/desk"'),
    "run.closed": ('run.outcome == "won"', "run.value.micros > 0"),
    "switch": ('switch.state == "engaged"', "has(switch.selector)", '"lead" in switch.roles'),
}
KEYS: Final[Mapping[str, Sequence[str]]] = {
    "action": ("action.target", "params.k", "params.tags", "action.call", "action.digest"),
    "outcome": ("action.target", "params.k", "action.digest", "params.tags", "outcome.status"),
    "observation": ("observation.ref", "observation.fields.refs", "observation.kind"),
    "approval": ("action.target", "approval.by", "action.digest"),
    "message": ("message.role", "message.turn"),
    "run.opened": ("run.attributes.region", "run.id"),
    "run.closed": ("run.attributes.region", "run.id"),
    "switch": ("switch.mode", "switch.selector", "switch.state"),
}
SOURCES: Final = (
    *("action", "outcome", "action", "observation", "outcome", "action", "message"),
    *("observation", "outcome", "approval", "run.opened", "action", "run.closed", "switch"),
)
WITH_TOOLS: Final = frozenset({"action", "outcome", "observation", "approval"})
AGGREGATES: Final[Mapping[str, Sequence[str]]] = {
    "plain": ("count", "sum", "seen", "last", "list", "min", "max"),
    "windows": ("sum", "count", "min", "sum", "max", "last", "list"),
    "reservations": ("sum", "count", "sum"),
}
OVERS: Final[Mapping[str, Sequence[str]]] = {
    "plain": (
        *("run", "run", "ledger", "service", "run", "identity"),
        "workflow",
        "ledger",
        "domain",
    ),
    "windows": ("ledger", "run", "service", "ledger", "identity"),
}
ASKED: Final = (
    "params.k",
    "action.target",
    "params.tags",
    '"x"',
    "run.attributes.region",
    "facts.f0",
    "run.id",
    "action.selected",
)
SELECTORS: Final = (
    'action.tool == "pay"',
    "params.n > 1",
    'run.attributes.region == "EU"',
    'action.mode == "read"',
    "action.selected == []",
    "facts.f0 == 1",
    "no condition",
    "params.n",
)
EXPECTED: Final[Sequence[Line]] = (
    {"from": "outcome", "by": "action.digest"},
    {"from": "observation", "by": "observation.ref", "at": "params.tags"},
    {"from": "observation", "by": "observation.ref", "at": "params.k"},
    {"from": "message"},
    {"from": "action", "by": "params.tags"},
    {"from": "observation", "by": "observation.fields.refs", "at": "action.target"},
    {"from": "action", "by": "action.target"},
    {"from": "approval", "by": "action.digest"},
    {"from": "run.closed"},
    {"from": "run.opened"},
)
RESERVES: Final = ("1", "params.n", "action.estimate.cost.micros")
CONDITIONS: Final = (
    "{0} == {0}",
    "{0} > 1",
    "{0} > 1 || params.ok",
    "{0} == {1} && action.known",
    'action.tool == "look" || {0} >= limits.most',
    "size({0}) > 1",
    "!({0}) && {1} == {0}",
    "limits.most > limits.least || {0} == {0}",
    "has(limits.least) && {0} == {1}",
    "has(params.n) && params.n > {0}",
)


UNREADABLE: Final[Sequence[Line]] = (
    {"raw": "AAAA"},
    {"n": 1, "deep": [{"raw": "AAAA"}]},
    {"n": 1, "long": ["repeat", 257, 0]},
)


class Choices:
    """Bytes as a series of choices; when they are used up, each choice is the first one."""

    def __init__(self, raw: bytes) -> None:
        self._rest = int.from_bytes(raw, "little")

    def of(self, options: Sequence[T]) -> T:
        """One of the options."""
        self._rest, chosen = divmod(self._rest, len(options))
        return options[chosen]

    def chance(self, of: int) -> bool:
        """True once in so many times, never when the bytes are used up."""
        return self.of((False,) * (of - 1) + (True,))


def fact(choices: Choices, number: int, focus: str) -> Line:
    """A fact in the words of the contract language."""
    source = "outcome" if focus == "reservations" else choices.of(SOURCES)
    of = choices.of(("", "", " of pay", " of look, tag")) if source in WITH_TOOLS else ""
    aggregate = choices.of(AGGREGATES.get(focus, AGGREGATES["plain"]))
    values = INTS[source] if aggregate == "sum" and not choices.chance(6) else VALUES[source]
    value = True if aggregate in {"count", "seen"} else choices.of(values)
    text: Line = {aggregate: value, "from": source + of}
    text["over"] = choices.of(OVERS.get(focus, OVERS["plain"]))
    earlier = [f"facts.f{one}" for one in range(number)]
    wheres = (*WHERES[source], *(f"{one} == {one}" for one in earlier))
    wheres += tuple(f"{one} >= 1" for one in earlier)
    text |= {"where": choices.of(wheres)} if choices.chance(4) else {}
    if choices.chance(2 if focus == "keys" else 5):
        text["by"] = choices.of(KEYS[source])
        text |= {"at": choices.of(ASKED)} if choices.chance(2) else {}
    if focus in {"windows", "imports"} or choices.chance(3):
        text["within"] = choices.of(("5s", "2s", "10s", "1500ms", "3s"))
    text |= {"attempts": "all"} if choices.chance(4) else {}
    text |= {"unknown": "skip"} if choices.chance(3) else {}
    text |= {"reference": True} if text["over"] == "run" and choices.chance(4) else {}
    if source == "outcome" and aggregate in {"count", "sum"}:
        text |= {"reserve": choices.of(RESERVES)} if focus == "reservations" else {}
    if aggregate in {"last", "min", "max"}:
        text |= {"default": choices.of((0, "x"))} if choices.chance(3) else {}
    return text


def rule(choices: Choices, number: int, facts: int, focus: str) -> Line:
    """A rule over the facts, or an obligation."""
    names = [f"facts.f{choices.of(range(facts))}" for _ in range(2)]
    text: Line = {"id": f"r{number}", "for": choices.of(SUBJECTS)}
    text[choices.of(("unless", "when"))] = choices.of(CONDITIONS).format(*names)
    if focus != "obligations" and not choices.chance(8):
        text |= {"when": "params.ok"} if choices.chance(6) else {}
        return text
    text.pop("unless", None)
    text |= (
        {"when": choices.of(("action.known", "params.n > 0", 'message.role == "user"'))}
        if choices.chance(2)
        else {}
    )
    text = text if choices.chance(2) else {name: text[name] for name in ("id", "for")}
    expect: Line = dict(choices.of(EXPECTED))
    source = str(expect["from"])
    if source in {"outcome", "action"} and choices.chance(3):
        expect["from"] += " of pay"
    expect |= {"where": choices.of(WHERES[source])} if choices.chance(3) else {}
    if choices.chance(3):
        expect["over"] = choices.of(("ledger", "service", "identity", "workflow"))
    if choices.chance(6):
        expect |= {"by": choices.of(KEYS[source]), "at": choices.of(ASKED)}
    ends: Sequence[Line] = ({"until": "run.closed"}, {"within": "2s"}, {"within": "4s"})
    return text | {"expect": expect | choices.of(ends)}


def params(choices: Choices, *, wild: bool) -> Line:
    """The parameters of a call, in a wild history missing, null, of another type, raw, too long."""
    members: Line = {
        "n": choices.of((1, 2, 3, 5, 0)),
        "k": choices.of(("x", "y")),
        "ok": choices.of((True, True, False)),
        "tags": choices.of((["x"], ["y", "x", "y"], ["x", "y"], [], "y")),
    }
    if not wild:
        return members
    if choices.chance(12):
        return choices.of(UNREADABLE)
    members |= {
        "n": choices.of((1, 2, 2.0, 1.5, "2", None, True)),
        "k": choices.of(("x", 1, True, "1", 1.0, None)),
        "x": choices.of((1, 0.5, -0.0, 2.5, "x")),
        "ok": choices.of((True, False, "yes", None)),
        "tags": choices.of((["x", 1, True], ["y", "x"], ["x", None], ["z", 1.5])),
    }
    gone = choices.of(("", "", "", "", "n", "k", "ok", "tags"))
    return {name: value for name, value in members.items() if name != gone}


def opened(choices: Choices, name: str, focus: str) -> Line:
    """The opening of a run."""
    text: Line = {"opened": name, "service": choices.of((*SERVICES[:1] * 4, SERVICES[1]))}
    text |= {"workflow": choices.of(("w", "w", "v"))} if not choices.chance(4) else {}
    text |= {"domain": choices.of(("d", "e"))} if not choices.chance(3) else {}
    text["attributes"] = {
        "region": choices.of(("EU", "US", "x", None)),
        "n": choices.of((1, 2, None)),
    }
    if choices.chance({"imports": 2, "obligations": 4, "reservations": 4}.get(focus, 8)):
        text["import"] = choices.of(("claimed", "claimed", "none"))
    return text


class History:
    """A history that is written record by record, of runs, actions and outcomes that fit."""

    def __init__(self, focus: str, *, wild: bool) -> None:
        self.focus = focus
        self.wild = wild
        self.lines: list[Line] = []
        self._runs: dict[str, float] = {}
        self._imported: set[str] = set()
        self._actions: list[tuple[str, str]] = []
        self._time = 0.0

    def add(self, raw: bytes) -> None:
        """Write one more record."""
        choices, number = Choices(raw), len(self.lines)
        self._time += choices.of((1, 0, 0.5, 0, 0.5, 1, 0, 4))
        kinds = (
            *("action", "outcome", "action", "observation", "action", "outcome", "message"),
            *("action", "approval", "outcome", "observation", "action", "opened", "switch"),
            *("action", "closed", "outcome"),
        )
        kind = choices.of(kinds) if self._runs else "opened"
        runs = list(self._runs) or [""]
        name, run = f"{kind[:3]}{number}", choices.of((runs[0], *runs))
        if kind == "opened":
            line = self._opened(choices, f"run{number}")
        elif kind == "closed":
            line = {"closed": run, "outcome": choices.of(("won", "lost"))}
            line |= (
                {"value": {"currency": "EUR", "micros": choices.of((0, 1))}}
                if choices.chance(2)
                else {}
            )
        elif kind == "switch":
            line = {
                "switch": name,
                "service": choices.of(SERVICES),
                "state": choices.of(("engaged", "released")),
                "identity": {"roles": choices.of((["agent"], ["lead"], []))},
            }
            line |= {"selector": choices.of(SELECTORS)} if choices.chance(2) else {}
        else:
            line = self._of_run(choices, kind, name, run)
        if kind in {"opened", "closed"} or line.get("in") in self._imported:
            self._claim(choices, line, str(line.get("in") or line.get("opened") or run))
        by = choices.of((SERVICES[0], SERVICES[0], "spiffe://acme.example/b"))
        self.lines.append(line | {"t": self._time, "by": by})

    def _opened(self, choices: Choices, name: str) -> Line:
        line = opened(choices, name, self.focus)
        self._runs[name] = 0.0
        self._imported |= {name} if "import" in line else set()
        return line

    def _claim(self, choices: Choices, line: Line, run: str) -> None:
        if run in self._imported and not choices.chance(8):
            self._runs[run] += choices.of((1, 0, 0.5, 2))
            line["at"] = self._runs[run]

    def _of_run(self, choices: Choices, kind: str, name: str, run: str) -> Line:
        if kind == "message":
            text: Line = {"message": name, "in": run, "role": choices.of(("user", "assistant"))}
            text |= {"turn": choices.of((0, 1, 2)), "content": choices.of(("", "x"))}
            return text | ({"tokens": {"input": choices.of((1, 2))}} if choices.chance(2) else {})
        if kind == "observation":
            return self._observation(choices, name, run)
        if kind == "action" or not self._actions:
            self._actions.append((name, run))
            return self._action(choices, name, run)
        action, run = choices.of(self._actions[::-1])
        if kind == "approval":
            return {
                "approval": name,
                "of": action,
                "verdict": choices.of(("approve", "refuse")),
            }
        text = {
            "outcome": name,
            "of": action,
            "in": run,
            "status": choices.of(("ok", "ok", "error", "abandoned")),
        }
        text |= (
            {"cost": {"currency": "EUR", "micros": choices.of((1, 2, 5))}}
            if not choices.chance(3)
            else {}
        )
        return text | ({"fields": {"n": choices.of((1, 2, 2.5, "2"))}} if choices.chance(2) else {})

    def _observation(self, choices: Choices, name: str, run: str) -> Line:
        text: Line = {"observation": name, "in": run, "what": choices.of(("kyc", "note"))}
        if choices.chance(4):
            text |= {"in": None, "imported": choices.of((False, True))}
        elif self._actions and choices.chance(3):
            action, own = choices.of(self._actions)
            text |= {"of": action, "in": own}
        elif run in self._imported and choices.chance(4):
            text["imported"] = False
        text |= {"ref": choices.of(("x", "y"))} if not choices.chance(4) else {}
        fields = {"n": choices.of((1, 2, 3.0, None)), "ok": choices.of((True, False, None))}
        return text | {"fields": fields | {"refs": choices.of((["x"], ["x", "y"], [1.5], None))}}

    def _action(self, choices: Choices, name: str, run: str) -> Line:
        tool = choices.of(("pay", "look", "tag", "odd"))
        given = params(choices, wild=self.wild)
        text: Line = {"action": name, "in": run, "tool": tool, "params": given}
        text |= {"target": choices.of(("x", "y"))} if choices.chance(2) else {}
        text |= {"turn": choices.of((0, 1))} if choices.chance(3) else {}
        text |= {"decision": choices.of(("allow", "deny", "approve"))} if choices.chance(3) else {}
        money = {"currency": "EUR", "micros": choices.of((1, 3))}
        return text | ({"estimate": {"cost": money}} if choices.chance(2) else {})


def case(facts: list[bytes], rules: list[bytes], records: list[bytes], focus: str) -> Line:
    """A contract and a history from bytes."""
    texts = {f"f{number}": fact(Choices(raw), number, focus) for number, raw in enumerate(facts)}
    some = [rule(Choices(raw), number, len(facts), focus) for number, raw in enumerate(rules)]
    history = History(focus, wild=records[-1][-1] % 2 == 1)
    for raw in records:
        history.add(raw)
    limits = Choices(records[0]).of(LIMITS)
    contract = {"tools": TOOLS, "limits": limits, "facts": texts, "rules": some}
    return {"contract": contract, "history": history.lines}


def cases(focus: str, longest: int = 20) -> st.SearchStrategy[Line]:
    """Random cases with more of what the focus names."""
    word = st.binary(min_size=12, max_size=12)
    return st.builds(
        case,
        st.lists(word, min_size=1, max_size=3),
        st.lists(word, min_size=0, max_size=2),
        st.lists(word, min_size=6, max_size=longest),
        st.just(focus),
    )
