"""What every piece of a record and of a header is: validated once, frozen, and quickly written.

Source: docs/spec/ledger-format.md, *Record*; docs/adr/0012.
"""

from collections.abc import Mapping
from typing import Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from ledger.encoding import check_inner


def _refuse_nulls(value: object) -> None:
    if isinstance(value, dict):
        for name, item in cast("Mapping[str, object]", value).items():
            if item is None:
                raise ValueError(f"{name} is null: an absent field is left out")


class Part(BaseModel):
    """A piece of a record: no field but those named, nothing converted, absent fields left out."""

    # What is frozen was validated, and so is valid: no way to make one goes around that, also not
    # a part that is an instance of some subclass. The ledger's gate rests on it (docs/adr/0012).
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        revalidate_instances="subclass-instances",
    )

    @classmethod
    def model_construct(cls, *_: object, **__: object) -> Self:
        """Refuse: a part is made of validated fields, or not at all.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{cls.__name__} is made by validation only")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it. What `update` changes is validated like everything else.

        Raises:
            ValidationError: It is then no such part.
        """
        copied = super().model_copy(deep=deep)
        if not update:
            return copied
        return type(self).model_validate({**copied.__dict__, **update}, by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_null(cls, value: object, info: ValidationInfo) -> object:
        # In Python None says "absent"; on the wire absent is the only way to say it.
        if info.context:
            _refuse_nulls(value)
        return value

    @model_serializer(mode="wrap")
    def _leave_out_absent(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}


# What cannot be a part. To ask whether a value is an instance of a model takes ten times as long.
_JSON: frozenset[type] = frozenset((dict, list, str, int, float, bool))


def written(part: Part) -> dict[str, object]:
    """Return what a part is written as: what `model_dump` gives, in a third of the time.

    What was not validated when it was made, or may have changed since, is checked. Texts and
    numbers were: the encoder sees that they can be written.
    """
    found = {
        name: value if type(value) is str or type(value) is int else _item(value)
        for name, value in part.__dict__.items()
        if value is not None
    }
    # `import` is a word of Python's.
    if "import_" in found:
        found["import"] = found.pop("import_")
    return found


def _item(value: object) -> object:
    if type(value) not in _JSON:
        if isinstance(value, Part):
            return written(value)
        if _holds_parts(value):
            return [_item(item) for item in cast("tuple[object, ...]", value)]
    check_inner(value)
    return value


def _holds_parts(value: object) -> bool:
    return type(value) is tuple and any(
        type(item) not in _JSON and isinstance(item, Part)
        for item in cast("tuple[object, ...]", value)
    )
