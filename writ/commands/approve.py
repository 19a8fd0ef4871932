"""`writ pending` and `writ approve`: what waits for people, and their word on it."""

import json
import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from writ.commands.contract import JsonOption, as_json_text
from writ.commands.init import KeysOption
from writ.commands.keys import LedgerArgument
from writ.commands.speaking import AsOption, KeyOption, YesOption, confirm, named, opened_keys
from writ.commands.times import length, moment
from writ.errors import UsageError
from writ.output import data, message

if TYPE_CHECKING:
    from contracts.history import Event
    from contracts.holds import Ask, Hold, Word
    from writ.approving import Desk

ActionArgument = Annotated[
    str, typer.Argument(metavar="ACTION", help="Digest, the beginning of one, or its entry.")
]
_SHOWN = 200
_DONE = {"approve": "approved", "refuse": "refused", "withdraw": "withdrawn"}


def pending(
    ledger: LedgerArgument,
    service: Annotated[
        str, typer.Option("--service", metavar="ID", help="Its identity, or the last part of it.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the actions that wait for people: held for an approval, or escalated.

    For each: what would be done, by whom, since when, which rule asks whom, what was said so far,
    and the command that approves it. It says what the ledger says: `writ verify` checks that.
    """
    from ledger.store import Store
    from writ.approving import Desk

    with Store.open(ledger) as store:
        desk = Desk(store)
    found = [
        one
        for one in desk.holds.waiting(desk.now)
        if service in {"", one.service, one.service.rpartition("/")[2]}
    ]
    if as_json:
        waits = [_as_json(desk, one) for one in found]
        data(as_json_text({"schema": "writ/pending/v1", "actions": waits}))
        return
    data("\n".join(_in_words(desk, one, ledger) for one in found) or "nothing waits\n")


def approve(  # noqa: PLR0913, PLR0917  (one parameter for each option)
    ledger: LedgerArgument,
    action: ActionArgument,
    rule: Annotated[
        str, typer.Option("--rule", metavar="ID", help="Say it of this rule only [all that wait].")
    ] = "",
    expires_in: Annotated[
        str, typer.Option("--expires-in", metavar="LENGTH", help="Such as 90s, 15m, 2h, 3d.")
    ] = "",
    expires_at: Annotated[
        str, typer.Option("--expires-at", metavar="TIME", help="RFC 3339, with a zone.")
    ] = "",
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no to it.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take your approval back.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Recorded with it.")] = "",
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Approve an action that was held, refuse it, or take an approval back, with your own key.

    Shows the action, its evidence and the rules that wait, and asks. Refused beforehand is what
    would lift nothing: an action that does not wait any more, somebody without the role, whoever
    has a stake in it. Approved is not done: the agent resumes it, and then everything is decided
    once more. Exits 0 when it is recorded, 4 where it is refused.
    """
    from writ.approving import Desk, Opinion, lifts, say
    from writ.governing import speaking

    verdict = _verdict(refuse=refuse, withdraw=withdraw)
    ends = _expiry(expires_in, expires_at)
    if ends is not None and verdict != "approve":
        raise UsageError("approval.expiry", "only an approval runs out")
    who = named(name, key, "approval.as")
    with speaking(opened_keys(ledger, keys, "approval.keys"), who, key) as speaker:
        desk = Desk(speaker.store)
        opinion = Opinion(desk.action(action), verdict, rule, ends, reason)
        hold = desk.hold(opinion.action)
        data(_in_words(desk, hold, ledger, in_full=True))
        rules = lifts(speaker, desk, opinion, desk.now)
        for ask in hold.asks:
            if ask.rule not in rules:
                message(f"writ: {ask.rule} goes on waiting: your word does not lift it")
        what = f"{verdict.capitalize()} {hold.action.record['tool']} as {speaker.client.by}"
        confirm(f"{what} ({', '.join(rules)})?", yes=yes, code="approval.confirm")
        index, record = say(speaker, desk, opinion)
    until = f", until {record.expires_at}" if record.expires_at else ""
    data(f"{_DONE[verdict]}: entry {index}{until}\n")
    if verdict == "approve":
        message("writ: nothing is done yet: the agent resumes it, and all is decided once more")


def _verdict(*, refuse: bool, withdraw: bool) -> str:
    if refuse and withdraw:
        raise UsageError("approval.verdict", "either --refuse or --withdraw: not both")
    if refuse:
        return "refuse"
    return "withdraw" if withdraw else "approve"


def _expiry(expires_in: str, expires_at: str) -> datetime | timedelta | None:
    if expires_in and expires_at:
        raise UsageError("approval.expiry", "either --expires-in or --expires-at: not both")
    if expires_in:
        return length(expires_in, "approval.expiry")
    return moment(expires_at, "approval.expiry") if expires_at else None


# ------------------------------------------------------------------------------- words


def _in_words(desk: "Desk", hold: "Hold", ledger: str, *, in_full: bool = False) -> str:
    record, action = hold.action.record, hold.action
    worth = desk.holds.worth(hold, desk.now)
    lines = [
        f"{hold.state.upper()}  {record['tool']}{_money(worth)}  {hold.service}",
        f"  since     {action.recorded_at} (entry {action.index}, {action.digest[:16]})",
        f"  by        {record['by']}{_of_run(hold)}",
    ]
    if "target" in record:
        lines.append(f"  target    {record['target']}")
    params = _params(record["params"], indent=2 if in_full else None)
    cut = params if in_full or len(params) <= _SHOWN else f"{params[:_SHOWN]}…"
    lines.append(f"  params    {cut.replace(chr(10), chr(10) + ' ' * 12)}")
    lines += [f"  evidence  {_seen(one, in_full=in_full)}" for one in desk.holds.evidence(hold)]
    for ask in hold.asks:
        lines += _asked(hold, ask)
    if hold.again:
        entries = ", ".join(str(one.index) for one in hold.again)
        lines.append(f"  again     it was resumed, and held again: entry {entries}")
    if hold.ready:
        lines.append("  ready     all is approved: the agent can resume it")
    elif hold.state == "held" and not in_full:
        command = f"writ approve {shlex.quote(ledger)} {action.digest[:16]} --as NAME"
        lines.append(f"  approve   {command}")
    return "\n".join(lines) + "\n"


def _money(worth: tuple[int, str] | None) -> str:
    if worth is None:
        return ""
    units, rest = divmod(abs(worth[0]), 1_000_000)
    sign = "-" if worth[0] < 0 else ""
    small = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"  {sign}{units}.{small} {worth[1]}".rstrip()


def _of_run(hold: "Hold") -> str:
    run = hold.run
    goal = f" “{run['goal']}”" if isinstance(run.get("goal"), str) else ""
    asked = f", asked for by {run['requester']}" if run.get("requester") else ""
    return f", run {hold.action.record['run'][:16]}{goal}{asked}"


def _params(params: object, *, indent: int | None) -> str:
    return json.dumps(params, ensure_ascii=False, sort_keys=True, indent=indent, default=_sealed)


def _sealed(_value: object) -> str:
    return "(sealed)"


def _seen(event: "Event", *, in_full: bool) -> str:
    record = event.record
    ref = f" {record['ref']}" if "ref" in record else ""
    fields = f" {_params(record['fields'], indent=None)}" if in_full and "fields" in record else ""
    return f"{record['what']}{ref} from {record['source']} (entry {event.index}){fields}"


def _asked(hold: "Hold", ask: "Ask") -> list[str]:
    if hold.state != "held":
        asks = [f"  escalates {ask.rule}: {ask.says}".rstrip(": ")]
    elif ask.role:
        lasts = "" if ask.within is None else f", for {ask.within // 1_000_000} s"
        asks = [f"  asks      {ask.rule}: an approval by {ask.role}{lasts}. {ask.says}".rstrip()]
    else:
        asks = [f"  asks      {ask.rule}, which the contract in force does not have any more"]
    if ask.cites:
        asks.append(f"            policy: “{ask.cites}”")
    return asks + [f"            {_word(word)}" for word in ask.words]


def _word(word: "Word") -> str:
    record = word.event.record
    said = f"{record['by']}: {word.verdict}, entry {word.event.index}"
    reason = f" “{record['reason']}”" if "reason" in record else ""
    if word.verdict != "approve":
        return said + reason
    until = f", until {_time(word.ends_at)}" if word.ends_at is not None else ""
    return f"{said}{until}{reason}" + ("" if word.stands else f"; lifts nothing: {word.why}")


def _time(at: int | None) -> str | None:
    from contracts.instants import moment as as_moment
    from contracts.instants import written

    return None if at is None else written(as_moment(at))


def _as_json(desk: "Desk", hold: "Hold") -> dict[str, Any]:
    record, action = hold.action.record, hold.action
    worth = desk.holds.worth(hold, desk.now)
    return {
        "state": hold.state,
        "ready": hold.ready,
        "action": action.digest,
        "index": action.index,
        "since": action.recorded_at,
        "service": hold.service,
        "run": record["run"],
        "requester": hold.run.get("requester"),
        "by": record["by"],
        "tool": record["tool"],
        "target": record.get("target"),
        "params": json.loads(_params(record["params"], indent=None)),
        "value": None if worth is None else {"micros": worth[0], "currency": worth[1]},
        "evidence": list(record.get("evidence", ())),
        "again": [one.digest for one in hold.again],
        "asks": [
            {
                "rule": ask.rule,
                "role": ask.role,
                "within_seconds": None if ask.within is None else ask.within / 1_000_000,
                "says": ask.says,
                "cites": ask.cites,
                "lifted": ask.lifted,
                "words": [_word_json(word) for word in ask.words],
            }
            for ask in hold.asks
        ],
    }


def _word_json(word: "Word") -> dict[str, Any]:
    return {
        "by": word.event.record["by"],
        "verdict": word.verdict,
        "index": word.event.index,
        "at": word.event.recorded_at,
        "reason": word.event.record.get("reason"),
        "stands": word.stands,
        "why_not": word.why,
        "expires_at": _time(word.ends_at),
    }
