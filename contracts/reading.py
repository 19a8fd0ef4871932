"""From text to document: every error with its file, line and column, and what to do about it.

Reading takes three steps, and each reports all that it finds: the markup (`contracts.markup`), the
document (this module), and what the document means (`contracts.expansion`). A step is taken only
where the one before found nothing, so that one slip gives one error.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from jsonschema_rs import ValidationError as SchemaError
from jsonschema_rs import validator_for

from contracts.document import Clauses
from contracts.errors import ContractError, ContractErrors
from contracts.faults import checked
from contracts.layering import laid
from contracts.markup import Path, Source, read_markup
from contracts.model import SharedText
from contracts.sharing import Layer, ReadText, gather, with_shared


@dataclass(frozen=True, slots=True)
class ContractDocument:
    """A contract as read: what it says, and where.

    Attributes:
        clauses: The document, with what it extends laid under it.
        source: The text, and the place of each value.
        shared: The shared policies that it extends.
        texts: Their texts, by digest.
    """

    clauses: Clauses
    source: Source
    shared: tuple[SharedText, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def digest(self) -> str:
        """The SHA-256 of the text in UTF-8, 64 hex digits: the contract's name in a ledger."""
        return hashlib.sha256(self.source.text.encode()).hexdigest()


def parse_contract(
    text: str | bytes, name: str = "<contract>", read: ReadText | None = None
) -> ContractDocument:
    """Read a contract's text; nothing is expanded and no condition is checked yet.

    Args:
        text: The YAML, at most 1 MiB; bytes must be UTF-8.
        name: What errors call the text, usually its file name.
        read: Gives the text of a shared policy by its path, which is relative as `name` is, or
            raises `OSError`. Without it a contract has to hold what it extends, as those in a
            ledger do.

    Raises:
        ContractErrors: The text is no contract; it holds every error of the step that failed.
    """
    value, source, errors = read_markup(text, name)
    if not isinstance(value, dict):
        problem = "this is no contract: it must begin with keys such as `contract:` and `version:`"
        raise ContractErrors([*errors, source.error("document.type", problem, source.at())])
    document = cast("dict[str, Any]", value)
    layers: Sequence[Layer] = ()
    if "extends" in document or "shared" in document:
        layers, found = gather(document, source, read)
        if found:
            raise ContractErrors([*errors, *found])
        document, source, found = laid(document, source, layers)
        errors += found
    clauses, found = checked(Clauses, document, source)
    errors += found
    if clauses is not None:
        errors += _schema_errors(source, clauses)
    if clauses is None or errors:
        raise ContractErrors(errors)
    texts = {layer.digest: layer.source.text for layer in layers}
    return ContractDocument(clauses, source, tuple(layer.shared for layer in layers), texts)


def closed_text(document: ContractDocument) -> str:
    """Return the text of a contract with all that it extends under `shared`: what is published.

    Lines of the contract and of each shared policy stay as they are; the digest is another one.

    Raises:
        ContractErrors: A shared text cannot stand in another one.
    """
    text = document.source.text
    if not document.texts or document.clauses.shared:
        return text
    closed = with_shared(text, document.texts)
    try:
        again = parse_contract(closed, document.source.file).clauses
    except ContractErrors as failure:
        raise ContractErrors([_not_closed(document.source, str(failure.errors[0]))]) from None
    if again.model_dump(exclude={"shared"}) != document.clauses.model_dump(exclude={"shared"}):
        raise ContractErrors(
            [_not_closed(document.source, "the contract would say something else")]
        )
    return closed


def _not_closed(source: Source, why: str) -> ContractError:
    message = (
        "what it extends cannot be put at its end; write it in lines, not in braces, let it end"
        f" with a line end, and save shared policies with LF line ends ({why})"
    )
    return source.error("shared.form", message, source.key_at("extends"))


# --------------------------------------------------------------------- parameter schemas


def _schema_errors(source: Source, clauses: Clauses) -> Iterator[ContractError]:
    for name, tool in clauses.tools.items():
        if tool.params is None:
            continue
        path: Path = ("tools", name, "params")
        outside = list(_outside_references(tool.params, path))
        for reference in outside:
            yield source.error(
                "schema.reference",
                "a reference out of this contract; write the schema out, or refer to `#/...`",
                source.at(*reference),
            )
        if not outside:
            yield from _invalid_schema(source, tool.params, path)


def _outside_references(schema: object, path: Path) -> Iterator[Path]:
    """What would make a validator look for a schema in a file or on the network."""
    if isinstance(schema, dict):
        for key, value in cast("dict[str, object]", schema).items():
            if key in {"$ref", "$dynamicRef", "$schema", "$id"} and isinstance(value, str):
                if not value.startswith(
                    ("#", "https://json-schema.org/", "http://json-schema.org/")
                ):
                    yield (*path, key)
            else:
                yield from _outside_references(value, (*path, key))
    elif isinstance(schema, list):
        for number, item in enumerate(cast("list[object]", schema)):
            yield from _outside_references(item, (*path, number))


def _invalid_schema(
    source: Source, schema: Mapping[str, object], path: Path
) -> Iterator[ContractError]:
    try:
        validator_for(dict(schema))
    except SchemaError as error:
        place = source.at(*path, *(step for step in error.instance_path))
        yield source.error("schema.invalid", f"no JSON Schema: {error.message}", place)
