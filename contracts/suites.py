"""From a suite's text to the steps of each scenario, every error with file, line and column.

A suite is read in two steps: the file as a whole, and then each scenario with its blocks put in
place and its values filled in. What a step must look like is known only then.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final, TypeVar, cast

from pydantic import ValidationError

from contracts.errors import ContractError, ContractErrors, did_you_mean
from contracts.markup import Path, Source, read_markup
from contracts.refusals import Form, Refusing, no_value, nulls
from contracts.steps import (
    FORMS,
    KINDS,
    ActionStep,
    OutcomeStep,
    Part,
    Person,
    ScenarioText,
    SettingText,
    Shared,
    SuiteText,
    UseStep,
    span,
)

Model = TypeVar("Model", bound=Part)

MAX_DEPTH: Final = 8
MAX_STEPS: Final = 5_000
"""Of one scenario: a block that repeats blocks that repeat grows faster than its author thinks."""

_VALUE: Final = re.compile(r"\$(?:(\$)|([A-Za-z][A-Za-z0-9_]*)|\{([A-Za-z][A-Za-z0-9_]*)\})")


@dataclass(frozen=True, slots=True)
class Where:
    """A place in one of the files that a scenario is put together from."""

    source: Source
    path: Path = ()

    def inner(self, *steps: str | int) -> "Where":
        """Return a place within it."""
        return Where(self.source, (*self.path, *steps))

    def error(self, code: str, message: str, hint: str = "") -> ContractError:
        """Return an error at this place."""
        return self.source.error(code, message, self.source.at(*self.path), hint)


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a scenario, with its values.

    Attributes:
        step: What it says.
        offset: Its time from the moment of `when`, in microseconds: before it negative.
        where: Where it stands.
        timed: Whether the suite says a time; what says none happens at the moment of `when`.
    """

    step: Part
    offset: int
    where: Where
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A file of what suites share, as read."""

    text: SettingText
    source: Source


@dataclass(frozen=True, slots=True)
class Suite:
    """A file of scenarios as read.

    Attributes:
        text: What it says.
        source: Where it says it.
        now: The moment of `when`, where a scenario says no other.
        people: Everybody that it and its setting name.
        values: All of their values.
        blocks: All of their blocks.
    """

    text: SuiteText
    source: Source
    now: str
    people: Mapping[str, Person]
    values: Mapping[str, Any]
    blocks: Mapping[str, tuple[Any, Where]]

    def chosen(self, version: str) -> list[tuple[int, ScenarioText]]:
        """Return the scenarios for a version of the contract, each with its number."""
        return [
            (number, each)
            for number, each in enumerate(self.text.scenarios)
            if version in (each.versions or self.text.versions)
        ]

    def lines(self, number: int, part: str) -> list[Line]:
        """Return the steps of a scenario's `given`, `when` or `after`, in the order written.

        Raises:
            ContractErrors: Every step that is none.
        """
        scenario = self.text.scenarios[number]
        reading = _Steps(self.blocks)
        where = Where(self.source, ("scenarios", number, part))
        scope = _Scope({**self.values, **scenario.with_})
        found = list(reading.steps(getattr(scenario, part), where, scope))
        if part == "when" and len(found) != 1 and not reading.errors:
            message = f"`when` is one record, and this is {len(found)}; move the others"
            reading.errors.append(where.error("when.one", message))
        if reading.errors:
            raise ContractErrors(reading.errors)
        return found


def parse_setting(text: str | bytes, name: str = "<setting>") -> Setting:
    """Read the text of a setting.

    Raises:
        ContractErrors: It is no setting; every error of the step that failed.
    """
    return Setting(*_parsed(text, name, Form(SettingText, "a setting", "this setting", FORMS)))


def parse_suite(
    text: str | bytes, name: str = "<suite>", settings: Mapping[str, Setting] | None = None
) -> Suite:
    """Read a suite's text.

    Args:
        text: The YAML, as a contract's: at most 1 MiB, no anchors, aliases or tags.
        name: What errors call the text, usually its file name.
        settings: What it may name as its `setting`, by file name.

    Raises:
        ContractErrors: It is no suite; every error of the step that failed.
    """
    read, source = _parsed(text, name, Form(SuiteText, "a suite", "this suite", FORMS))
    suite = cast("SuiteText", read)
    errors = list(_twice(source, suite))
    setting = (settings or {}).get(suite.setting or "")
    if suite.setting and setting is None:
        hint = did_you_mean(suite.setting, settings or {})
        message = f"there is no setting `{suite.setting}` beside this file; correct it"
        errors.append(Where(source, ("setting",)).error("setting.unknown", message, hint))
    now = suite.now or (setting.text.now if setting else "")
    if not now and not errors:
        message = "`now` is missing: the moment of `when`; add it here or in a setting"
        errors.append(Where(source).error("key.missing", message))
    if errors:
        raise ContractErrors(errors)
    parts: list[tuple[Shared, Source]] = [(suite, source)]
    if setting:
        parts.insert(0, (setting.text, setting.source))
    people: dict[str, Person] = {}
    values: dict[str, Any] = {}
    blocks: dict[str, tuple[Any, Where]] = {}
    for part, place in parts:
        people |= part.people
        values |= part.values
        blocks |= {
            block: (steps, Where(place, ("blocks", block))) for block, steps in part.blocks.items()
        }
    return Suite(suite, source, now, people, values, blocks)


def parse_suites(texts: Mapping[str, str | bytes]) -> list[Suite]:
    """Read the files of one folder: settings, and the suites that name them.

    Args:
        texts: The texts by file name, as errors are to call them.

    Raises:
        ContractErrors: Every error of every file.
    """
    errors: list[ContractError] = []
    settings: dict[str, Setting] = {}
    suites: list[Suite] = []
    for name in sorted(texts, key=lambda name: not is_setting(texts[name])):
        try:
            if is_setting(texts[name]):
                settings[PurePath(name).name] = parse_setting(texts[name], name)
            else:
                suites.append(parse_suite(texts[name], name, settings))
        except ContractErrors as failure:
            errors += failure.errors
    if errors:
        raise ContractErrors(errors)
    return sorted(suites, key=lambda suite: suite.source.file)


def is_setting(text: str | bytes) -> bool:
    """Return whether a text is a setting: it has that key and no scenarios."""
    raw = text.encode() if isinstance(text, str) else text
    has = {
        key for key in (b"setting", b"scenarios") if re.search(rb"^%b:" % key, raw, re.MULTILINE)
    }
    return has == {b"setting"}


def _parsed(text: str | bytes, name: str, form: Form) -> tuple[Any, Source]:
    value, source, errors = read_markup(text, name)
    if not isinstance(value, dict):
        problem = f"this is no {form.this.split()[-1]}: it must begin with keys and their values"
        raise ContractErrors([*errors, source.error("suite.type", problem, source.at())])
    document = cast("dict[str, Any]", value)
    nothing = list(nulls(document))
    errors += [no_value(source, path) for path in nothing]
    try:
        read = form.model.model_validate_json(json.dumps(document))
    except ValidationError as failure:
        found = failure.errors(include_url=False, include_context=True)
        errors += Refusing(source, document, form).errors(found, set(nothing))
    else:
        if not errors:
            return read, source
    raise ContractErrors(errors)


def _twice(source: Source, suite: SuiteText) -> Iterator[ContractError]:
    first: dict[str, int] = {}
    for number, each in enumerate(suite.scenarios):
        other = first.setdefault(each.scenario, number)
        if other != number:
            line = source.at("scenarios", other).line
            message = f"the scenario of line {line} has this name too; give each its own"
            place = source.at("scenarios", number, "scenario")
            yield source.error("scenario.duplicate", message, place)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What holds where a block is put in place: values, time, and which blocks it stands in."""

    values: Mapping[str, Any]
    offset: int = 0
    within: tuple[str, ...] = ()
    timed: bool = False


