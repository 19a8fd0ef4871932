"""The app's words: what a severity, a state, a kind of record or an amount is called on a page.

Most of what a page shows was written by somebody else, an agent for one. Streamlit takes labels for
Markdown, so recorded text goes either into elements that take it as it is (`st.text`, `st.code`,
cells of a data frame), or through `code` into a label.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from verifier.reports.text import printable

# States are disjoint, and in this order everywhere.
VIOLATED: Final = "violated"
UNDECIDABLE: Final = "undecidable"
HANDLED: Final = "handled"
ADVICE: Final = "advice"
STATES: Final[tuple[str, ...]] = (VIOLATED, UNDECIDABLE, HANDLED, ADVICE)
STATE_MEANS: Final[Mapping[str, str]] = {
    VIOLATED: "a rule was broken",
    UNDECIDABLE: "nobody can tell, and the finding says why",
    HANDLED: "the guard stopped it, or a person lifted it",
    ADVICE: "worth knowing, breaks nothing",
}

# What people made of a finding. One that nobody reviewed is open. Source: docs/adr/0036.
OPEN: Final = "open"
ACKNOWLEDGED: Final = "acknowledged"
SUPPRESSED: Final = "suppressed"
RESOLVED: Final = "resolved"
REVIEWS: Final[tuple[str, ...]] = (OPEN, ACKNOWLEDGED, SUPPRESSED, RESOLVED)
REVIEW_MEANS: Final[Mapping[str, str]] = {
    OPEN: "nobody has taken it up, or it was reopened",
    ACKNOWLEDGED: "somebody has seen it",
    SUPPRESSED: "it needs nothing done, and a note says why",
    RESOLVED: "what it needed is done",
}

SEVERITIES: Final[tuple[str, ...]] = ("critical", "high", "medium", "low", "advice")
# A sign beside the word: what matters must not hang on telling colours apart.
SIGNS: Final[Mapping[str, str]] = {
    "critical": ":material/dangerous:",
    "high": ":material/error:",
    "medium": ":material/warning:",
    "low": ":material/info:",
    "advice": ":material/lightbulb:",
}

CLAUSES: Final[tuple[str, ...]] = (
    "identity",
    "scope",
    "evidence",
    "policy",
    "tools",
    "cost",
    "recovery",
    "decision",
    "coverage",
    "integrity",
)

EFFECT_WORDS: Final[Mapping[str, str]] = {
    "allow": "allowed",
    "approve": "held for an approval",
    "escalate": "escalated to a person",
    "deny": "denied",
}

STATUS_WORDS: Final[Mapping[str, str]] = {
    "ok": "done",
    "error": "failed",
    "timeout": "timed out",
    "skipped": "not called",
    "abandoned": "abandoned",
}

# What a finding without a rule means; a rule says it itself. Source: docs/spec/report.md, *Codes*.
TITLES: Final[Mapping[str, str]] = {
    "decision.false-allow": "The guard allowed more than the contract does.",
    "decision.false-deny": "The guard was stricter than the contract.",
    "decision.executed-despite-deny": "A tool was called although its action was denied.",
    "decision.executed-without-approval": "A tool was called, and nobody had approved it.",
    "decision.approval-mismatch": "What was done is not what was approved.",
    "decision.approval-reused": "An approval was used more than once.",
    "decision.wrong-version": "The decision names another contract than the one in force.",
    "decision.reasons-differ": "The decision's reasons are not those that the ledger gives.",
    "decision.stale-basis": "The decision was not taken on the history that it follows.",
    "identity.duties": "Somebody has two of the duties build, approve and run.",
    "identity.grant": "A run used, or passed on, a tool that it was not granted.",
    "identity.service": "Who opened this run does not speak for the service that it names.",
    "recovery.switch-role": "Who pulled this switch has no role that may: it is not in force.",
    "coverage.no-contract": "No contract was in force for this action.",
    "coverage.contract-unreadable": "The contract in force cannot be used here.",
    "coverage.outcome-missing": "Nobody recorded how this action ended.",
    "coverage.gap-in-submissions": "Submissions of this writer were signed and are not here.",
    "coverage.run-unclosed": "This run was never closed.",
    "coverage.stream-unclosed": "A writer never said that its stream ends.",
}

SHOWN: Final = 2_000
JOINER: Final = "\N{WORD JOINER}"
_MICROS: Final = 1_000_000
_FENCES = re.compile(r"`+")


def code(text: str, limit: int = 80) -> str:
    """Return recorded text as an inline code span: a label shows it letter by letter.

    Nothing inside a code span is a link, a formula, a colour or an icon. The fence is longer than
    any run of backticks in the text, so the text cannot end it.

    Example:
        >>> code("pay $x$")
        '`pay $x$`'
        >>> code("a``b")
        '```a``b```'
    """
    # Streamlit rewrites the name of an icon even here; a joiner, which nobody sees, keeps it.
    flat = one_line(text, limit).replace(":material/", f":{JOINER}material/") or "-"
    longest = max((len(run) for run in _FENCES.findall(flat)), default=0)
    fence = "`" * (longest + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def one_line(text: str, limit: int = 160) -> str:
    """Return text on one line of at most `limit` characters, nothing in it steering the screen.

    Example:
        >>> one_line("one   two three", 8)
        'one two…'
    """
    flat = printable(" ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def sentence(text: str) -> str:
    """Return a note that this project wrote as a sentence.

    Example:
        >>> sentence("a run uses at most 40000 tokens")
        'A run uses at most 40000 tokens.'
    """
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def title(code_: str, says: str, expected: str) -> str:
    """Return what a finding is about in one sentence: the rule's own words where it has any."""
    return sentence(says or TITLES.get(code_) or expected)


