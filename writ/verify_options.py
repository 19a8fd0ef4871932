"""What `writ verify` may be told."""

from pathlib import Path
from typing import Annotated

import typer

from verifier.engines import Engines

# As verifier.reports has them, which is not imported before it is needed; a test compares.
FORMATS = ("text", "json", "jsonl", "sarif", "junit", "ocsf", "html")
# Options with which a report is made again as it was, in the order in which they are named.
REPEATED = (
    "--checkpoint",
    "--unseal",
    "--disclosures",
    "--against",
    "--against-map",
    "--against-within",
)

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="LEDGER", help="A .db file, a database URL, a bundle, or a directory of tiles."
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="Processes at work: others prove integrity while one decides again, and ask CEL "
        "what no column says, where there is much of it. As many as there are processors.",
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="What you keep of earlier verifications: only what is new since is read and decided.",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the report to a file.")
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="|".join(FORMATS), help="How to write the report.")
]
IntegrityOption = Annotated[
    bool, typer.Option("--integrity", help="Integrity alone: decide no record again.")
]
ReceiptsOption = Annotated[
    Path | None,
    typer.Option("--receipts", metavar="FILE", help="What a writer was given: is it there?"),
]
UnsealOption = Annotated[
    Path | None,
    typer.Option("--unseal", metavar="KEYFILE", help="The sealing key: open sealed values."),
]
DisclosuresOption = Annotated[
    Path | None,
    typer.Option("--disclosures", metavar="FILE|DIR", help="Sealed values that were shown."),
]
EngineOption = Annotated[
    Engines,
    typer.Option(
        "--engine",
        help="What decides records again: `columns` for a long ledger, `rows` (the counters of the "
        "guard) for a short one. Both say the same.",
    ),
]


AgainstOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--against",
        metavar="FILE",
        help="What another source saw, to be compared: conversations, OTLP/JSON, CSV or Parquet.",
    ),
]
AgainstMapOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--against-map",
        metavar="FILE",
        help="How it is read: a map of its columns, or an import profile; one for all, or each.",
    ),
]
AgainstWithinOption = Annotated[
    str, typer.Option("--against-within", metavar="TIME", help="How far clocks may be apart.")
]
