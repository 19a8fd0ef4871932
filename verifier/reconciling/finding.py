"""What a comparison finds, as drafts: left over on one side, or paired and different."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts.instants import moment, written
from verifier.drafts import OutsideDraft
from verifier.findings import Result, Severity, shortened
from verifier.reconciling.arguments import as_text, differences, digest_of, exact
from verifier.reconciling.arguments import written as as_json
from verifier.reconciling.covering import COVERED, OUTSIDE, RUN, TIME, TOOL
from verifier.reconciling.pairing import State
from verifier.reconciling.recording import Recording
from verifier.reconciling.tables import row_of, rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ACTED: Final = "coverage.acted-not-recorded"
RECORDED: Final = "coverage.recorded-not-acted"
ARGUMENTS: Final = "coverage.arguments-differ"
OUTCOME: Final = "coverage.outcome-differs"

_MOST: Final = 5
"""Places at which arguments differ that are named."""
_LONG: Final = 60
_UNCOVERED: Final = {
    TOOL: "the source shows no call of this tool: whether it would is not known",
    TIME: "the source is not known to show calls of this time",
    RUN: "the source does not show these runs",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One source that was compared.

    Attributes:
        name: What it is called.
        textual: Whether its arguments are text.
        recording: What of the ledger was not to be seen.
    """

    name: str
    textual: bool
    recording: Recording


