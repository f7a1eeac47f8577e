"""What the database can check of a request's fields, read from what pydantic itself checks them by.

Each rule is a sure sign that pydantic would refuse: what is not known to be one is left out, and the relay, which
checks all again, is the judge of it. Left to the relay are: validators of a request's own, unions (but for an optional
field), patterns that read differently in PostgreSQL, limits of times, versions of UUIDs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, TypeAlias

from adapters.db.patterns import translated
from domain.requests import JobRequest

Rule: TypeAlias = dict[str, Any]
"""Of one field, as JSON. Nothing in it: anything is taken.

- `required`: it cannot be left out; `nullable`: null is taken
- `type`: `integer`, `string`, `boolean`, `date`, `date-time` or `uuid`
- `minimum`, `maximum`, `multiple_of`: of an integer, or of a date; `min_length`, `max_length`, `pattern`: of a text
- `values`: the choices, each with what Python's `str` makes of it; see `_choice`
- `omitted`: what `str` makes of the default
- `opaque`: Python may make another value of it, so that the job's id cannot be told
- `expects`: for people, "a whole number from 1"
"""

ANY_OTHER = "*"
"""In place of a field's name: the request takes fields that are not listed here."""

_LARGEST_ID = 2**63 - 1
_PLAIN_KEYS = {"type", "metadata", "ref", "serialization", "strict"}
_HARMLESS_SETTINGS = {"title", "extra_fields_behavior", "hide_input_in_errors"}


def rules_of(request: type[JobRequest]) -> tuple[dict[str, Rule], list[str] | None]:
    """Rules by field; and the fields whose values make the job's id, in order, None where only Python can derive it."""
    request.model_rebuild()
    schema: Mapping[str, Any] = request.__pydantic_core_schema__
    definitions = {part["ref"]: part for part in schema.get("definitions", ())}
    own_id = request.business_id is JobRequest.business_id and request.workflow_id is JobRequest.workflow_id
    model = schema["schema"] if schema["type"] == "definitions" else schema
    while model["type"] in ("function-after", "definition-ref"):
        own_id = own_id and model["type"] == "definition-ref"
        model = definitions[model["schema_ref"]] if model["type"] == "definition-ref" else model["schema"]
    if not _is_told_by_its_fields(model):
        return {ANY_OTHER: {}}, None
    rules: dict[str, Rule] = {}
    closed = model["config"].get("extra_fields_behavior") == "forbid"
    for name, field in model["schema"]["fields"].items():
        if "validation_alias" in field:
            closed = False
        else:
            rules[name] = _rule(field["schema"], definitions)
    if not closed:
        rules[ANY_OTHER] = {}
    own_id = own_id and closed and "post_init" not in model
    return rules, list(request.model_fields) if own_id else None


def _is_told_by_its_fields(model: Mapping[str, Any]) -> bool:
    """False where the payload may be rewritten before the fields are looked at, or settings change what they take."""
    return (
        model["type"] == "model"
        and model["schema"]["type"] == "model-fields"
        and not model.get("custom_init")
        and _HARMLESS_SETTINGS.issuperset(model["config"])
    )


