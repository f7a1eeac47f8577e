"""The names that live systems know, as the code has them now; `tests/wire_names.json` is the list of them.

`python -m tests.wire_names` records the names that are new. A name that is gone or changed takes a note in
`docs/decisions/` with the migration path: `python -m tests.wire_names --note docs/decisions/<note>.md`.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import re
import sys
import tempfile
import tomllib
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

import asyncpg
import typer
from pydantic import TypeAdapter
from pydantic_settings import BaseSettings
from temporalio import activity, workflow

from adapters import secret_files
from adapters.db import migrate
from domain.dead_letters import FailedStep
from domain.errors import NamedError, PermanentError
from starter import schedules
from starter.api import make_app
from starter.cli.app import application
from starter.cli.output import Output
from tests.wire_source import ROOT, calls, classes, first_arguments, keys_of, keywords, nodes, sources
from workflows.data_converter import data_converter
from workflows.encryption import EncryptionCodec, Keyring
from workflows.registry import registry

GOLDEN = ROOT / "tests" / "wire_names.json"

Names = dict[str, list[str]]
"""Section → its names, sorted."""

_LABELS = re.compile(r"\blabels\b|\.(add|record|set|remove)\(")
_METRIC = re.compile(r"(jobs|http_server)_[a-z_]+")
_ID = re.compile(r"(?=.*\{\})[a-z_:-]+([/:]([a-z_-]+|\{\}))+")
_DECORATOR = re.compile(r"(activity\.defn|workflow\.(defn|signal|query|update))\b")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


def collected() -> Names:
    """All names that can be had without a server."""
    return {section: sorted(set(collect())) for section, collect in SECTIONS.items()}


def changes(section: str, golden: Sequence[str], now: Sequence[str]) -> list[str]:
    """What to do about each name of a section that the list and the code do not share."""
    gone = [
        f"{section}: {name!r} is gone or changed, and live systems know it. If that is meant, write a note in "
        "docs/decisions/ with the migration path, and run `python -m tests.wire_names --note docs/decisions/<note>.md`."
        for name in sorted(set(golden) - set(now))
    ]
    new = [
        f"{section}: {name!r} is new. Record it with `python -m tests.wire_names`."
        for name in sorted(set(now) - set(golden))
    ]
    return gone + new


def unnamed() -> list[str]:
    """Definitions whose name on the wire would be that of their class or function."""
    kinds = {kind.request for kind in registry}
    found = []
    for source, node in nodes(ast.ClassDef):
        cls = getattr(source.module, node.name, None)
        if isinstance(cls, type) and NamedError in cls.__mro__[1:]:
            found += [node.name] * ("type_name" not in {word.arg for word in node.keywords})
        elif cls in kinds:
            found += [node.name] * (not any(ast.unparse(line).startswith("kind = ") for line in node.body))
    for definition in (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef):
        for _, node in nodes(definition):
            written = [ast.unparse(decorator) for decorator in node.decorator_list]
            found += [node.name] * any(_DECORATOR.match(each) and "name=" not in each for each in written)
    return found


def _workflow_types() -> Iterator[str]:
    yield from (name for kind in registry for name in kind.workflow_types)
    yield from first_arguments("start_workflow")  # those that no worker runs


def _workflow_ids() -> Iterator[str]:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for kind in registry:
        fields = kind.request.model_fields.items()
        values: dict[str, Any] = {
            name: moment if "datetime" in repr(field.annotation) else f"<{name}>" for name, field in fields
        }
        yield kind.request.model_construct(**values).workflow_id
    # Links to our own pages and to Temporal's begin with their address, and are left out.
    for source, node in nodes(ast.JoinedStr):
        if _ID.fullmatch(text := source.texts(node)[0]):
            yield text


def _activities() -> dict[str, Callable[..., Any]]:
    found = {}
    for cls in classes():
        for method in vars(cls).values():
            definition = activity._Definition.from_callable(method) if callable(method) else None
            if definition is not None and definition.name is not None:
                found[definition.name] = method
    return found


def _messages(what: str, *functions: str) -> Iterator[str]:
    """Of workflows: signals, queries or updates, declared or handled."""
    yield from first_arguments(*functions)
    for kind in registry:
        yield from filter(None, getattr(workflow._Definition.must_from_class(kind.workflow), what))


def _search_attributes() -> Iterator[str]:
    for source, call in calls(*(f"for_{kind}" for kind in ("keyword", "keyword_list", "text", "datetime", "int"))):
        assert isinstance(call.func, ast.Attribute)
        yield from (f"{name}: {call.func.attr.removeprefix('for_')}" for name in source.texts(call.args[0]))
    yield from (f"{name}: keyword" for name in registry.search_attributes())


def _error_types() -> Iterator[str]:
    for cls in classes():
        if issubclass(cls, NamedError) and cls is not NamedError:
            yield f"{cls.type_name} (not retried)" if issubclass(cls, PermanentError) else cls.type_name
    yield from keywords("type", of="ApplicationError")
    yield from first_arguments("fail", "Problem")
    # Of what ends without an error of ours: a constant, a key of a document, an argument beside the job's id.
    for source, node in nodes(ast.AST):
        match node:
            case ast.Dict(keys=keys):
                pairs = zip(keys, node.values, strict=True)
                texts = [text for key, value in pairs if source.texts(key) == ["type"] for text in source.texts(value)]
            case ast.Assign(value=ast.Constant() as value) if node in source.tree.body:
                texts = source.texts(value)
            case ast.Call(func=ast.Name(id="JobCancelled" | "JobTerminated" | "JobTimedOut"), args=[_, value, *_]):
                texts = source.texts(value)
            case _:
                continue
        yield from (text for text in texts if re.fullmatch(r"([A-Z][a-z]+)+", text))


def _payload_fields() -> Iterator[str]:
    hints: dict[str, Any] = {"details of a failure": FailedStep}
    for kind in registry:
        hints[kind.name] = kind.request
        hints[f"{kind.name} →"] = typing.get_type_hints(workflow._Definition.must_from_class(kind.workflow).run_fn)[
            "return"
        ]
    for name, method in _activities().items():
        for parameter, hint in typing.get_type_hints(method).items():
            hints[f"{name} →" if parameter == "return" else f"{name}({parameter})"] = hint
    for name, hint in hints.items():
        schema = TypeAdapter(hint).json_schema()
        yield from (f"{name} {line}" for line in _fields(schema, schema.get("$defs", {})))


def _fields(schema: Mapping[str, Any], models: Mapping[str, Any]) -> list[str]:
    """A line for each field, with the types that it can have."""
    types: dict[str, set[str]] = {}
    for path, type_ in _leaves(schema, models, ""):
        types.setdefault(path, set()).add(type_)
    return [f"{path}: {' | '.join(sorted(found))}".removeprefix(".") for path, found in types.items()]


def _leaves(schema: Mapping[str, Any], models: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Each field that a value can have, with its type; a question mark stands behind one that can be left out."""
    if "$ref" in schema:
        schema = models[schema["$ref"].rpartition("/")[2]]
    for other in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _leaves(other, models, path)
    if "properties" in schema:
        for name, field in schema["properties"].items():
            optional = "" if name in schema.get("required", ()) else "?"
            yield from _leaves(field, models, f"{path}.{name}{optional}")
    elif "items" in schema:
        yield from _leaves(schema["items"], models, f"{path}[]")
    elif isinstance(values := schema.get("additionalProperties"), Mapping):
        yield from _leaves(values, models, f"{path}.*")
    elif "enum" in schema or "const" in schema:
        yield from ((path, json.dumps(value)) for value in schema.get("enum", [schema.get("const")]))
    elif "type" in schema:
        yield path, schema.get("format") or schema["type"]


