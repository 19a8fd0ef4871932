"""The report for a browser: one file, that opens without this tool and without a network.

It holds no script, and its policy lets it load nothing. Folding and filtering are the browser's
own (`details`, and styles that follow a checkbox). What it does not prove is in it, and the command
that gives it again.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from typing import Final

from verifier.findings import shortened
from verifier.report import ExitCode, IntegrityVerdict, Report, RuleCount
from verifier.reports.html_findings import MARKS, UNNAMED, Called, all_findings
from verifier.reports.html_markup import badge, facts, listed, text, value
from verifier.reports.limits import not_proven
from verifier.reports.text import answer, not_judged, verdict_line
from verifier.reports.words import contracts, named, sections, state

# Findings of one rule that the page shows before it only says where the rest is.
IN_FULL: Final = 50
STATES: Final = (
    ("violated", "the rule was broken, and nothing stopped it"),
    ("undecidable", "nobody can tell from what was recorded; the reason is said"),
    ("handled", "the rule stood against the action, and it was denied, held, or approved in time"),
    ("advice", "worth knowing; it never changes the answer"),
)


def html_report(
    report: Report,
    in_full: int = IN_FULL,
    envelope: Mapping[str, str] | None = None,
    called: Called = UNNAMED,
) -> str:
    """Return the report as one HTML document, ended by a newline.

    Args:
        report: What was found.
        in_full: How many findings of one rule are shown; the rest are counted, and it is said where
            they are.
        envelope: What does not follow from the ledger; absent: no such part.
        called: How the verification was called.
    """
    return "\n".join(_document(report, in_full, envelope, called)) + "\n"


@cache
def _style() -> str:
    return files("verifier.reports").joinpath("report.css").read_text("utf-8")


def _policy() -> str:
    """Return the Content-Security-Policy: nothing is loaded, and the one style is this one."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _document(
    report: Report, in_full: int, envelope: Mapping[str, str] | None, called: Called
) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{_headline(report)} – {text(report.ledger.origin) or 'ledger'}</title>"
    yield f"<style>{_style()}</style></head><body>"
    yield from _head(report)
    yield "<main>"
    yield from _integrity(report)
    yield from _conformance(report)
    yield from _compared(report)
    yield '<section aria-labelledby="findings"><h2 id="findings">Findings</h2>'
    yield from all_findings(report, in_full, called)
    yield "</section>"
    yield from _counts(report)
    yield from _meaning()
    yield from _limits(report)
    yield from _again(called, envelope)
    yield "</main></body></html>"


# -------------------------------------------------------------------------- the verdict


def _headline(report: Report) -> str:
    broken = report.integrity.broken
    if broken is not None:
        return f"Broken at entry {broken.index:,}"
    words = {
        ExitCode.HOLDS: "Holds",
        ExitCode.VIOLATED: "Violated",
        ExitCode.UNDECIDABLE: "Undecidable",
    }
    return words[report.exit_code()]


def _because(report: Report) -> str:
    """Return the verdict in a sentence."""
    if report.integrity.broken is not None:
        return f"{report.integrity.broken.what}, so nothing in it was judged (exit 1)."
    violated = [found for found in report.findings if state(found) == "violated"]
    if report.exit_code() is not ExitCode.VIOLATED:
        words = answer(report)
        return f"{words[:1].upper()}{words[1:]}."
    rules = len({found.rule for found in violated})
    counted = f"{len(violated):,} finding{'s stand' if len(violated) > 1 else ' stands'}"
    return f"{counted} against what was done in it, of {rules:,} rules or checks (exit 1)."


def _head(report: Report) -> Iterator[str]:
    code = report.exit_code()
    mood, mark = {
        ExitCode.HOLDS: ("handled", "✓"),
        ExitCode.VIOLATED: ("violated", "✕"),
        ExitCode.UNDECIDABLE: ("undecidable", "?"),
    }[code]
    yield f'<header class="verdict {mood}"><p class="what">Writ · verification of a ledger</p>'
    yield f'<h1><span class="mark" aria-hidden="true">{mark}</span> {_headline(report)}</h1>'
    yield f"<p>{text(_because(report))}</p>"
    yield f"<p>{text(verdict_line(report))}</p>"
    yield '<ul class="tiles">'
    for kind, found in sections(report.findings):
        yield _tile(kind, len(found), f"findings {kind}" if kind != "advice" else "for advice")
    satisfied = report.conformance.total().satisfied
    yield _tile("satisfied", satisfied, "results satisfied")
    yield "</ul>"
    yield '<nav aria-label="Parts of this report">' + listed(
        [
            f'<a href="#{name}">{title}</a>'
            for name, title in (
                ("integrity", "Integrity"),
                ("findings", "Findings"),
                ("rules", "Rules and counts"),
                ("limits", "What this does not prove"),
                ("again", "Repeat it"),
            )
        ]
    )
    yield "</nav></header>"


def _tile(kind: str, count: int, words: str) -> str:
    mark = MARKS.get(kind, "=")
    return (
        f'<li class="{kind}"><span class="mark" aria-hidden="true">{mark}</span>'
        f"<b>{count:,}</b> {words}</li>"
    )


