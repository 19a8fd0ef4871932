"""How a file is read: which column says what, written down in a small YAML file.

docs/reference/against.schema.json is made of this module (`verifier.reconciling.published`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contracts.errors import ContractErrors
from contracts.instants import micros
from contracts.markup import read_markup
from contracts.refusals import Form, Refusing, no_value, nulls
from contracts.vocabulary import INSTANT, PATTERNS, Instant
from ledger.importers.problems import ImporterError
from ledger.importers.profile import Profile
from ledger.importers.profile_reading import load_profile
from verifier.reconciling.problems import AgainstError, refused

Clock: TypeAlias = Literal["rfc3339", "seconds", "milliseconds", "microseconds", "nanoseconds"]
Column = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
Name = Annotated[str, StringConstraints(pattern=_NAME)]
_PARAMS: Final = (
    "The column that holds all arguments as a JSON object; or for each parameter its column "
    "(`amount.micros` is a member of a member)."
)
_FORMAT: Final = "What the file is; told by its content where it is not said."
_TOOLS: Final = "The ledger's name for each tool that the source calls otherwise."
_FORMS: Final = {
    _NAME: "a short name of letters, digits, `.`, `_` and `-`",
    INSTANT: PATTERNS[INSTANT],
}


def _told(words: str) -> Any:  # noqa: ANN401 - pydantic says so
    return Field(description=words)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Part):
    """Which column (or span attribute) says what. What is not named here has its usual name."""

    tool: Annotated[Column | None, _told("The tool's name.")] = None
    call_id: Annotated[Column | None, _told("The call's own id.")] = None
    idempotency_key: Annotated[Column | None, _told("The idempotency key.")] = None
    run: Annotated[Column | None, _told("The run, by its reference in the ledger.")] = None
    time: Annotated[Column | None, _told("When the tool was called.")] = None
    status: Annotated[Column | None, _told("How the call ended.")] = None
    params: Annotated[Column | dict[Column, Column] | None, _told(_PARAMS)] = None


class Statuses(_Part):
    """What the words in the status column mean; upper and lower case are the same."""

    ok: Annotated[tuple[Column, ...], _told("The call was carried out.")] = ()
    failed: Annotated[tuple[Column, ...], _told("The call failed, or timed out.")] = ()
    none: Annotated[tuple[Column, ...], _told("There was no call: the row is left out.")] = ()


class Covers(_Part):
    """What the source shows all of. Recorded calls that it does not cover are not missed."""

    from_: Annotated[
        Instant | None,
        Field(validation_alias="from", serialization_alias="from", description="From when on."),
    ] = None
    to: Annotated[Instant | None, _told("Until when.")] = None
    tools: Annotated[tuple[Column, ...], _told("Which tools, by the ledger's names.")] = ()


class CallMap(_Part):
    """How one file is read."""

    calls: Annotated[Name, _told("What reports call the source, such as `payments-log`.")]
    format: Annotated[Literal["csv", "parquet", "otlp"] | None, _told(_FORMAT)] = None
    delimiter: Annotated[
        Character | None, _told("What stands between the cells of a CSV file.")
    ] = None
    tool: Annotated[Column | None, _told("The one tool whose log this is.")] = None
    columns: Annotated[Columns, _told(str(Columns.__doc__))] = Columns()
    clock: Annotated[Clock, _told("How times are written; numbers since 1970.")] = "rfc3339"
    statuses: Annotated[Statuses | None, _told(str(Statuses.__doc__))] = None
    tools: Annotated[dict[Column, Column], _told(_TOOLS)] = {}
    covers: Annotated[Covers, _told(str(Covers.__doc__))] = Covers()

    def span(self) -> tuple[int | None, int | None]:
        """Return from when to when all calls are there, as far as it is said."""
        return micros(self.covers.from_), micros(self.covers.to)


Reads: TypeAlias = CallMap | Profile


def load_map(path: Path) -> Reads:
    """Read what says how a file is read: a map of calls, or an import profile.

    Raises:
        AgainstError: It cannot be read, or is neither; every error is named with its place.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise refused("map", str(path), f"{error.strerror}") from error
    value, source, errors = read_markup(raw, str(path))
    if isinstance(value, dict) and "profile" in value:
        try:
            return load_profile(path)
        except ImporterError as error:
            raise AgainstError(str(error), code="against.map") from error
    if not isinstance(value, dict):
        what = "this is no map: it begins with `calls:` and a name (or is an import profile)"
        errors = [*errors, source.error("map.type", what, source.at())]
        raise _wrong(ContractErrors(errors))
    document = cast("dict[str, Any]", value)
    nothing = list(nulls(document))
    errors += [no_value(source, where) for where in nothing]
    try:
        read = CallMap.model_validate_json(json.dumps(document))
    except ValidationError as failure:
        found = failure.errors(include_url=False, include_context=True)
        form = Form(CallMap, "a map", "this map", cast("Mapping[str, str]", _FORMS))
        errors += Refusing(source, document, form).errors(found, set(nothing))
        raise _wrong(ContractErrors(errors)) from failure
    if errors:
        raise _wrong(ContractErrors(errors))
    return read


def _wrong(errors: ContractErrors) -> AgainstError:
    return AgainstError(str(errors), code="against.map")