def _rule(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Rule:
    rule: Rule = {}
    if schema["type"] == "default":
        if schema.get("on_error", "raise") != "raise":
            return {"opaque": True, "expects": _ANYTHING}
        if "default" in schema and not schema.get("validate_default"):
            rule["omitted"] = str(schema["default"])
        schema = schema["schema"]
    else:
        rule["required"] = True
    while schema["type"] in ("nullable", "function-after", "definition-ref"):
        match schema["type"]:
            case "nullable":
                rule["nullable"] = True
            case "function-after":
                rule["opaque"] = True
        ref = schema.get("schema_ref")
        schema = definitions[ref] if ref is not None else schema["schema"]
    rule |= _of_type(schema)
    rule["expects"] = _expects(rule, schema) + (", or null" if rule.get("nullable") else "")
    return rule


def _of_type(schema: Mapping[str, Any]) -> Rule:
    keys = schema.keys() - _PLAIN_KEYS
    match schema["type"]:
        case "int" if keys <= {"ge", "gt", "le", "lt", "multiple_of"}:
            return {"type": "integer", **_bounds(schema, 1), **_given(multiple_of=schema.get("multiple_of"))}
        case "str" if keys <= {"min_length", "max_length", "pattern", "regex_engine"}:
            return {
                "type": "string",
                **_given(min_length=schema.get("min_length"), max_length=schema.get("max_length")),
                **_given(pattern=_pattern(schema)),
            }
        case "bool" if not keys:
            return {"type": "boolean"}
        case "date" if keys <= {"ge", "gt", "le", "lt", "now_op", "now_utc_offset"}:
            bounds = _bounds(schema, timedelta(days=1)) if "now_op" not in keys else {}
            return {"type": "date", **{name: bound.isoformat() for name, bound in bounds.items()}}
        case "datetime":
            return {"type": "date-time"}
        case "uuid":
            return {"type": "uuid"}
        case "literal":
            return _choices((value, value) for value in schema["expected"])
        case "enum" if "missing" not in keys:
            return _choices((member.value, member) for member in schema["members"])
    return {"opaque": True}


def _bounds(schema: Mapping[str, Any], step: Any) -> dict[str, Any]:
    """Both bounds inclusive."""
    least = [schema["ge"]] if "ge" in schema else []
    most = [schema["le"]] if "le" in schema else []
    if "gt" in schema and schema["gt"] != date.max:
        least.append(schema["gt"] + step)
    if "lt" in schema and schema["lt"] != date.min:
        most.append(schema["lt"] - step)
    return _given(minimum=max(least, default=None), maximum=min(most, default=None))


def _pattern(schema: Mapping[str, Any]) -> str | None:
    ours = schema.get("regex_engine", "rust-regex") == "rust-regex" and isinstance(schema.get("pattern"), str)
    return translated(schema["pattern"]) if ours else None


def _choices(choices: Iterable[tuple[Any, object]]) -> Rule:
    found = [(value, str(chosen)) for value, chosen in choices]
    if any(type(value) not in (str, int, bool, type(None)) for value, _ in found):
        return {"opaque": True}
    values = {_choice(value): text for value, text in found}
    told = [value if isinstance(value, str) else json.dumps(value) for value, _ in found if value is not None]
    # `Literal[1, True]`: pydantic takes the one for the other.
    ambiguous = {"opaque": True} if len(values) < len(found) else {}
    return {"values": values, "expects": ("one of " if told[1:] else "") + ", ".join(told), **ambiguous}


def _choice(value: str | int | bool | None) -> str:
    """A choice as the key of `values`: a text behind a quotation mark, a truth value as the number that it equals."""
    match value:
        case None:
            return "null"
        case str():
            return '"' + value
        case _:
            return str(int(value))


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


_ANYTHING = "what the kind's own rules accept"
_EXAMPLES = {
    "boolean": "true or false",
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T08:00:00Z",
    "uuid": "a UUID such as 123e4567-e89b-42d3-a456-426614174000",
}


def _expects(rule: Rule, schema: Mapping[str, Any]) -> str:
    if "expects" in rule:
        return str(rule["expects"])
    match rule.get("type"):
        case "string":
            least, most = rule.get("min_length", 0), rule.get("max_length")
            length = f" of {least} to {most} characters" if most is not None else ""
            match schema.get("pattern"):
                case None:
                    return f"text{length}"
                case r"^[^\s/]+$":
                    return f"text{length} without white space or slashes"
                case pattern:
                    return f"text{length} that fits {pattern}"
        case "integer":
            factor = f" (a multiple of {rule['multiple_of']})" if "multiple_of" in rule else ""
            return f"a whole number{_range(rule)}{factor}"
        case None:
            return _ANYTHING
        case other:
            return _EXAMPLES[other] + _range(rule)


def _range(rule: Rule) -> str:
    least, most = rule.get("minimum"), rule.get("maximum")
    told = f" from {least}" if least is not None else ""
    return told + (f" {'to' if told else 'up to'} {most}" if most not in (None, _LARGEST_ID) else "")