def _enum_values() -> Iterator[str]:
    """Known by the first value, not by the class's name: `open/discarded`."""
    for cls in classes():
        if issubclass(cls, StrEnum) and all(re.fullmatch(r"[a-z][a-z0-9-]*", member) for member in cls):
            yield from (f"{next(iter(cls))}/{member}" for member in cls)


def _payload_encodings() -> Iterator[str]:
    converter = data_converter.payload_converter
    plain = converter.to_payloads([None, b"", {}])
    sealed = asyncio.run(EncryptionCodec(Keyring({"key": bytes(32)})).encode(plain))
    for payload in (*plain, *sealed):
        yield f"encoding: {payload.metadata['encoding'].decode()}"
        yield from (f"metadata: {name}" for name in payload.metadata)


def _environment() -> Iterator[str]:
    groups = [cls for cls in classes() if issubclass(cls, BaseSettings)]
    prefixes = ["TEMPORAL_", "JOBS_"]
    for group in groups:
        prefix = group.model_config.get("env_prefix", "")
        prefixes.append(prefix)
        yield from (f"{prefix}{name}".upper() for name in group.model_fields)
    yield from (f"{name}_FILE" for name in secret_files.NAMES)
    read = {text for source, node in nodes(ast.Constant) for text in source.texts(node)}
    yield from (name for name in read if _VARIABLE.fullmatch(name) and name.startswith(tuple(prefixes)))
    yield from (name for name in keys_of("environ") if _VARIABLE.fullmatch(name))
    yield from re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text())


