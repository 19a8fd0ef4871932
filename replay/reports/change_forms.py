"""The answer of `writ change` as text, JSON and a page."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from replay.change_measures import Changed, Effect
from replay.charts import Words, bars
from replay.pages import Chart, Part, Section, page
from replay.reports.change_tables import called, decided, moved, people_table, tables
from replay.reports.change_words import headline, limits, sentences
from replay.tables import as_objects, as_text
from verifier.reports.text import printable

SCHEMA: Final = "writ/change/v1"


def change_text(found: Changed) -> str:
    """Return the answer as text, ended by a newline."""
    head = [
        f"Change: {headline(found)}",
        _of(found),
        "",
        *(printable(each) for each in sentences(found)),
    ]
    parts = ["\n".join(head) + "\n"]
    for each in found.effects:
        lines = [called(each.change), *(f"  {line}" for line in _beside(each))]
        parts.append("\n".join(map(printable, lines)) + "\n" + as_text(people_table(each)))
    parts.append(
        "\n".join(["What this does not prove", *(f"  - {one}" for one in limits(found))]) + "\n"
    )
    return "\n".join(parts)


def _of(found: Changed) -> str:
    asked = printable("; ".join(found.asked) or "the whole ledger")
    trust = found.report.integrity.trust
    return f"Of {asked} · {found.report.ledger.size:,} entries · trust: {trust}"


def _beside(effect: Effect) -> Iterator[str]:
    if effect.change.beside:
        yield f"Also changed within these runs: {'; '.join(effect.change.beside)}."
    yield decided(effect)
    if effect.rules:
        yield moved(effect)


def change_json(found: Changed, envelope: Mapping[str, Any] | None = None) -> str:
    """Return the answer as one JSON document, ended by a newline; amounts are in micro-units."""
    ledger = found.report.ledger
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "ledger": {"origin": ledger.origin, "genesis": ledger.genesis, "size": ledger.size},
        "trust": found.report.integrity.trust,
        "asked": list(found.asked),
        "rates": list(found.rates.stated),
        "runs": len(found.chosen.runs),
        "comparisons": found.comparisons,
        "tables": {table.name: as_objects(table) for table in tables(found)},
        "mixed": [
            {
                "service": one.service,
                "channel": one.channel,
                "attribute": one.attribute,
                "turns": one.turns,
                "values": list(one.values),
            }
            for one in found.mixed
        ],
        "headline": headline(found),
        "sentences": sentences(found),
        "not_proven": limits(found),
    }
    if envelope is not None:
        body["envelope"] = dict(envelope)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def change_html(found: Changed) -> str:
    """Return the answer as one HTML document, ended by a newline."""
    sections = [
        Section(each.change.name, list(_parts(number, each)))
        for number, each in enumerate(found.effects)
    ]
    asked = "; ".join(found.asked) or "the whole ledger"
    return page(
        f"Change: {headline(found)}",
        sections,
        asked=f"writ change · {asked} · {found.report.ledger.size:,} entries",
        lead=sentences(found),
        limits=limits(found),
    )


def _parts(number: int, effect: Effect) -> Iterator[Part]:
    yield called(effect.change)
    yield from _beside(effect)
    rates = [one for one in effect.compared if one.unit == "share"]
    items = [
        (f"{one.measure}, {when}", value * 100, f"{value * 100:.1f} %")
        for one in rates
        for when, value in (("before", one.before), ("after", one.after))
        if value is not None
    ]
    says = "; ".join(f"{label}: {said}" for label, _, said in items)
    if items:
        words = Words(
            f"change-{number}", f"Runs before and after: {effect.change.name}", says, "% of runs"
        )
        yield Chart(bars(items, words))
    yield people_table(effect)
