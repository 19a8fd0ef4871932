"""The findings of the report for a browser: by incident, by result and rule, each by itself."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from shlex import quote
from typing import Final

from contracts.results import Explanation
from verifier.findings import Basis, Finding, Severity
from verifier.incidents import Incident
from verifier.report import Report
from verifier.reports.codes import BESIDE_RULES
from verifier.reports.html_markup import badge, facts, listed, text, value
from verifier.reports.words import by_rule, contracts, named, of_entry, sections, state

CLAUSES: Final = (
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
# Beside a colour, so that nobody has to see it.
MARKS: Final = {"violated": "✕", "undecidable": "?", "handled": "✓", "advice": "i"}
TITLES: Final = {
    "violated": "Violated",
    "undecidable": "Undecidable",
    "handled": "Handled",
    "advice": "Advice",
}
# Where there are no more rules than this, all of them are unfolded.
UNFOLDED: Final = 6
# Of an incident, or of what a finding rests on, so many are named.
LINKED: Final = 12
LISTED_BY: Final = {
    "handled": " --handled",
    "undecidable": " --undecidable",
    "advice": " --undecidable",
}


@dataclass(frozen=True, slots=True)
class Called:
    """How the verification was called: what its reader does to repeat it, quoted for a shell.

    Attributes:
        ledger: The ledger.
        trust: The option that names the trust file; empty where there was none.
        more: The other options that what is found hangs on.
    """

    ledger: str = "LEDGER"
    trust: str = "--trust TRUST"
    more: str = ""

    def verify(self, format_: str = "html") -> str:
        """Return the command that gives this report again."""
        return " ".join(
            filter(None, ("writ verify", self.ledger, self.trust, self.more, f"--format {format_}"))
        )

    def findings(self, rule: str, kind: str) -> str:
        """Return the command that lists all findings of a rule."""
        command = " ".join(filter(None, ("writ findings", self.ledger, self.trust)))
        return f"{command} --rule {quote(rule)}{LISTED_BY.get(kind, '')}"


UNNAMED: Final = Called()
"""How a verification was called, where nobody says it."""


def all_findings(report: Report, in_full: int, called: Called) -> Iterator[str]:
    """Yield the part of the page that lists what was found.

    Args:
        report: What was found.
        in_full: How many findings of one rule are shown; of the rest is said where they are.
        called: How the verification was called.
    """
    if not report.findings:
        yield "<p>There are no findings.</p>"
        return
    yield _filters(report)
    page = _Page(report, in_full, called)
    yield from _incidents(report, page.shown)
    yield from page.sections()


def clause_of(found: Finding) -> str:
    """Return the clause that a finding is filtered by: a word of ours, whatever a contract says."""
    return found.clause if found.clause in CLAUSES else "other"


def _filters(report: Report) -> str:
    kinds = [kind for kind, found in sections(report.findings) if found]
    named_ = {clause_of(found) for found in report.findings}
    clauses = [clause for clause in (*CLAUSES, "other") if clause in named_]
    return (
        '<form class="filters" aria-label="Which findings are shown">'
        f"<fieldset><legend>Results</legend>{''.join(map(_box, kinds))}</fieldset>"
        f"<fieldset><legend>Clauses</legend>{''.join(map(_box, clauses))}</fieldset></form>"
    )


def _box(name: str) -> str:
    return f'<label><input type="checkbox" id="show-{name}" checked> {name}</label>'


# --------------------------------------------------------------------------- incidents


def _incidents(report: Report, shown: AbstractSet[str]) -> Iterator[str]:
    """Yield the incidents: what happened more than once, in one run or of one identity."""
    grouped = report.incidents
    if not grouped:
        return
    yield '<section aria-labelledby="incidents"><h3 id="incidents">Incidents</h3>'
    yield '<div class="scroll" role="region" aria-label="Incidents" tabindex="0">'
    yield '<table class="incidents">'
    heads = ("Incident", "Severity", "Code", "Run or identity", "Entries", "Time", "Findings")
    yield "<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for incident in grouped:
        yield _incident(incident, shown)
    yield "</tbody></table></div></section>"


def _incident(incident: Incident, shown: AbstractSet[str]) -> str:
    links = [
        f'<a href="#{text(one)}">{text(one)}</a>' if one in shown else text(one)
        for one in incident.findings[:LINKED]
    ]
    more = len(incident.findings) - len(links)
    cells = (
        text(incident.severity.value),
        text(incident.code),
        value(incident.run or incident.identity),
        f"{incident.first}–{incident.last}",
        f"{text(incident.since)} – {text(incident.until)}",
        f"{len(incident.findings):,}: {' '.join(links)}{f' and {more:,} more' if more else ''}",
    )
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{text(incident.id)}</th>{row}</tr>'


# ------------------------------------------------------------------------ rule by rule


class _Page:
    """Writes the rules of each result, and their findings.

    Attributes:
        shown: The ids of the findings that stand on the page.
    """

    def __init__(self, report: Report, in_full: int, called: Called) -> None:
        self._in_full = in_full
        self._called = called
        self._contracts = contracts(report)
        self._sections = [
            (kind, list(by_rule(found))) for kind, found in sections(report.findings) if found
        ]
        self.shown = frozenset(
            found.id
            for _, groups in self._sections
            for _, group in groups
            for found in group[:in_full]
        )

    def sections(self) -> Iterator[str]:
        """Yield the findings of each result, rule by rule."""
        for kind, groups in self._sections:
            count = sum(len(group) for _, group in groups)
            counted = f"{count:,} in {len(groups):,} {'rules' if len(groups) > 1 else 'rule'}"
            yield f'<section class="is-{kind}" aria-labelledby="{kind}">'
            yield f'<h3 id="{kind}">{TITLES[kind]} <small>{counted}</small></h3>'
            for first, group in groups:
                yield from self._group(kind, first, group, unfolded=len(groups) <= UNFOLDED)
            yield "</section>"

    def _group(
        self, kind: str, first: Finding, group: list[Finding], *, unfolded: bool
    ) -> Iterator[str]:
        """Yield one rule: what it says, and its findings as far as they are shown."""
        # What all of them share is said once.
        same = first.expected if all(one.expected == first.expected for one in group) else ""
        name = first.code if first.rule == first.code else f"{first.code} ({first.rule})"
        words = first.says or BESIDE_RULES.get(first.code, "")
        version = (
            f" <small>{text(self._version(first))}</small>" if len(self._contracts) > 1 else ""
        )
        says = f'<span class="says">{text(words)}{version}</span>'
        yield f'<details class="rule in-{clause_of(first)}"{" open" if unfolded else ""}><summary>'
        yield badge(kind, self._weight(first), MARKS[kind])
        yield f'<h4>{text(name)}</h4><span class="count">{len(group):,}×</span>{says}</summary>'
        yield '<div class="about">'
        yield facts(
            [
                ("Asks for", value(same, "code") if same else ""),
                ("Cites", value(first.cites) if first.cites else ""),
                ("Contract", self._contract(first)),
            ]
        )
        yield "</div>"
        for found in group[: self._in_full]:
            yield self._finding(found, same)
        if len(group) > self._in_full:
            yield self._rest(kind, first, len(group) - self._in_full)
        yield "</details>"

    @staticmethod
    def _weight(found: Finding) -> str:
        return state(found) if found.severity is Severity.ADVICE else found.severity.value

    def _version(self, found: Finding) -> str:
        judged = self._contracts.get(found.contract)
        return named(judged, found.contract) if judged else ""

    def _contract(self, found: Finding) -> str:
        if not found.contract:
            return ""
        name = named(self._contracts.get(found.contract), found.contract)
        line = f", line {found.contract_line}" if found.contract_line else ""
        return f"{text(name)}{line} <small>{text(found.contract[:16])}…</small>"

    def _rest(self, kind: str, first: Finding, more: int) -> str:
        command = text(self._called.findings(first.rule, kind))
        everything = text(self._called.verify("json"))
        return (
            f'<p class="more">{more:,} more of this rule are not shown here: '
            f"<code>{command}</code> lists them, <code>{everything}</code> has them in full.</p>"
        )

    def _finding(self, found: Finding, same: str) -> str:
        what = facts(
            [
                ("Entry", f"{found.index:,}{_when(found)}"),
                ("Run", value(found.run) if found.run else ""),
                ("Tool", value(found.action) if found.action else ""),
                ("Identity", value(found.identity) if found.identity else ""),
                ("Expected", "" if same else value(found.expected, "code")),
                ("Recorded", value(found.recorded, "code") if found.recorded else ""),
                ("Reason", value(found.reason) if found.reason else ""),
                ("Handled", value(found.handled) if found.handled else ""),
                ("Rests on", _bases(found.rests_on)),
            ]
        )
        explained = found.explanation
        why = _explanation(explained) if explained.because else ""
        return (
            f'<article class="finding" id="{text(found.id)}"><h5>{text(found.id)}</h5>'
            f"{why}{what}</article>"
        )


def _explanation(explained: Explanation) -> str:
    """Return the block that says why a finding is one, and what would have satisfied its rule."""
    return (
        '<div class="why">'
        + facts(
            [
                ("Because", listed([text(one) for one in explained.because])),
                ("Decided by", ", ".join(f"entry {index:,}" for index in explained.entries)),
                (
                    "Facts",
                    listed(
                        [f"{text(path)} = {value(what, 'code')}" for path, what in explained.facts]
                    ),
                ),
                ("Would have satisfied it", listed([text(one) for one in explained.would])),
            ]
        )
        + "</div>"
    )


def _when(found: Finding) -> str:
    return f' <time datetime="{text(found.at)}">{text(found.at)}</time>' if found.at else ""


def _bases(bases: tuple[Basis, ...]) -> str:
    more = len(bases) - LINKED
    items = [text(of_entry(basis)) for basis in bases[:LINKED]]
    return listed([*items, f"and {more:,} more"] if more > 0 else items, "bases")
