"""The JSON Schemas of contracts, shared policies and scenarios: editors complete and check by them.

`python -m contracts.published` writes docs/reference/*.schema.json anew; a test says when to.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel

from contracts.document import Clauses
from contracts.policies import SharedPolicy
from contracts.steps import KINDS, SettingText, Shared, SuiteText

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: Final[Mapping[str, tuple[type[BaseModel], str]]] = {
    "contract.schema.json": (Clauses, "Writ contract, language version 1"),
    "shared-policy.schema.json": (SharedPolicy, "Writ shared policy, language version 1"),
    "scenarios.schema.json": (SuiteText, "Writ suite of scenarios, version 1"),
    "scenario-setting.schema.json": (SettingText, "Writ setting of scenarios, version 1"),
}

_REF: Final = "#/$defs/"
# Of an action: what came of it, in the keys of another step, which names no action then.
_PARTS: Final = {"outcome": "OutcomeStep", "observed": "ObservationStep"}


def json_schema(model: type[BaseModel] = Clauses, title: str = "") -> dict[str, Any]:
    """Return the JSON Schema of what a model reads."""
    schema = model.model_json_schema(by_alias=True)
    if issubclass(model, Shared):
        _say_steps(schema)
    _close(schema)
    if model is Clauses:
        _policy_may_be_shared(schema)
    named = title or next(words for known, words in SCHEMAS.values() if known is model)
    return {"$schema": DIALECT, **schema, "title": named}


def schema_text(name: str) -> str:
    """Return the text of a published schema by its file name."""
    model, title = SCHEMAS[name]
    return json.dumps(json_schema(model, title), indent=2, ensure_ascii=False) + "\n"


def _close(schema: object) -> None:
    """Make a schema as strict as the models, and leave out what pydantic adds for programs."""
    if isinstance(schema, list):
        for item in cast("list[object]", schema):
            _close(item)
    if not isinstance(schema, dict):
        return
    members = cast("dict[str, object]", schema)
    # Names that an author chooses follow their pattern: pydantic says so, the schema must too.
    if "patternProperties" in members:
        members["additionalProperties"] = False
    if isinstance(members.get("title"), str):
        del members["title"]
    if isinstance(told := members.get("description"), str):
        members["description"] = " ".join(told.split())
    _no_null(members)
    for member in members.values():
        _close(member)


def _no_null(members: dict[str, object]) -> None:
    """A key is left out, or has a value: reading refuses one without."""
    if members.get("default", ...) is None:
        del members["default"]
    kinds = members.get("anyOf")
    if not isinstance(kinds, list) or {"type": "null"} not in kinds:
        return
    others = [kind for kind in cast("list[dict[str, object]]", kinds) if kind != {"type": "null"}]
    del members["anyOf"]
    members |= others[0] if len(others) == 1 else {"anyOf": others}


def _policy_may_be_shared(schema: dict[str, Any]) -> None:
    """Without `policy.document` a contract is whole only where it extends something."""
    schema["required"].remove("policy")
    schema["$defs"]["Policy"]["required"].remove("document")
    own = {"required": ["policy"], "properties": {"policy": {"required": ["document"]}}}
    schema["anyOf"] = [own, {"required": ["extends"]}]


def _say_steps(schema: dict[str, Any]) -> None:
    """Say what a step is: models read steps one by one, once the values in them are known."""
    defs: dict[str, Any] = schema.setdefault("$defs", {})
    steps: dict[str, Any] = {}
    for model in KINDS.values():
        made = model.model_json_schema(by_alias=True)
        steps |= {**made.pop("$defs", {}), model.__name__: made}
    for name, part in _PARTS.items():
        needed = [one for one in steps[part]["required"] if one != name]
        kinds = steps["ActionStep"]["properties"][name]["anyOf"]
        said = {**steps[part], "required": needed}
        kinds[:] = [said if one.get("type") == "object" else one for one in kinds]
    for made in steps.values():
        for name, member in made.get("properties", {}).items():
            made["properties"][name] = _or_value(member)
    defs |= steps
    kinds = [{"$ref": f"{_REF}{model.__name__}"} for model in KINDS.values()]
    block = {"type": "string", "minLength": 1, "description": "The name of a block."}
    defs["Step"] = {"anyOf": [block, *kinds]}
    defs["Steps"] = {"anyOf": [_ref("Step"), {"type": "array", "items": _ref("Step")}]}
    defs["Value"] = {
        "type": "string",
        "pattern": r"\$",
        "description": "A text with `$name` in it, which stands for a value.",
    }
    schema["properties"]["blocks"]["additionalProperties"] = _ref("Steps")
    scenario = defs.get("ScenarioText", {"properties": {}})["properties"]
    for key in set(scenario) & {"given", "when", "after"}:
        told = scenario[key]["description"]
        scenario[key] = {**_ref("Step" if key == "when" else "Steps"), "description": told}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"{_REF}{name}"}


def _or_value(member: dict[str, Any]) -> dict[str, Any]:
    """Return what a member of a step may be: also a text in which a value stands by its name."""
    told: dict[str, Any] = {
        key: value for key, value in member.items() if key in {"description", "default"}
    }
    own = {key: value for key, value in member.items() if key not in {*told, "title"}}
    if not own or own == {"type": "string", "minLength": 1}:
        return {**own, **told}
    kinds = own["anyOf"] if set(own) == {"anyOf"} else [own]
    return {"anyOf": [*kinds, _ref("Value")], **told}


def write_schemas(folder: Path) -> None:
    """Write each published schema into a folder."""
    for name in SCHEMAS:
        (folder / name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(__file__).parents[1] / "docs" / "reference")