def _metrics() -> Iterator[str]:
    makers = ("create_counter", "create_gauge", "create_histogram", "create_histogram_float", "gauge")
    for source in dict(calls(*makers)):
        for node in source.nodes:
            yield from (name for name in source.texts(node) if _METRIC.fullmatch(name))
            if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) and _LABELS.search(ast.unparse(node)):
                made = [inner for inner in ast.walk(node) if isinstance(inner, ast.Dict)]
                yield from (f"label {name}" for labels in made for name in source.texts(labels))
    yield from (f"label {name}" for name in keys_of("labels"))


def _http() -> Iterator[str]:
    document = make_app().openapi()
    models = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            yield f"{name} ({operation['operationId']})"
            yield from (f"{name}: {each['in']} {each['name']}" for each in operation.get("parameters", ()))
            bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for status, body in bodies.items():
                # The form of problems is one for all, and has a type of its own.
                for content in (each for type_, each in body.get("content", {}).items() if type_ == "application/json"):
                    yield from (f"{name} {status} {line}" for line in _fields(content["schema"], models))
    yield from (f"problem {line}" for line in _fields(models["Problem"], models))
    for source, call in calls("Route"):
        methods = next((source.texts(word.value) for word in call.keywords if word.arg == "methods"), ["GET"])
        yield from (f"{method} {path}" for method in methods for path in source.texts(call.args[0]))


def _problem_types() -> Iterator[str]:
    for cls in classes():
        if issubclass(cls, Enum) and hasattr(cls, "urn"):
            yield from (f"{problem.urn} ({problem.status})" for problem in cls)  # type: ignore[attr-defined]  # see above


def _commands() -> Iterator[str]:
    yield from (
        f"{name} = {target}"
        for name, target in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].items()
    )
    rooms = {source.module.__name__.partition(".")[0] for source in sources()}
    for file in (ROOT / "Dockerfile", ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.y*ml")):
        run = re.findall(r"python\W+-m\W+([a-z_.]+)", file.read_text())
        yield from (f"python -m {name}" for name in run if name.partition(".")[0] in rooms)
        yield from (f"uvicorn {name}" for name in re.findall(r"\b[a-z_.]+:app\b", file.read_text()))
    for path, command in _walk(typer.main.get_command(application(registry, Output("jobs", as_json=False))), "jobs"):
        options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        yield from (path, *(f"{path} {option}" for option in options if option.startswith("-")))


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, f"{path} {name}")


