"""Reads names off the product's source: what is passed to a call, put into a header, or looked up in the environment.

It reads all of the product, wherever a module stands, so that moving one changes nothing. A name that the source takes
from a constant of another module is looked up there; a part that only the running program knows reads `{}`.
"""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
NOT_PRODUCT = {"demo"}

Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True, eq=False)
class Source:
    """A module of the product, as it is written and as it is imported."""

    module: ModuleType
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Each piece of its code."""
        return tuple(ast.walk(self.tree))

    def texts(self, node: ast.AST | None) -> list[str]:
        """The texts that an expression can have; none if it is no text."""
        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.Constant(value=bytes() as raw):
                return [raw.decode("latin-1")]
            case ast.JoinedStr(values=parts):
                return ["".join((self.texts(part) or ["{}"])[0] for part in parts)]
            case ast.FormattedValue(value=inner):
                return self.texts(inner)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return [f"{(self.texts(left) or ['{}'])[0]}{(self.texts(right) or ['{}'])[0]}"]
            case ast.IfExp(body=one, orelse=other):
                return [*self.texts(one), *self.texts(other)]
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return [text for part in parts for text in self.texts(part)]
            case ast.Starred(value=inner):
                return self.texts(inner)
            case ast.Dict(keys=keys):
                return [text for key in keys for text in self.texts(key)]
            case ast.Name() | ast.Attribute():
                return _plain(self._value(node))
        return []

    def _value(self, node: ast.expr) -> object:
        match node:
            case ast.Name(id=name):
                return getattr(self.module, name, None)
            case ast.Attribute(value=owner, attr=name):
                return getattr(self._value(owner), name, None)
        return None


def _plain(value: object) -> list[str]:
    match value:
        case str():
            return [str(value)]
        case bytes():
            return [value.decode("latin-1")]
        case tuple() | list() | dict() | frozenset():
            return [text for part in value for text in _plain(part)]
    return []


@cache
def sources() -> tuple[Source, ...]:
    """All modules of the product: what the wheel holds, except the demo."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {pattern.rstrip("*") for pattern in tool["packages"]["find"]["include"]} - NOT_PRODUCT
    paths = [ROOT / f"{name}.py" for name in tool.get("py-modules", ())]
    paths += [path for room in sorted(rooms) for path in sorted((ROOT / room).rglob("*.py"))]
    return tuple(
        Source(importlib.import_module(_module_name(path)), ast.parse(path.read_text()))
        for path in paths
        if path.stem != "__main__" and path.parts[-2:] != ("migrations", "env.py")  # these run when they are imported
    )


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def classes() -> tuple[type, ...]:
    """All classes that the product defines at the top of a module."""
    return tuple(
        value
        for source in sources()
        for value in vars(source.module).values()
        if isinstance(value, type) and value.__module__ == source.module.__name__
    )


@cache
def nodes(type_: type[Node]) -> tuple[tuple[Source, Node], ...]:
    """Every piece of the product's code that is of this type."""
    return tuple((source, node) for source in sources() for node in source.nodes if isinstance(node, type_))


def calls(*functions: str) -> Iterator[tuple[Source, ast.Call]]:
    """Calls of functions and methods of these names."""
    for source, node in nodes(ast.Call):
        if _last_name(node.func) in functions:
            yield source, node


def first_arguments(*functions: str) -> set[str]:
    """Texts that are the first argument of calls of these functions."""
    return {text for source, call in calls(*functions) if call.args for text in source.texts(call.args[0])}


def keywords(*names: str, of: str | None = None) -> set[str]:
    """Texts that are passed by these keywords, to any function or to that one. Of a dictionary, the keys."""
    return {
        text
        for source, node in nodes(ast.Call)
        if of in (None, _last_name(node.func))
        for keyword in node.keywords
        if keyword.arg in names
        for text in source.texts(keyword.value)
    }


def keys_of(*mappings: str) -> set[str]:
    """Texts by which a mapping of such a name is asked, or that are put into it."""
    found: set[str] = set()
    for source, node in nodes(ast.AST):
        match node:
            case ast.Subscript(value=owner, slice=key) if _last_name(owner) in mappings:
                found.update(source.texts(key))
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[owner]) if (
                _last_name(owner) in mappings
            ):
                found.update(source.texts(key))
            case ast.Call(
                func=ast.Attribute(value=owner, attr="get" | "getlist" | "pop" | "setdefault"), args=[key, *_]
            ) if _last_name(owner) in mappings:
                found.update(source.texts(key))
            case ast.Assign(targets=[target], value=value) if _last_name(target) in mappings:
                found.update(_dict_keys(source, value))
            case ast.keyword(arg=name, value=value) if name in mappings:
                found.update(_dict_keys(source, value))
    return found


def _dict_keys(source: Source, value: ast.expr) -> list[str]:
    if isinstance(value, ast.BinOp):
        return [*_dict_keys(source, value.left), *_dict_keys(source, value.right)]
    return source.texts(value) if isinstance(value, ast.Dict | ast.Name | ast.Attribute) else []


def _last_name(node: ast.expr) -> str | None:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=function):
            return _last_name(function)
    return None
