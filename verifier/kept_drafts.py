"""Drafts as rows of JSON, and back: what an auditor keeps of what was found.

Most texts of a draft are those of its rule, and stand once however often it was broken.
Source: docs/adr/0025-records-are-judged-once.md.
"""

from collections.abc import Sequence
from typing import Any, Final

from contracts.coercion import Value
from contracts.results import Explanation
from contracts.withholding import Hidden
from verifier.drafts import Draft
from verifier.findings import Result, Severity

TEXTS: Final = (
    "code",
    "rule",
    "contract",
    "expected",
    "recorded",
    "says",
    "cites",
    "reason",
    "handled",
    "detail",
    "severity",
    "result",
    "hidden",
)
"""The members that are texts, in the order of a row."""


class DraftWriter:
    """Writes drafts, and each text once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def row(self, draft: Draft) -> list[Value]:
        """Return a draft as a row."""
        texts = [self._number(str(getattr(draft, name))) for name in TEXTS]
        why = self._explanation(draft.explanation)
        return [draft.index, draft.contract_line, list(draft.rests_on), why, *texts]

    def texts(self) -> list[str]:
        """Return the texts by their numbers, once every draft was written."""
        return list(self._numbers)

    def _explanation(self, said: Explanation | None) -> list[Value] | None:
        if said is None:
            return None
        facts = [[self._number(path), self._number(value)] for path, value in said.facts]
        because, would = (
            [self._number(one) for one in each] for each in (said.because, said.would)
        )
        return [because, facts, list(said.entries), would]

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


class DraftReader:
    """Makes drafts of their rows.

    Args:
        texts: What `DraftWriter.texts` returned.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = dict(enumerate(texts))

    def draft(self, row: Sequence[Any]) -> Draft:
        """Return the draft that a row says.

        Raises:
            LookupError, TypeError or ValueError: It says none.
        """
        index, line, rests_on, why, *numbers = row
        *texts, severity, result, hidden = (self._texts[number] for number in numbers)
        return Draft(
            index=index,
            contract_line=line,
            rests_on=tuple(rests_on),
            severity=Severity(severity),
            result=Result(result),
            hidden=Hidden(hidden),
            explanation=self._explanation(why),
            **dict(zip(TEXTS, texts, strict=False)),
        )

    def _explanation(self, row: Sequence[Any] | None) -> Explanation | None:
        if row is None:
            return None
        because, facts, entries, would = row
        return Explanation(
            because=tuple(self._texts[number] for number in because),
            facts=tuple((self._texts[path], self._texts[value]) for path, value in facts),
            entries=tuple(entries),
            would=tuple(self._texts[number] for number in would),
        )
