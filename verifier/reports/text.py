"""The report that a person reads: verdict, findings, and what it does not prove."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from verifier.findings import Finding, Result, Severity, shortened
from verifier.report import ExitCode, IntegrityVerdict, Report
from verifier.reports.limits import not_proven

# Findings of one rule that are printed in full before the rest is only counted.
IN_FULL = 5
# Reasons of one finding that are printed, and characters of each.
REASONS, LONG = 6, 240
# Incidents that are listed; the rest is only counted.
INCIDENTS = 10
SELF_ASSERTED = "trust: self-asserted"


def text_report(report: Report, in_full: int = IN_FULL) -> str:
    """Return the report as text, ended by a newline.

    Args:
        report: What was found.
        in_full: How many findings of one rule are printed in full; the rest are counted.
    """
    return "\n".join(printable(line) for line in _lines(report, in_full)) + "\n"


def verdict_line(report: Report) -> str:
    """Return the first line: the verdict on the bytes, and on whose word it rests."""
    integrity, ledger = report.integrity, report.ledger
    trust = SELF_ASSERTED if integrity.trust == "self-asserted" else f"trust: {integrity.trust}"
    verdict = integrity.verdict.value.upper()
    if integrity.broken is not None:
        return f"Integrity: {verdict} at entry {integrity.broken.index} · {trust}"
    line = f"Integrity: {verdict} · {trust} · {ledger.size:,} entries"
    # What no head was signed over can be cut off or written anew by whoever keeps the ledger.
    bare = ledger.size - ledger.checkpoint_size
    return f"{line}, {bare:,} of them under no signed head" if bare > 0 else line


def _lines(report: Report, in_full: int) -> Iterator[str]:
    yield verdict_line(report)
    yield from _integrity(report)
    yield from _conformance(report)
    yield from _compared(report)
    yield f"Answer: {answer(report)}"
    yield from _incidents(report)
    for title, chosen in _groups(report.findings):
        yield ""
        yield title
        yield from _grouped(chosen, in_full)
    yield ""
    yield "What this report does not prove"
    for limit in not_proven(report):
        yield f"  - {limit}"


def _integrity(report: Report) -> Iterator[str]:
    integrity, ledger = report.integrity, report.ledger
    if broken := integrity.broken:
        where = f"step {broken.step}, {broken.check}"
        yield f"  {broken.what} ({where})"
    for reason in integrity.reasons:
        yield f"  {reason}"
    if ledger.origin:
        yield f"  ledger {ledger.origin}, genesis {ledger.genesis}"
    if integrity.verdict is IntegrityVerdict.HOLDS:
        yield f"  root {ledger.root}, checkpoint at size {ledger.checkpoint_size:,}"
    if integrity.sealed:
        counted = [f"{count:,} {state}" for state, count in integrity.sealed.items() if count]
        yield f"  sealed values: {', '.join(counted)}"
    if integrity.invalid_submissions or integrity.invalid_records:
        yield (
            f"  left out of all facts as invalid: {integrity.invalid_submissions:,} of "
            f"{integrity.submissions:,} submissions, {integrity.invalid_records:,} single records"
        )


def _conformance(report: Report) -> Iterator[str]:
    conformance = report.conformance
    if not conformance.performed:
        yield f"Conformance: NOT JUDGED · {not_judged(report)}"
        return
    total = conformance.total()
    broken_rules = len({count.rule for count in conformance.counts if count.tally.violated})
    yield (
        f"Conformance: {total.violated:,} violated (of {broken_rules} rules) · "
        f"{total.undecidable:,} undecidable · {total.handled:,} handled · "
        f"{total.satisfied:,} satisfied"
    )
    for judged in conformance.contracts:
        name = f"{judged.name} {judged.version} for {judged.service}"
        yield f"  {name}: {judged.judged:,} records judged"


def _compared(report: Report) -> Iterator[str]:
    for one in report.against:
        yield f"Compared with {one.name} · {one.kind} · sha256 {one.digest}"
        span = f"from {one.first} to {one.last}" if one.first else "without times"
        if not one.performed:
            yield f"  NOT COMPARED · the ledger has to hold first · {one.calls:,} calls {span}"
            continue
        yield f"  {one.matched:,} of its {one.calls:,} calls are recorded · {span}"
        if one.missed or one.uncovered or one.outside:
            yield (
                f"  recorded, and not shown: {one.missed:,} that it covers, {one.uncovered:,} that "
                f"it may not cover, {one.outside:,} that it does not"
            )


def not_judged(report: Report) -> str:
    """Return why nothing was decided again."""
    if report.integrity.verdict is IntegrityVerdict.BROKEN:
        return "the ledger has to hold before anything in it can be judged"
    return report.conformance.why or "integrity alone was asked for"


def answer(report: Report) -> str:
    """Return what the exit code says, in words."""
    answers = {
        ExitCode.HOLDS: (
            "holds, and nothing was done in it against a rule (exit 0)"
            if report.conformance.performed
            else "holds; what was done in it was not judged (exit 0)"
        ),
        ExitCode.VIOLATED: "there are violations, or the ledger is broken (exit 1)",
        ExitCode.UNDECIDABLE: (
            "no violation, but something that matters is undecidable (exit 3)"
            if report.integrity.vouched
            else "undecidable: nothing vouches for it, so neither for what is found below (exit 3)"
        ),
    }
    return answers[report.exit_code()]


def _incidents(report: Report) -> Iterator[str]:
    """Yield the gravest incidents, those with the most findings first."""
    incidents = report.incidents
    if not incidents:
        return
    order = tuple(Severity)
    gravest = sorted(incidents, key=lambda one: (order.index(one.severity), -len(one.findings)))
    yield ""
    yield f"Incidents: {len(incidents):,}"
    for one in gravest[:INCIDENTS]:
        count = len(one.findings)
        where = f"run {shortened(one.run, 40)}" if one.run else shortened(one.identity, 60)
        at = f"entries {one.first} to {one.last}" if one.last > one.first else f"entry {one.first}"
        since = f", {one.since[:16]}Z to {one.until[:16]}Z" if one.last > one.first else ""
        parts = (one.severity.value, one.code, f"{count:,}×", where, f"{at}{since}")
        yield f"  {one.id}  {' · '.join(part for part in parts if part)}"
    if len(incidents) > INCIDENTS:
        yield f"  … and {len(incidents) - INCIDENTS:,} more"


def _groups(findings: tuple[Finding, ...]) -> Iterator[tuple[str, list[Finding]]]:
    handled = [found for found in findings if found.result is Result.HANDLED]
    others = [found for found in findings if found.result is not Result.HANDLED]
    advice = [found for found in others if found.severity is Severity.ADVICE]
    rest = [found for found in others if found.severity is not Severity.ADVICE]
    for title, chosen in (
        ("Violated", [found for found in rest if found.result is Result.VIOLATED]),
        ("Undecidable", [found for found in rest if found.result is Result.UNDECIDABLE]),
        ("Handled", handled),
        ("Advice", advice),
    ):
        if chosen:
            yield title, chosen


def _grouped(findings: list[Finding], in_full: int) -> Iterator[str]:
    by_rule = sorted(findings, key=lambda found: (found.rule, found.code, found.contract))
    groups = groupby(by_rule, key=lambda found: (found.rule, found.code, found.contract))
    for (rule, code, _), members in groups:
        group = list(members)
        first = group[0]
        name = rule if rule == code else f"{code} ({rule})"
        if first.result is Result.HANDLED:
            # One line: nothing here waits for anybody.
            at = f"first at entry {first.index}, {first.id}"
            yield f"  {name} · {len(group):,}×: {_how(group)} ({at})"
            continue
        yield f"  {name} · {len(group):,}× · {first.severity.value}"
        if first.says:
            yield f"    {shortened(first.says)}{_where(first)}"
        if first.cites:
            yield f"    cites: {shortened(first.cites)}"
        if first.result is Result.UNDECIDABLE:
            yield from _reasons(group)
        else:
            yield from _in_full(group, in_full)


def _how(group: list[Finding]) -> str:
    """Return how many of the handled were denied, held, escalated and approved."""
    counted = Counter(found.handled.partition(" ")[0] for found in group)
    return ", ".join(f"{count:,} {word}" for word, count in sorted(counted.items()))


def _where(found: Finding) -> str:
    return f" (contract line {found.contract_line})" if found.contract_line else ""


def _reasons(group: list[Finding]) -> Iterator[str]:
    counted = Counter(found.reason for found in group)
    for reason, count in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        first = next(found for found in group if found.reason == reason)
        yield f"    {count:,}× {shortened(reason)} (first at entry {first.index}, {first.id})"


def _in_full(group: list[Finding], in_full: int) -> Iterator[str]:
    for found in group[:in_full]:
        yield f"    {found.id}  {place(found)}"
        yield from explained(found)
    if len(group) > in_full:
        yield f"    … and {len(group) - in_full:,} more"


def explained(found: Finding) -> Iterator[str]:
    """Yield why a finding is what it is, and what would have satisfied what was asked."""
    said = found.explanation
    for number, one in enumerate(said.because[:REASONS]):
        yield f"      {'because:' if not number else '        '} {shortened(one, LONG)}"
    if len(said.because) > REASONS:
        yield f"               … and {len(said.because) - REASONS} more reasons"
    for number, one in enumerate(said.would):
        yield f"      {'instead:' if not number else '     or:'} {shortened(one, LONG)}"
    if found.rests_on:
        yield f"      rests on: {_bases(found)}"


def place(found: Finding) -> str:
    """Return where a finding stands: entry, run, tool."""
    parts = [f"entry {found.index}"]
    if found.run:
        parts.append(f"run {shortened(found.run, 40)}")
    if found.action:
        parts.append(found.action)
    return printable(" · ".join(parts))


def printable(line: str) -> str:
    """Return a line in which nothing speaks to the terminal: what is recorded is anybody's text."""
    if line.isprintable():
        return line
    shown = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
    return "".join(shown)


def _bases(found: Finding) -> str:
    shown = [
        f"{basis.index} ({basis.kind}{f' from {basis.source}' if basis.source else ''}"
        f"{', snapshot' if basis.snapshot else ''})"
        for basis in found.rests_on[:4]
    ]
    more = len(found.rests_on) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