def plain(text: str, limit: int = SHOWN) -> str:
    """Return text of many lines, cut at `limit` characters, nothing in it steering the screen."""
    lines = "\n".join(printable(line.replace("\t", "    ")) for line in text.split("\n"))
    return lines if len(lines) <= limit else f"{lines[:limit].rstrip()} …"


def money(micros: int, currency: str) -> str:
    """Return an amount with two digits, and with as many more as it has.

    Example:
        >>> money(12_500_000, "EUR"), money(-1_234, "USD"), money(1_250_000_000, "EUR")
        ('12.50 EUR', '-0.001234 USD', '1,250.00 EUR')
    """
    sign, units, rest = "-" if micros < 0 else "", *divmod(abs(micros), _MICROS)
    digits = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{sign}{units:,}.{digits} {currency}"


def amount(value: object) -> str:
    """Return a record's money member in words; empty where there is none."""
    if not isinstance(value, Mapping):
        return ""
    parts = cast("Mapping[str, Any]", value)
    return money(int(parts["micros"]), str(parts["currency"]))


def sums(amounts: Iterable[tuple[str, int]]) -> str:
    """Return sums in several currencies, which nobody may add up.

    Example:
        >>> sums([("EUR", 2_000_000), ("USD", 10_000)])
        '2.00 EUR + 0.01 USD'
    """
    return " + ".join(money(micros, currency) for currency, micros in amounts)


def when(moment: str) -> str:
    """Return a time of the ledger for a reader: seconds, in UTC.

    Example:
        >>> when("2026-03-01T09:00:12.000000Z")
        '2026-03-01 09:00:12 UTC'
    """
    return f"{moment[:10]} {moment[11:19]} UTC" if moment else ""


def span(first: str, last: str) -> str:
    """Return from when to when, or when, where that is the same minute.

    Example:
        >>> span("2026-03-01T09:00:12.000000Z", "2026-03-01T10:30:00.000000Z")
        '2026-03-01 09:00 to 10:30 UTC'
        >>> span("2026-03-01T09:00:12.000000Z", "2026-03-02T10:30:00.000000Z")
        '2026-03-01 09:00 to 2026-03-02 10:30 UTC'
    """
    if first[:16] == last[:16]:
        return when(first)
    end = last[11:16] if first[:10] == last[:10] else f"{last[:10]} {last[11:16]}"
    return f"{first[:10]} {first[11:16]} to {end} UTC"


def count(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun.

    Example:
        >>> count(1, "entry", "entries"), count(2_000, "run")
        ('1 entry', '2,000 runs')
    """
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def share(part: int, whole: int) -> str:
    """Return a share of a whole in percent, which says 100 % of nothing less than all.

    Example:
        >>> share(1, 3), share(999_999, 1_000_000), share(3, 3), share(1, 100_000)
        ('33.3 %', '99.9 %', '100 %', '0.1 %')
    """
    if part >= whole:
        return "100 %"
    least = 0.1 if part else 0.0
    return f"{min(max(round(100 * part / whole, 1), least), 99.9)} %"


def seconds(value: float) -> str:
    """Return a duration as a reader says it.

    Example:
        >>> seconds(0.4), seconds(75), seconds(7_500), seconds(200_000)
        ('0.4 s', '1 min 15 s', '2 h 5 min', '2 d 7 h')
    """
    minute, hour, day = 60, 3_600, 86_400
    if value < minute:
        return f"{value:.3g} s"
    whole = round(value)
    if whole < hour:
        return f"{whole // minute} min {whole % minute} s"
    if whole < day:
        return f"{whole // hour} h {whole % hour // minute} min"
    return f"{whole // day} d {whole % day // hour} h"


def opened(value: object, limit: int = SHOWN) -> str:
    """Return a recorded value as indented JSON, cut at `limit` characters."""
    return plain(json.dumps(value, ensure_ascii=False, indent=2), limit)


def short(digest: str) -> str:
    """Return the part of a digest that tells it from others on a page.

    Example:
        >>> short("0123456789abcdef" * 4)
        '0123456789ab'
    """
    return digest[:12] if len(digest) == 64 else digest  # noqa: PLR2004 - hex digits of SHA-256


def last_name(identity: str) -> str:
    """Return the last part of a SPIFFE identity, which a reader knows it by; else the whole.

    Example:
        >>> last_name("spiffe://shop.example/people/lead-anna"), last_name("a/b")
        ('lead-anna', 'a/b')
    """
    return identity.rpartition("/")[2] if identity.startswith("spiffe://") else identity


def member(record: Mapping[str, Any], *path: str) -> str:
    """Return a member of a record as text; empty where there is none.

    Example:
        >>> member({"contract": {"version": "1.0.0"}}, "contract", "version")
        '1.0.0'
    """
    value: Any = record
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return ""
        value = cast("Mapping[str, Any]", value)[name]
    return str(value)