SECTIONS: dict[str, Callable[[], Iterable[str]]] = {
    "kinds": registry.names,
    "workflow types": _workflow_types,
    "workflow ids and keys": _workflow_ids,
    "activity types": lambda: [*_activities(), *(name for kind in registry for name in kind.steps())],
    "task queues": lambda: {*registry.queues(), *keywords("task_queue")},
    "schedule ids": lambda: (f"{each.id}: {each.workflow_id}" for each in schedules.SCHEDULES),
    "patch ids": lambda: first_arguments("patched", "deprecate_patch"),
    "signals": lambda: _messages("signals", "set_signal_handler", "signal"),
    "queries": lambda: _messages("queries", "set_query_handler", "query"),
    "updates": lambda: _messages("updates", "set_update_handler", "execute_update"),
    "search attributes": _search_attributes,
    "memo keys": lambda: keys_of("memo") | first_arguments("memo_value"),
    "headers": lambda: {name.lower() for name in keys_of("headers", "_HEADERS", "HEADERS", "_PARTIAL")},
    "cookies": lambda: first_arguments("set_cookie") | keys_of("cookies"),
    "salts of signatures": lambda: keywords("salt"),
    "payload fields": _payload_fields,
    "payload encodings": _payload_encodings,
    "outcome reasons": lambda: keywords("reason", of="Skipped") | keywords("reason", of="Declined"),
    "enum values": _enum_values,
    "error types": _error_types,
    "environment variables": _environment,
    "metrics": _metrics,
    "HTTP": _http,
    "problem types": _problem_types,
    "commands": _commands,
    "entry point groups": lambda: keywords("group", of="add_installed"),
    "revisions of the database": lambda: (
        vars(source.module)["revision"] for source in sources() if "down_revision" in vars(source.module)
    ),
}
"""Each section that needs no server, with what collects it."""

DATABASE: dict[str, str] = {
    "columns": """SELECT format('%s.%s %s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN ' not null' END)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
        AND a.attnum > 0 AND NOT a.attisdropped""",
    "keys and checks": """SELECT format('%s.%s%s', c.relname, k.conname,
        CASE WHEN k.contype <> 'c' THEN ' ' || pg_get_constraintdef(k.oid) END)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.connamespace = 'public'::regnamespace AND k.contype <> 'n'""",
    "indexes": """SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)""",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SQL functions": """SELECT format('%s(%s) returns %s', proname, pg_get_function_arguments(oid),
        pg_get_function_result(oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "NOTIFY channels": r"""SELECT (regexp_matches(prosrc, 'pg_notify\(''([^'']+)''', 'g'))[1]
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
}
"""Each section that a migrated database knows, with the query for it."""


async def of_database(url: str) -> Names:
    """All names that a migrated database has."""
    connection = await asyncpg.connect(url)
    try:
        return {
            section: sorted({str(row[0]) for row in await connection.fetch(query)})
            for section, query in DATABASE.items()
        }
    finally:
        await connection.close()


def golden() -> Names:
    """The list."""
    names: Names = json.loads(GOLDEN.read_text())
    return names


def main() -> int:
    """Record the names as they are now. Refuses to forget one without a note."""
    parser = argparse.ArgumentParser(prog="python -m tests.wire_names", description=__doc__)
    parser.add_argument("--note", type=Path, help="the note that says how live systems get along without the name")
    note = parser.parse_args().note
    before = golden() if GOLDEN.exists() else {}
    now = collected() | asyncio.run(_of_new_database())
    gone = [
        f"{section}: {name}" for section, names in before.items() for name in set(names) - set(now.get(section, ()))
    ]
    if gone and not (note and note.is_file() and note.resolve().parent == ROOT / "docs" / "decisions"):
        sys.stderr.write("\n".join(["Gone, or changed. Give --note docs/decisions/<note>.md:", *sorted(gone), ""]))
        return 1
    GOLDEN.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n")
    return 0


async def _of_new_database() -> Names:
    from demo.ports import Ports
    from demo.postgres import Postgres

    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder) / "data", port=Ports.free().postgres, log=Path(folder) / "log")
        server.start()
        try:
            await migrate.upgrade(server.url)
            return await of_database(server.url)
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
