"""Conversation to records, in the source's order, as the profile says.

What becomes of what: ``docs/spec/import-profile.md``, *What becomes of a conversation*.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from ledger.encoding import digest
from ledger.importers.conversation import Conversation, Result, Role, Turn
from ledger.importers.drafting import Draft
from ledger.importers.measures import Measures
from ledger.importers.observing import Found, observed
from ledger.importers.paths import ABSENT, Where, json_list, json_object, look
from ledger.importers.problems import Reporter
from ledger.importers.profile import Errors, Observes, Profile
from ledger.importers.texts import held, holdable, is_raw, raw, read_json, text_of

UNMATCHED = "unmatched-result"
FOREIGN = "foreign-call"

_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a conversation was read: `import` of its run, but for the clock."""

    source: str
    digest: str
    line: int


def narrate(
    conversation: Conversation, origin: Origin, profile: Profile, draft: Draft, report: Reporter
) -> None:
    """Append the records of one conversation to ``draft``."""
    _Narration(conversation, profile, draft, report).tell(origin)


class _Narration:
    """Tells one conversation."""

    def __init__(
        self, conversation: Conversation, profile: Profile, draft: Draft, report: Reporter
    ) -> None:
        self._conversation = conversation
        self._profile = profile
        self._draft = draft
        self._report = report
        self._measures = Measures(conversation, profile, report)
        self._run = ""
        self._actions: list[str] = []  # digests, in the order of the conversation's calls

    def tell(self, origin: Origin) -> None:
        clock = self._measures.clock
        self._run = self._draft.add("run", self._opened(origin), clock.first)
        for item in self._conversation.items:
            if isinstance(item, Turn):
                self._turn(item)
            else:
                self._result(item)
        outcome = self._named("outcome", self._profile.run.outcome)
        closed = {"phase": "closed", "run": self._run, "outcome": outcome}
        self._draft.add("run", closed, clock.last)

    # ------------------------------------------------------------------------------- the run

    def _opened(self, origin: Origin) -> dict[str, object]:
        paths = self._profile.run
        names = ("ref", "goal", "channel", "workflow", "domain", "requester", "model")
        fields: dict[str, object] = {
            name: self._named(name, getattr(paths, name)) for name in names
        }
        attributes = {
            name: held(value)
            for name, where in paths.attributes.items()
            if (value := look(where, self._conversation.line)) is not ABSENT and value is not None
        }
        policy = {
            "name": self._named("policy.name", paths.policy.name),
            "version": self._named("policy.version", paths.policy.version),
            "digest": self._policy_digest(),
        }
        return fields | {
            "phase": "opened",
            "service": self._profile.service,
            "policy": policy,
            "attributes": attributes or None,
            "import": {
                "source": origin.source,
                "digest": origin.digest,
                "line": origin.line,
                "clock": self._measures.clock.stated,
            },
        }

    def _named(self, name: str, where: Where | None) -> str | None:
        """Return the text that the line has at ``where``."""
        value = ABSENT if where is None else look(where, self._conversation.line)
        if value is ABSENT or value is None:
            return None
        text = text_of(value)
        if text is None:
            self._report("not-text", f"run.{name} is neither text nor an integer", "nothing")
        return text

    def _policy_digest(self) -> str | None:
        found = self._named("policy.digest", self._profile.run.policy.digest)
        if found is None or _HEX64.fullmatch(found):
            return found
        message = f"run.policy.digest is not a SHA-256 in 64 lowercase hex digits: {found[:80]!r}"
        self._report("not-a-digest", message, "nothing")
        return None

    # -------------------------------------------------------------------------- the messages

    def _turn(self, turn: Turn) -> None:
        at = self._measures.clock.at(turn.position)
        message = {
            "run": self._run,
            "role": turn.role,
            "turn": turn.position,
            "content": turn.content,
            "name": turn.name,
            **self._spent(turn.role, turn.position),
        }
        self._draft.add("message", message, at)
        for place in turn.calls:
            call = self._conversation.calls[place]
            action = {
                "run": self._run,
                "tool": call.tool,
                "params": call.params,
                "turn": call.turn,
                "call_id": call.call_id,
            }
            self._actions.append(self._draft.add("action", action, at))
        for call in turn.foreign:
            fields = {"tool": call.tool, "params": call.params}
            foreign = {"run": self._run, "what": FOREIGN, "source": turn.role, "observer": "source"}
            self._draft.add("observation", foreign | {"ref": call.call_id, "fields": fields}, at)

    def _spent(self, role: Role | str, position: int) -> Mapping[str, object]:
        return {
            "cost": self._measures.cost(role, position),
            "tokens": self._measures.tokens(role, position),
        }

    # --------------------------------------------------------------------------- the results

    def _result(self, result: Result) -> None:
        at = self._measures.clock.at(result.position)
        text = result.text
        bytes_digest = None if text is None else digest(text.encode("utf-8", "surrogatepass"))
        value, whole = _value(text)
        if result.call is None:
            unmatched = {
                "run": self._run,
                "what": UNMATCHED,
                "source": result.tool or "unknown",
                "observer": "source",
                "ref": result.call_id,
                "digest": bytes_digest,
                "fields": whole,
            }
            self._draft.add("observation", unmatched, at)
            return
        action = self._actions[result.call]
        failed = says_error(result, self._profile.errors)
        outcome = {
            "action": action,
            "run": self._run,
            "status": "error" if failed else "ok",
            "error": (text or "") if failed else None,
            "result_digest": bytes_digest,
            "fields": None if failed else whole,
            **self._spent("tool", result.position),
        }
        self._draft.add("outcome", outcome, at)
        for rule, found in self._observed(result, value, whole, failed=failed):
            observation = {
                "run": self._run,
                "action": action,
                "what": rule.kind,
                "source": rule.source,
                "observer": "source",
                "ref": found.ref,
                "digest": bytes_digest,
                "fields": found.fields,
                "observed_at": None
                if at is None
                else self._measures.clock.written(result.position),
            }
            self._draft.add("observation", observation, at)

    def _observed(
        self, result: Result, value: object, whole: object, *, failed: bool
    ) -> Iterator[tuple[Observes, Found]]:
        """Yield what the profile says that a result observes."""
        call = self._conversation.calls[result.call or 0]
        params: Mapping[str, object] = {} if is_raw(call.params) else call.params
        for rule in self._profile.observations:
            if call.tool not in rule.tool or (failed and rule.when_error == "skip"):
                continue
            roots: dict[str, object] = {"result": value, "params": params}
            for found in observed(rule, roots, whole):
                if found.ref is None:
                    message = (
                        f"the result in message {result.position} has no key for its {rule.kind}"
                    )
                    self._report("no-ref", message, "the observation, without ref")
                yield rule, found


def says_error(result: Result, errors: Errors) -> bool:
    """Return whether the source says that a result is an error: by a flag, or by its text."""
    if errors.key is not None:
        flag = look(errors.key, json_object(result.message) or {})
        if flag is not ABSENT and flag:
            return True
    return any(re.match(pattern, result.text or "") for pattern in errors.patterns)


def _value(text: str | None) -> tuple[object, object]:
    """Return a result as paths see it, and as a record holds it whole."""
    if text is None:
        return ABSENT, None
    value: object = text
    with suppress(ValueError):
        value = read_json(text)
    if json_object(value) is None and json_list(value) is None:
        # A number's text may say more than the number: 1.10, or 1e3.
        value = text
    return value, value if holdable(value) else raw(text)