def _integrity(report: Report) -> Iterator[str]:
    integrity, ledger = report.integrity, report.ledger
    broken = integrity.broken
    mood, mark = {
        IntegrityVerdict.HOLDS: ("handled", "✓"),
        IntegrityVerdict.BROKEN: ("violated", "✕"),
        IntegrityVerdict.UNDECIDABLE: ("undecidable", "?"),
    }[integrity.verdict]
    yield '<section aria-labelledby="integrity"><h2 id="integrity">Integrity</h2>'
    left_out = (
        f"{integrity.invalid_submissions:,} of {integrity.submissions:,} submissions, "
        f"{integrity.invalid_records:,} single records"
        if integrity.invalid_submissions or integrity.invalid_records
        else ""
    )
    where = f"step {broken.step}, {text(broken.check)}" if broken else ""
    yield facts(
        [
            ("Verdict", badge(mood, integrity.verdict.value, mark)),
            ("Broken", f"entry {broken.index:,}: {text(broken.what)} ({where})" if broken else ""),
            ("Undecidable because", listed([text(reason) for reason in integrity.reasons])),
            ("Trust", text(integrity.trust)),
            ("Ledger", value(ledger.origin) if ledger.origin else ""),
            ("Genesis", value(ledger.genesis, "code") if ledger.genesis else ""),
            ("Entries read", f"{ledger.size:,}"),
            ("Root", value(ledger.root, "code") if ledger.root else ""),
            ("Newest head", _of_head(report)),
            (
                "Sealed values",
                ", ".join(f"{count:,} {name}" for name, count in integrity.sealed.items() if count),
            ),
            ("Left out as invalid", left_out),
        ]
    )
    yield "</section>"


def _of_head(report: Report) -> str:
    size = report.ledger.checkpoint_size
    return f"of {size:,} entries" if size else "none that was confirmed"


def _compared(report: Report) -> Iterator[str]:
    """Yield what second sources it was compared with."""
    if not report.against:
        return
    yield '<section aria-labelledby="against"><h2 id="against">Compared with</h2><ul>'
    for one in report.against:
        told = f"{one.matched:,} of its {one.calls:,} calls are recorded"
        if one.missed or one.uncovered:
            told += f"; recorded and not shown: {one.missed:,} that it covers"
            told += f", {one.uncovered:,} that it may not cover"
        if not one.performed:
            told = "not compared: the ledger has to hold first"
        yield f"<li>{value(one.name)} ({text(one.kind)}, {value(one.digest, 'code')}): {told}</li>"
    yield "</ul></section>"


def _conformance(report: Report) -> Iterator[str]:
    conformance = report.conformance
    yield '<section aria-labelledby="conformance"><h2 id="conformance">Conformance</h2>'
    if not conformance.performed:
        yield f"<p>{badge('undecidable', 'not judged', '?')} {text(not_judged(report))}.</p>"
    elif not conformance.contracts:
        yield "<p>No contract was in force.</p>"
    yield listed(
        [
            f"{value(f'{judged.name} {judged.version}')} for {value(judged.service)}: "
            f"{judged.judged:,} records judged"
            for judged in conformance.contracts
        ]
    )
    yield "</section>"


# ----------------------------------------------------------------------------- counts


def _counts(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="rules"><h2 id="rules">Rules and counts</h2>'
    if not report.conformance.counts:
        yield "<p>No rule was judged.</p>"
    known = contracts(report)
    for digest, counts in groupby(report.conformance.counts, key=_contract_of):
        name = text(named(known.get(digest), digest))
        label = f'role="region" aria-label="Rules of {name}" tabindex="0"'
        yield f'<div class="scroll" {label}><table class="counts"><caption>{name}</caption>'
        yield "<thead><tr>"
        for head in ("Rule", "Effect", "Line"):
            yield f'<th scope="col">{head}</th>'
        for head in ("Satisfied", "Violated", "Undecidable", "Handled"):
            yield f'<th scope="col" class="number">{head}</th>'
        yield "</tr></thead><tbody>"
        yield from map(_row, counts)
        yield "</tbody></table></div>"
    yield "</section>"


def _contract_of(count: RuleCount) -> str:
    return count.contract


def _row(count: RuleCount) -> str:
    tally = count.tally
    says = f"<small>{text(count.says)}</small>" if count.says else ""
    cites = f" <small>cites {text(count.cites)}</small>" if count.cites else ""
    reasons = sorted(tally.reasons.items(), key=lambda item: (-item[1], item[0]))
    why = listed(
        [f"undecidable {times:,}×: {text(shortened(reason))}" for reason, times in reasons],
        "reasons",
    )
    return (
        f'<tr><th scope="row">{text(count.rule)}{says}{cites}{why}</th>'
        f"<td>{text(count.effect)}</td><td>{count.line or ''}</td>"
        f"{_number(tally.satisfied)}{_number(tally.violated, 'violated')}"
        f"{_number(tally.undecidable, 'undecidable')}{_number(tally.handled, 'handled')}</tr>"
    )


def _number(count: int, kind: str = "") -> str:
    if not count:
        return '<td class="number none">0</td>'
    mark = f'<span class="mark" aria-hidden="true">{MARKS[kind]}</span> ' if kind else ""
    return f'<td class="number {kind}">{mark}{count:,}</td>'


# ------------------------------------------------------------- what it is, and is not


def _meaning() -> Iterator[str]:
    yield '<section aria-labelledby="states"><h2 id="states">What the results mean</h2><dl>'
    for kind, words in STATES:
        yield f"<div><dt>{badge(kind, kind, MARKS[kind])}</dt><dd>{words}</dd></div>"
    yield "</dl></section>"


def _limits(report: Report) -> Iterator[str]:
    title = "What this report does not prove"
    yield f'<section aria-labelledby="limits"><h2 id="limits">{title}</h2>'
    yield listed([text(limit) for limit in not_proven(report)])
    yield "</section>"


def _again(called: Called, envelope: Mapping[str, str] | None) -> Iterator[str]:
    yield '<section aria-labelledby="again"><h2 id="again">Repeat it</h2>'
    yield "<p>The same ledger and trust file give the same report, but for the table below:</p>"
    yield f"<pre><code>{text(called.verify())}</code></pre>"
    if envelope is not None:
        yield facts(
            [(text(name).replace("_", " "), value(what)) for name, what in envelope.items()]
        )
    yield "</section>"