class _Steps:
    """Puts blocks in place, fills values in, and reads steps."""

    def __init__(self, blocks: Mapping[str, tuple[Any, Where]]) -> None:
        self.errors: list[ContractError] = []
        self._blocks = blocks
        self._count = 0

    def refuse(self, code: str, message: str, where: Where, hint: str = "") -> None:
        self.errors.append(where.error(code, message, hint))

    def steps(self, written: Any, where: Where, scope: _Scope) -> Iterator[Line]:  # noqa: ANN401 - YAML
        """Yield the steps of a list of them, of a single one, or of a block that is named."""
        if not isinstance(written, list):
            yield from self._one(written, where, scope)
            return
        items = cast("Sequence[Any]", written)
        for number, item in enumerate(items):
            yield from self._one(item, where.inner(number), scope)

    def _one(self, item: Any, where: Where, scope: _Scope) -> Iterator[Line]:  # noqa: ANN401 - YAML
        if isinstance(item, str):
            item = {"use": item}
        if not isinstance(item, dict):
            self.refuse("step.form", "a step is a record, or the name of a block", where)
            return
        step = self._read(self._filled(cast("dict[str, Any]", item), scope.values, where), where)
        if step is None:
            return
        if isinstance(step, UseStep):
            yield from self._used(step, where, scope)
            return
        self._count += 1
        if self._count > MAX_STEPS:
            problem = f"a scenario has at most {MAX_STEPS} records"
            self.refuse("scenario.size", f"{problem}; repeat less", where)
            raise ContractErrors(self.errors)
        yield from self._with_parts(_line(step, scope, where))

    def _used(self, use: UseStep, where: Where, scope: _Scope) -> Iterator[Line]:
        if use.use not in self._blocks:
            hint = did_you_mean(use.use, self._blocks)
            message = f"`{use.use}` is not among the `blocks`; correct it or write it"
            self.refuse("block.unknown", message, where, hint)
            return
        if use.use in scope.within or len(scope.within) >= MAX_DEPTH:
            message = f"the block `{use.use}` stands within itself, or too deep; take it apart"
            self.refuse("block.depth", message, where)
            return
        every = span(use.every) if use.every else 0
        for number in range(use.repeat or 1):
            more = {**use.with_, **({"n": number + 1} if use.repeat else {})}
            inner = _Scope(
                {**scope.values, **more},
                scope.offset + _offset(use) + number * every,
                (*scope.within, use.use),
                scope.timed or _is_timed(use),
            )
            yield from self.steps(*self._blocks[use.use], inner)

    def _with_parts(self, line: Line) -> Iterator[Line]:
        """Yield a step, and what an action says of its outcome and what was observed."""
        step = line.step
        if not isinstance(step, ActionStep) or not _has_parts(step):
            yield line
            return
        name = step.as_ or f"{step.action} {self._count}"
        own = {"by": step.by} if step.by else {}
        yield replace(line, step=step.model_copy(update={"as_": name}))
        parts: list[tuple[str, dict[str, Any]]] = []
        if step.outcome is not None:
            said = {"status": step.outcome} if isinstance(step.outcome, str) else step.outcome
            parts.append(("outcome", {"outcome": name, **own, **said}))
        if step.observed is not None:
            run = {"in": step.in_} if step.in_ else {}
            parts.append(("observed", {"of": name, **run, **own, **step.observed}))
        offset = line.offset
        for key, said in parts:
            part = self._read(said, line.where.inner(key))
            if part is not None:
                if isinstance(part, OutcomeStep) and part.took:
                    offset += span(part.took)
                yield Line(part, offset + _offset(part), line.where.inner(key))

    # ------------------------------------------------------------------------- reading

    def _read(self, item: dict[str, Any], where: Where) -> Part | None:
        kind = next((kind for kind in KINDS if kind in item), "")
        if not kind:
            known = ", ".join(f"`{each}`" for each in KINDS)
            hint = next((said for key in item if (said := did_you_mean(key, KINDS))), "")
            self.refuse("step.kind", f"a step has one of the keys {known}; add it", where, hint)
            return None
        return self.model(KINDS[kind], item, where, kind)

    def model(
        self, model: type[Model], item: dict[str, Any], where: Where, kind: str
    ) -> Model | None:
        """Return a model read from what stands at a path, None where it is refused."""
        try:
            return model.model_validate_json(json.dumps(item))
        except ValidationError as failure:
            article = "an" if kind[0] in "aou" else "a"
            form = Form(model, f"{article} `{kind}`", f"this `{kind}`", FORMS, where.path)
            found = failure.errors(include_url=False, include_context=True)
            self.errors += Refusing(where.source, item, form).errors(found)
            return None

    def _filled(self, value: Any, values: Mapping[str, Any], where: Where) -> Any:  # noqa: ANN401 - YAML
        """Return a value with the values in place of their names."""
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            return {
                key: self._filled(one, values, where.inner(key)) for key, one in members.items()
            }
        if isinstance(value, list):
            items = cast("Sequence[Any]", value)
            return [self._filled(one, values, where.inner(at)) for at, one in enumerate(items)]
        return self._text(value, values, where) if isinstance(value, str) else value

    def _text(self, text: str, values: Mapping[str, Any], where: Where) -> Any:  # noqa: ANN401 - YAML
        def value_of(found: re.Match[str]) -> Any:  # noqa: ANN401 - YAML
            if found[1]:
                return "$"
            name = found[2] or found[3]
            if name not in values:
                message = f"`${name}` has no value; give it one under `values` or `with`"
                hint = did_you_mean(name, values)
                self.refuse("value.unknown", f"{message} (a dollar sign is `$$`)", where, hint)
            return values.get(name, "")

        whole = _VALUE.fullmatch(text)
        if whole:
            return value_of(whole)
        return _VALUE.sub(lambda found: str(value_of(found)), text)


def _line(step: Part, scope: _Scope, where: Where) -> Line:
    return Line(step, scope.offset + _offset(step), where, scope.timed or _is_timed(step))


def _is_timed(step: Part) -> bool:
    return any(getattr(step, name, None) is not None for name in ("ago", "later"))


def _has_parts(step: ActionStep) -> bool:
    return step.outcome is not None or step.observed is not None


def _offset(step: Part) -> int:
    before, after = getattr(step, "ago", None), getattr(step, "later", None)
    return (span(after) if after else 0) - (span(before) if before else 0)
