"""What comes out of a chunk: the rules that do not hold, each with its whole result.

The columns say which these are. The engine makes the results on its counters, which are told what
the records in question may see; and where it says otherwise than the columns, nothing is reported.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa

from contracts.case import Case, World
from contracts.column_duties import Followers, Triggers, met_sql
from contracts.column_facts import keys_sql
from contracts.column_plan import RuleAsked
from contracts.evaluation import Condition
from contracts.facts import FactMemory
from contracts.model import Verdict
from contracts.obligations import Waiting
from contracts.results import RuleResult
from verifier.chunk_tables import ChunkTables
from verifier.chunk_verdicts import BROKEN, HOLDS, UNKNOWN, verdicts
from verifier.column_setup import ColumnSetup
from verifier.columns import Held, Places, places_of
from verifier.errors import EnginesDifferError
from verifier.fact_feed import Feed
from verifier.fact_sources import tools_sql
from verifier.fact_state import Subject
from verifier.rows import Chunk, Judged, Row, runs_of
from verifier.workspace import arrow_of

ACTION: Final = "action"
_VERDICTS: Final = {BROKEN: Verdict.VIOLATED, UNKNOWN: Verdict.UNDECIDABLE}

Broken = defaultdict[int, list[tuple[RuleAsked, int]]]
"""By position the rules that do not hold, with the code of their verdict."""
Choose = Callable[[Sequence[int], Mapping[int, Places]], Iterable[tuple[int, int]]]
"""Says of which results of actions the whole is wanted, where that is not of all that do not hold.