class Findings:
    """Drafts of what one comparison found, in the order of their entries and calls."""

    def __init__(self, database: "DuckDBPyConnection", of: Comparison) -> None:
        self._database = database
        self._of = of
        self._form = as_text if of.textual else exact

    def drafts(self) -> Iterator[OutsideDraft]:
        """Yield all that was found."""
        yield from self._acted()
        yield from self._recorded()
        yield from self._uncovered()
        yield from self._different()
        yield from self._unsaid()

    # -------------------------------------------------------------------- on one side alone

    def _acted(self) -> Iterator[OutsideDraft]:
        statement = """
            WITH opened AS (
                SELECT CASE WHEN ref = '' THEN digest ELSE ref END AS scope, min(idx) AS idx
                FROM runs GROUP BY ALL)
            SELECT c.*, coalesce(o.idx, 0) AS opened, row_number() OVER (PARTITION BY c.run,
                c.tool, c.call_id, c.key, c.args, c.stamp ORDER BY c.n) AS nth
            FROM calls c ANTI JOIN paired p ON c.n = p.n LEFT JOIN opened o ON c.scope = o.scope
            ORDER BY c.n"""
        hidden = self._of.recording.withheld
        for row in self._rows(statement):
            own = ("run", "tool", "call_id", "key", "args", "stamp", "nth")
            yield OutsideDraft(
                code=ACTED,
                index=row["opened"],
                severity=Severity.HIGH,
                result=Result.UNDECIDABLE if hidden else Result.VIOLATED,
                expected="a recorded action for each call that the source shows",
                recorded=f"none for {self._call(row)}",
                reason=f"withheld: {hidden:,} records of the bundle may be actions, and one of "
                "them this call"
                if hidden
                else "",
                detail=self._detail(*(row[name] for name in own)),
                tool=row["tool"],
                run=row["run"] or "",
            )

    def _recorded(self) -> Iterator[OutsideDraft]:
        for row in self._rows(f"SELECT * FROM missing WHERE why = '{COVERED}' ORDER BY idx"):
            yield OutsideDraft(
                code=RECORDED,
                index=row["idx"],
                severity=Severity.MEDIUM,
                expected=f"this call in {self._of.name}, which covers its tool and time",
                recorded=f"the ledger says {row['status']} (entry {row['outcome']}), and "
                f"{self._of.name} shows no such call",
                rests_on=(row["outcome"],),
                detail=self._detail(),
            )

    def _uncovered(self) -> Iterator[OutsideDraft]:
        """One draft for each reason: a log of one tool says nothing of all others."""
        statement = f"""
            SELECT why, CASE WHEN why = '{TOOL}' THEN tool ELSE '' END AS which, count(*) AS many,
                min(idx) AS idx, max(idx) AS latest
            FROM missing WHERE why NOT IN ('{COVERED}', '{OUTSIDE}') GROUP BY ALL
            ORDER BY idx, why"""
        for row in self._rows(statement):
            of = f" of {row['which']}" if row["which"] else ""
            yield OutsideDraft(
                code=RECORDED,
                index=row["idx"],
                severity=Severity.MEDIUM,
                result=Result.UNDECIDABLE,
                expected=f"each recorded call in {self._of.name}",
                recorded=f"{row['many']:,} recorded calls{of} that {self._of.name} does not "
                f"show, entries {row['idx']} to {row['latest']}",
                reason=f"{_UNCOVERED[row['why']]} ({self._of.name}; say it under `covers`)",
                detail=self._detail(row["why"], row["which"]),
            )

    # ------------------------------------------------------------------ paired and different

    def _different(self) -> Iterator[OutsideDraft]:
        same = "loose" if self._of.textual else "exact"
        statement = f"""
            SELECT p.choices, c.*, r.idx, r.tool AS own_tool, r.{same} AS own_args,
                r.body AS own_body, r.hidden, r.state, r.status, r.outcome, r.decision
            FROM paired p JOIN calls c ON p.n = c.n JOIN recorded r ON p.idx = r.idx
            WHERE c.tool <> r.tool OR c.args IS DISTINCT FROM r.{same} OR r.state = 'not'
                OR (c.failed AND r.state = 'ok') OR (NOT c.failed AND r.state = 'failed')
            ORDER BY r.idx"""
        for row in self._rows(statement):
            yield from self._arguments(row)
            yield from self._outcome(row)

    def _arguments(self, row: Mapping[str, Any]) -> Iterator[OutsideDraft]:
        places = [*self._places(row)]
        reason = "" if places else self._unknown(row)
        if places and row["choices"] > 1:
            reason = f"{row['choices']} calls are equally good matches: which is which is not known"
        if not places and not reason:
            return
        told = "; ".join(
            f"{path}: {shortened(mine, _LONG)} in the ledger, {shortened(other, _LONG)} in "
            f"{self._of.name}"
            for path, mine, other in places[:_MOST]
        )
        more = f"; and {len(places) - _MOST} more" if len(places) > _MOST else ""
        yield OutsideDraft(
            code=ARGUMENTS,
            index=row["idx"],
            severity=Severity.HIGH,
            result=Result.UNDECIDABLE if reason else Result.VIOLATED,
            expected="the tool and arguments that the source shows",
            recorded=f"{told}{more} ({row['place']})"
            if told
            else f"nothing differs that is seen ({self._of.name}, {row['place']})",
            reason=reason,
            detail=self._detail(),
        )

    def _places(self, row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        if row["tool"] != row["own_tool"]:
            yield "tool", row["own_tool"], row["tool"]
        if row["args"] is None or row["args"] == row["own_args"]:
            return
        hidden = frozenset(json.loads(row["hidden"] or "{}"))
        mine, other = json.loads(row["own_body"]), json.loads(row["body"])
        yield from differences(mine, other, self._form, hidden)

    def _unknown(self, row: Mapping[str, Any]) -> str:
        """Return why it is not known whether arguments differ; empty where it is."""
        if row["args"] is None:
            return "" if self._says_none() else "the source does not say this call's arguments"
        if row["hidden"] is None:
            return ""
        hidden: dict[str, str] = json.loads(row["hidden"])
        _, reason = min(hidden.items())
        return f"{reason} (and {len(hidden) - 1} more)" if len(hidden) > 1 else reason

    def _outcome(self, row: Mapping[str, Any]) -> Iterator[OutsideDraft]:
        state, failed = State(row["state"]), row["failed"]
        opposite = (failed is True and state is State.OK) or (
            failed is False and state is State.FAILED
        )
        undone = state is State.NOT and failed is not True
        if not opposite and not undone:
            return
        said = {None: "shows it", True: "says that it failed", False: "says that it was done"}
        reason = self._doubt(row, undone=undone)
        yield OutsideDraft(
            code=OUTCOME,
            index=row["idx"],
            severity=Severity.HIGH if undone else Severity.MEDIUM,
            result=Result.UNDECIDABLE if reason else Result.VIOLATED,
            expected="the end that the source shows",
            recorded=f"the ledger says {row['status'] or _never(row['decision'])}, and "
            f"{self._of.name} {said[failed]} ({row['place']})",
            rests_on=() if row["outcome"] is None else (row["outcome"],),
            reason=reason,
            detail=self._detail(),
        )

    def _doubt(self, row: Mapping[str, Any], *, undone: bool) -> str:
        if row["choices"] > 1:
            many = row["choices"]
            return f"{many} calls are equally good matches: which is which is not known"
        if undone and row["failed"] is None:
            return "the source does not say whether the call was carried out"
        if undone and row["outcome"] is None and self._of.recording.outcomes_withheld:
            return "withheld: a record of the bundle may be the outcome"
        return ""

    # --------------------------------------------------------------- what is said of nothing

    def _says_none(self) -> bool:
        return not row_of(self._database, "SELECT count(args) FROM calls")[0]

    def _unsaid(self) -> Iterator[OutsideDraft]:
        many = row_of(self._database, "SELECT count(*) FROM paired")[0]
        if many and self._says_none():
            yield OutsideDraft(
                code=ARGUMENTS,
                index=0,
                severity=Severity.ADVICE,
                result=Result.UNDECIDABLE,
                expected="the tool and arguments that the source shows",
                recorded=f"{many:,} calls were matched by their ids, tools and times alone",
                reason=f"{self._of.name} does not say arguments",
                detail=self._detail("unsaid"),
            )

    def _detail(self, *parts: object) -> str:
        """Return what tells this finding from others of its code at its entry."""
        return digest_of(as_json([self._of.name, *parts]))

    def _call(self, row: Mapping[str, Any]) -> str:
        """Return a call in words."""
        body = "arguments not said" if row["body"] is None else _flat(row["body"])
        parts = [f"{row['tool']} {body}"]
        if row["stamp"] is not None:
            parts.append(f"at {written(moment(row['stamp']))}")
        if row["call_id"] is not None:
            parts.append(f"call {shortened(row['call_id'], _LONG)}")
        if row["failed"]:
            parts.append("failed")
        return f"{', '.join(parts)} ({self._of.name}, {row['place']})"

    def _rows(self, statement: str) -> Iterator[dict[str, Any]]:
        names = [column[0] for column in self._database.execute(f"DESCRIBE {statement}").fetchall()]
        for row in rows_of(self._database, statement):
            yield dict(zip(names, row, strict=True))


def _never(decision: str) -> str:
    words = {"deny": "denied", "escalate": "escalated", "approve": "held for an approval"}
    return f"{words[decision]} and never carried out"


def _flat(body: str) -> str:
    return shortened(json.dumps(json.loads(body), ensure_ascii=False, sort_keys=True), 2 * _LONG)
