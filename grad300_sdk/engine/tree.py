"""The tree of a client, drawn from the descriptions that make its calls."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from grad300_sdk.engine.branches import branch
from grad300_sdk.engine.client import Root
from grad300_sdk.engine.endpoints import Endpoint
from grad300_sdk.engine.errors import harmless
from grad300_sdk.engine.node import Node
from grad300_sdk.engine.resource import Resource

__all__ = ["Branch", "Member", "Tree", "TreeLine", "argument_names", "members", "python_path"]

_WIDEST = 100
_STARS: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


@dataclass(frozen=True)
class TreeLine:
    """One call of a tree: how it is written in Python, and what it sends."""

    call: str
    method: str
    template: str
    summary: str


@dataclass(frozen=True)
class Branch:
    """One node of a tree: its calls, and the nodes below it."""

    name: str
    template: str
    summary: str
    calls: list[TreeLine]
    branches: list[Branch]

    def lines(self) -> Iterator[TreeLine]:
        """Give the calls of the node, then those of the nodes below it."""
        yield from self.calls
        for below in self.branches:
            yield from below.lines()


class Tree:
    """All calls below a node.

    Its `str` has one line a call: the Python path, the HTTP method, the URI template and what
    the call does. Iterating over it gives the same as `TreeLine` objects. A notebook shows it
    with branches that fold.

    Parameters
    ----------
    node : Node
        Where the tree begins.
    name : str, optional
        What the node is called in the Python paths; if not given, how it is reached.
    """

    def __init__(self, node: Node[Any], name: str | None = None) -> None:
        name = python_path(node) if name is None else name
        self.root = _branch((type(node),), name, node.template)
        self._lines = list(self.root.lines())

    def __iter__(self) -> Iterator[TreeLine]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        rows = [
            [harmless(part) for part in (line.call, line.method, line.template, line.summary)]
            for line in self._lines
        ]
        # A call with many arguments is longer than its column, and does not widen it for all.
        widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from grad300_sdk.engine.presentation import tree_html  # only a notebook needs it

        return tree_html(self.root, is_open=2)


@dataclass(frozen=True)
class Member:
    """What a node has: a call, or a node below it; and how it is written after the node."""

    written: str
    arguments: str
    endpoint: Any = None  # an `Endpoint`, which type checkers would take for a descriptor
    node_class: type[Node[Any]] | None = None


def members(cls: type[Node[Any]]) -> Iterator[Member]:
    """Give the calls and the nodes that a class of nodes has, in the order they are written in."""
    seen: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base not in Root.__mro__:  # what any client has mirrors no URL
            seen.update(vars(base))
    for name, value in seen.items():
        if isinstance(value, Endpoint):
            written = "" if name == "__call__" else f".{name}"
            arguments = ", ".join(argument_names(value.signature(bound=True)))
            yield Member(written, f"({arguments})", endpoint=value)
        elif name == "__getitem__":
            key = list(inspect.signature(value).parameters)[1]
            yield from _nodes("", f"[{key}]", value)
        elif isinstance(value, branch | property):
            make = value._make if isinstance(value, branch) else value.fget
            yield from _nodes(f".{name}", "", make)
        elif inspect.isfunction(value) and not name.startswith("_"):
            _, *names = argument_names(inspect.signature(value))
            yield from _nodes(f".{name}", f"({', '.join(names)})", value)


def argument_names(signature: inspect.Signature) -> list[str]:
    """Give the names of a call's arguments, with an ``=`` where they may be left out."""
    return [
        f"{_STARS.get(parameter.kind, '')}{parameter.name}"
        + ("" if parameter.default is parameter.empty else "=")
        for parameter in signature.parameters.values()
    ]


def python_path(node: Node[Any]) -> str:
    """Give how a node is written in Python: ``client.scans['TPI'][42]``."""
    parent = node.parent
    if parent is None:
        return "client"
    if isinstance(node, Resource):
        return f"{python_path(parent)}.resource({node.path.removeprefix(parent.path)!r})"
    values = {name: _plain(getattr(node, name)) for name in node._template.names}
    for member in members(type(parent)):
        if member.node_class is type(node):
            arguments = ", ".join(map(repr, values.values()))
            brackets = f"{member.arguments[:1]}{arguments}{member.arguments[-1:]}"
            return f"{python_path(parent)}{member.written}{brackets}"
    arguments = "".join(f", {name}={value!r}" for name, value in values.items())
    return f"{type(node).__name__}({python_path(parent)}{arguments})"


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _branch(classes: tuple[type[Node[Any]], ...], name: str, template: str) -> Branch:
    """Give the branch of the last of these classes, which are on the way from the root."""
    drawn = Branch(name, template, _summary(classes[-1]), [], [])
    for member in members(classes[-1]):
        path = f"{name}{member.written}{member.arguments}"
        if member.endpoint is not None:
            call = member.endpoint
            line = TreeLine(path, call.method, template + call.suffix, _summary(call))
            drawn.calls.append(line)
        elif (child := member.node_class) and child not in classes:  # a cycle is shown once
            below = _branch((*classes, child), path, template + child._template.text)
            drawn.branches.append(below)
    return drawn


def _summary(thing: Any) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _nodes(written: str, arguments: str, function: Any) -> Iterator[Member]:
    """Give the classes of nodes that a property or a method says it returns."""
    # Alone: a parameter's annotation may be known to type checkers only.
    result = SimpleNamespace(__annotations__={"return": function.__annotations__.get("return")})
    try:
        hint = get_type_hints(result, function.__globals__)["return"]
    except (AttributeError, NameError, SyntaxError, TypeError):
        return
    for kind in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        cls: Any = get_origin(kind) or kind
        if inspect.isclass(cls) and issubclass(cls, Node):
            yield Member(written, arguments, node_class=cls)