It is given the positions of the actions, and of each rule, by its number, the codes of its verdicts
in their order. It answers with pairs of a place in that order and a rule's number.
"""


class ChunkResults:
    """The results of one chunk, whose tables are computed."""

    def __init__(self, setup: ColumnSetup, chunk: Chunk, tables: ChunkTables) -> None:
        self._setup = setup
        self._chunk = chunk
        self._tables = tables
        self._world = setup.engine.world
        self._database = setup.database
        self._runs = runs_of(chunk)
        self._indexes = [row.placed.event.index for row in chunk.rows]

    def replayed(self, choose: Choose | None = None) -> Judged:
        """Ask the counters of the records that some rule does not hold for, or that spoil facts.

        Args:
            choose: Where only some results are wanted: which ones.
        """
        judged = Judged()
        codes = self._verdicts()
        self._meet(codes)
        broken = self._broken(codes, judged) if choose is None else self._chosen(codes, choose)
        spoiling = self._spoiling()
        asked = self._asked_facts(broken, spoiling)
        told = set[int]().union(*asked.values())
        feeds = self._feeds(asked)
        engine = self._setup.engine
        concerns = engine.concerns
        for position, row in enumerate(self._chunk.rows):
            against = broken.get(position, ())
            spoilt = spoiling.get(position)
            if not against and not spoilt and not concerns(row.placed):
                continue
            if position in told:
                for feed in feeds:
                    feed.up_to(row.placed.event.index)
            noting = partial(self._note_reasons, spoilt) if spoilt else None
            rules = [(each.rule, _VERDICTS[said]) for each, said in against]
            results = engine.take_known(row.placed, row.cited, rules, noting)
            self._compare(row, against, results)
            if results:
                judged.results[position] = results
        for memory in self._world.facts.values():
            memory.clear()
        return judged

    def _meet(self, codes: Mapping[int, Places]) -> None:
        """Let duties hold that are met in this chunk: they are counted, and no more."""
        for duty in self._setup.plan.duties:
            rule = duty.rule.rule.rule
            expect = rule.expect
            opening = self._tables.subjects.get(rule.subject)
            following = self._tables.subjects.get(expect.source) if expect else None
            if expect is None or opening is None or following is None:
                continue
            mine = codes[duty.rule.number]
            name = f"opens{duty.rule.number}"
            opens: Held = pa.array(mine == BROKEN, pa.bool_())
            opening.table = opening.table.append_column(name, opens)
            self._tables.register(rule.subject)
            fits = [tools_sql(expect.tools or None), *([duty.where] if duty.where else [])]
            closing = self._tables.subjects.get("run.closed")
            statement = met_sql(
                Triggers(opening.source, name, f"in_{expect.over}", _keys(opening, duty.at)),
                Followers(following.source, " AND ".join(fits), _keys(following, duty.by)),
                within=expect.within,
                closings="" if closing is None else closing.source,
            )
            met = arrow_of(self._database, statement)["idx"].to_numpy()
            mine[places_of(opening.indexes, met)] = HOLDS

    def _asked_facts(
        self,
        broken: Mapping[int, Sequence[tuple[RuleAsked, int]]],
        spoiling: Mapping[int, Sequence[FactMemory]],
    ) -> dict[str, set[int]]:
        """Return which facts the counters will be asked for, each by positions."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        world, waiting = self._world, self._setup.engine.waiting
        behind = [
            _asked_by(world, each, waiting.get(each.rule.rule.id))
            for each in self._setup.plan.rules
        ]
        for position, against in broken.items():
            for name in frozenset[str]().union(*(behind[each.number] for each, _ in against)):
                found[name].add(position)
        for duty in waiting.values():
            # Whether a record meets a duty of an earlier one is asked on the counters.
            for name in _behind(world, (duty.where, duty.by)):
                found[name].update(self._chunk.positions[duty.expect.source])
        for position, memories in spoiling.items():
            for name in world.behind(name for memory in memories for name in memory.names):
                found[name].add(position)
        return found

    def _spoiling(self) -> dict[int, list[FactMemory]]:
        """Return which records spoil which facts, by position."""
        found: defaultdict[int, list[FactMemory]] = defaultdict(list)
        for run in self._tables.groups:
            for index, memories in run.spoiling.items():
                found[self._position(index)] += memories
        return found

    def _position(self, index: int) -> int:
        return bisect_left(self._indexes, index)

    def _note_reasons(self, memories: Iterable[FactMemory], case: Case) -> None:
        """Keep why a record spoils facts, in the words of the counters."""
        for memory in sorted(memories, key=lambda one: one.level):
            note = memory.note(case)
            if note is None or note.entry is None or not note.entry.reason:
                index = case.placed.event.index
                raise EnginesDifferError(index, f"fact {memory.fact.name}", "an error", "none")
            self._setup.reasons.keep(memory.fact.name, note.entry)

    def _feeds(self, asked: Mapping[str, set[int]]) -> list[Feed]:
        """Return what the counters need to know of facts for some records."""
        for memory in self._world.facts.values():
            memory.clear()
        digests = {
            action.event.index: action.event.digest
            for action in (row.placed.its_action for row in self._chunk.rows)
            if action is not None
        }
        feeds: list[Feed] = []
        for run in self._tables.groups:
            names = {one.memory.fact.name for one in run.state.group.facts}
            positions = set[int]().union(*(asked.get(name, ()) for name in names))
            if not positions:
                continue
            wanted = pa.array([self._indexes[one] for one in sorted(positions)], pa.int64())
            self._database.register("wanted", pa.table({"idx": wanted}))
            scopes = self._setup.scopes(run.state.group.over, self._runs)
            rows = iter(run.wanted().to_pylist())
            feeds.append(
                Feed(
                    run.state,
                    names & asked.keys(),
                    rows,
                    run.value,
                    scopes,
                    digests,
                    self._setup.reasons,
                )
            )
        return feeds

    def _compare(
        self, row: Row, against: Sequence[tuple[RuleAsked, int]], results: Sequence[RuleResult]
    ) -> None:
        """Hold what the columns said of a record's rules against what the counters say."""
        index = row.placed.event.index
        said = {one.rule.id: one.verdict for one in results if one.index == index}
        for rule, verdict in against:
            if rule.rule.rule.expect is not None:
                continue
            expected = _VERDICTS[verdict]
            if said.get(rule.rule.rule.id) is not expected:
                raise EnginesDifferError(
                    index, rule.rule.rule.id, expected.value, str(said.get(rule.rule.rule.id))
                )

    def _verdicts(self) -> dict[int, Places]:
        """Return the codes of each rule's verdicts, by its number, in the order of its table."""
        found: dict[int, Places] = {}
        for name, subject in self._tables.subjects.items():
            rules = [one for one in self._setup.plan.rules if one.rule.rule.subject == name]
            found.update(verdicts(subject.table, rules))
        return found

    def _chosen(self, codes: Mapping[int, Places], choose: Choose) -> Broken:
        """Return the rules whose results on actions are wanted, by position."""
        found: Broken = defaultdict(list)
        viewed = self._tables.viewed.get(ACTION)
        if viewed is not None:
            for place, number in choose(viewed.positions, codes):
                rule = self._setup.plan.rules[number]
                found[viewed.positions[place]].append((rule, int(codes[number][place])))
        return found

    def _broken(self, codes: Mapping[int, Places], judged: Judged) -> Broken:
        """Return the rules that do not hold, by position; count those that do."""
        found: Broken = defaultdict(list)
        for one in self._setup.plan.rules:
            mine = codes.get(one.number)
            if mine is None:
                continue
            positions = self._tables.viewed[one.rule.rule.subject].positions
            judged.satisfied[one.number] += int(np.count_nonzero(mine == HOLDS))
            for row in np.flatnonzero(mine > HOLDS):
                found[positions[int(row)]].append((one, int(mine[row])))
        return found


def _keys(subject: Subject, column: str) -> str:
    """Return SQL of the keys that a column says, or of the one key where there is no column."""
    return keys_sql(subject.shapes[column], f'"{column}"') if column else "['']"


def _asked_by(world: World, each: RuleAsked, duty: Waiting | None) -> frozenset[str]:
    """Return the facts that the counters are asked for where a rule does not hold."""
    at = None if duty is None else duty.at
    return _behind(world, (each.rule.when, each.rule.unless, at))


def _behind(world: World, conditions: Iterable[Condition | None]) -> frozenset[str]:
    """Return the facts that conditions read, directly, through others and through the limits."""
    reads = [one for one in conditions if one is not None]
    if any("limits" in one.reads.members for one in reads):
        reads += world.limits_by
    names = {name for one in reads for name in one.reads.facts}
    return world.behind(names) if names else frozenset()
