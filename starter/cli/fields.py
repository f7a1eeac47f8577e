"""A request's fields as options of the command line, so that a new kind of job needs no change here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape

from domain.requests import JobRequest, negated, option_name

_LONGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class FieldOption:
    """One field of a request, and the option that it is given by."""

    field: str
    flag: str
    """`--order-id`"""
    parameter: str
    """Of the command's function; a prefix keeps it apart from the command's own."""
    schema: Mapping[str, Any]
    """JSON schema of the field, null and references taken out."""
    required: bool
    description: str

    @property
    def must_be(self) -> str:
        """What the value must be, for the help and for errors."""
        return must_be(self.schema)

    @property
    def example(self) -> str:
        """A value that fits, as people would type it."""
        return _example(self.schema)

    def signature(self) -> inspect.Parameter:
        """For typer. Values stay text here: the request itself checks them, and all rules are in one place."""
        is_flag = self.schema.get("type") == "boolean"
        about = f"{self.description}: {self.must_be}." if not is_flag else f"{self.description}."
        option = typer.Option(
            f"{self.flag}/{negated(self.flag)}" if is_flag else self.flag,
            help=escape(about),
            show_default=False,
            metavar="" if is_flag else self.field.rpartition("_")[2].upper(),
            rich_help_panel="The job",
        )
        base: Any = bool if is_flag else str
        return inspect.Parameter(
            self.parameter,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[base if self.required else base | None, option],
            **({} if self.required else {"default": None}),
        )

    def typed(self, given: Any) -> Any:
        """One of the field's choices for its text; pydantic does the rest, but takes no text for a number there."""
        return next((choice for choice in self.schema.get("enum", []) if str(choice) == given), given)


def with_options(command: Callable[..., int], options: Iterable[inspect.Parameter]) -> Callable[..., int]:
    """The command with further options; typer reads a function's signature, and `**given` takes their values."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    named = [parameter for parameter in own if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    command.__signature__ = inspect.Signature([*options, *named])  # type: ignore[attr-defined]  # functions may have one
    return command


def field_options(request: type[JobRequest]) -> list[FieldOption]:
    """Options of a request's fields."""
    schema = request.model_json_schema()
    options = []
    for name, field in request.model_fields.items():
        options.append(
            FieldOption(
                field=name,
                flag=option_name(name),
                parameter=f"field_{name}",
                schema=_plain(schema["properties"][name], schema.get("$defs", {})),
                required=field.is_required(),
                description=(field.description or name.replace("_", " ").capitalize()).rstrip("."),
            )
        )
    return options


def make_request(request: type[JobRequest], options: list[FieldOption], given: Mapping[str, Any]) -> JobRequest:
    """The request that the options say. Raises typer's BadParameter that names the option and what it must be."""
    values = {option.field: option.typed(value) for option in options if (value := given[option.parameter]) is not None}
    try:
        return request.model_validate(values)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
    for option in options:
        if error["loc"][:1] == (option.field,):
            value = str(given[option.parameter])
            shown = repr(value if len(value) <= 40 else value[:39] + "…")
            raised = error["type"] in ("value_error", "assertion_error")
            what = _own_words(error) if raised else f"must be {option.must_be}"
            raise typer.BadParameter(f"{what}, not {shown}", param_hint=option.flag)
    told = [option.flag for option in options if option.field in values] or [option.flag for option in options]
    raise typer.BadParameter(_own_words(error), param_hint=" and ".join(told))


def must_be(schema: Mapping[str, Any]) -> str:
    """What a value must be by its JSON schema, in plain words."""
    if choices := schema.get("enum"):
        return choices[0] if len(choices) == 1 else "one of " + ", ".join(str(choice) for choice in choices)
    match schema.get("type"), schema.get("format"):
        case "integer", _:
            least = schema.get(
                "minimum", schema.get("exclusiveMinimum", -1) + 1 if "exclusiveMinimum" in schema else None
            )
            most = schema.get("maximum", schema["exclusiveMaximum"] - 1 if "exclusiveMaximum" in schema else None)
            most = None if most == _LONGEST_ID else most
            return (
                "a whole number"
                + (f" from {least}" if least is not None else "")
                + (f" {'up ' if least is None else ''}to {most}" if most is not None else "")
            )
        case "boolean", _:
            return "yes or no"
        case _, "date":
            return f"a date such as {_example(schema)}"
        case _, "date-time":
            return f"a time such as {_example(schema)}"
        case _, "uuid":
            return f"a UUID such as {_example(schema)}"
    return f"text such as {_example(schema)}" if schema.get("examples") else _text(schema)


def _text(schema: Mapping[str, Any]) -> str:
    least, most, pattern = schema.get("minLength", 0), schema.get("maxLength"), schema.get("pattern")
    length = f" of {least} to {most} characters" if most is not None else ""
    if pattern == r"^[^\s/]+$":
        return f"text{length} without white space or slashes"
    return f"text{length}" + (f" that fits {pattern}" if pattern else "")


def _example(schema: Mapping[str, Any]) -> str:
    if choices := schema.get("enum"):
        return str(choices[0])
    if examples := schema.get("examples"):
        return str(examples[0])
    match schema.get("type"), schema.get("format"):
        case "integer", _:
            return "1042"
        case _, "date":
            return "2026-01-31"
        case _, "date-time":
            return "2026-01-31T08:00:00Z"
        case _, "uuid":
            return "123e4567-e89b-42d3-a456-426614174000"
    return "abc-123"


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Of a field that may be left out, the schema of what is given."""
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for part in schema.get("anyOf", []):
        if part.get("type") != "null":
            return _plain(part, definitions)
    if "const" in schema:
        return {**schema, "enum": [schema["const"]]}
    return dict(schema)


def _own_words(error: Any) -> str:
    """What a validator of the request itself says, without pydantic's introduction."""
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
