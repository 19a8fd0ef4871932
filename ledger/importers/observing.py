"""What a result, or a snapshot, says about records: the profile's observations."""

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.importers.paths import ABSENT, Where, look, look_each
from ledger.importers.profile import Observes, Snapshot
from ledger.importers.texts import held, text_of


@dataclass(frozen=True, slots=True)
class Found:
    """One record that was observed.

    Attributes:
        ref: Its key; None where the source has none.
        fields: What was seen of it.
    """

    ref: str | None
    fields: object


def observed(rule: Observes | Snapshot, roots: dict[str, object], whole: object) -> Iterator[Found]:
    """Yield the records that ``rule`` finds below ``roots``.

    Args:
        rule: What to look for.
        roots: What the rule's paths begin with: `result` and `params`, or `data`.
        whole: The fields where the rule names none and has no `each`.
    """
    if rule.each is None:
        yield Found(_ref(rule.ref, roots), _fields(rule, roots, whole))
        return
    for names, item in look_each(rule.each, roots):
        key = names[-1] if names else ABSENT
        inner = {**roots, "item": item, "key": key, "keys": list(names)}
        yield Found(_ref(rule.ref, inner), _fields(rule, inner, held(item)))


def _ref(parts: tuple[Where, ...], roots: dict[str, object]) -> str | None:
    texts = [_key(look(part, roots)) for part in parts]
    return None if None in texts else "/".join(text for text in texts if text is not None)


def _key(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return text_of(value) or None


def _fields(rule: Observes | Snapshot, roots: dict[str, object], whole: object) -> object:
    if rule.fields is None:
        return whole
    found = {name: look(where, roots) for name, where in rule.fields.items()}
    return {name: held(value) for name, value in found.items() if value is not ABSENT}
