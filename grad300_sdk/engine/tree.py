"""The tree of a client, drawn from the descriptions that make its calls."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, get_origin, get_type_hints

from grad300_sdk.engine.node import Node, _Endpoint

__all__ = ["Tree", "TreeLine"]


@dataclass(frozen=True)
class TreeLine:
    """One call of a tree: how it is written in Python, and what it sends."""

    call: str
    method: str
    template: str
    summary: str


class Tree:
    """All calls below a node.

    Its `str` has one line a call: the Python path, the HTTP method, the URI template and what
    the call does. Iterating over it gives the same as `TreeLine` objects.

    Parameters
    ----------
    node : Node
        Where the tree begins.
    name : str
        What the node is called in the Python paths.
    without : type
        A class whose own calls mirror no URL, and are left out.
    """

    def __init__(self, node: Node[Any], name: str, *, without: type[Node[Any]] = Node) -> None:
        self._lines = list(_lines((type(node),), name, node.template, without))

    def __iter__(self) -> Iterator[TreeLine]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        call, method, template = (
            max((len(getattr(line, part)) for line in self._lines), default=0)
            for part in ("call", "method", "template")
        )
        return "\n".join(
            f"{line.call:{call}}  {line.method:{method}}  {line.template:{template}}  "
            f"{line.summary}"
            for line in self._lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(line.call)}</code></td><td>{escape(line.method)}</td>"
            f"<td><code>{escape(line.template)}</code></td><td>{escape(line.summary)}</td></tr>"
            for line in self._lines
        )
        head = "<tr><th>call</th><th>method</th><th>path</th><th></th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _lines(
    classes: tuple[type[Node[Any]], ...], name: str, template: str, without: type[Node[Any]]
) -> Iterator[TreeLine]:
    """Give the calls of the last of these classes, then those of the nodes below it."""
    below: list[tuple[type[Node[Any]], str]] = []
    for member, value in _members(classes[-1], without):
        if isinstance(value, _Endpoint):
            parameters = ", ".join(_parameter(p) for p in _parameters(value))
            call = name if member == "__call__" else f"{name}.{member}"
            summary = (value.__doc__ or "").strip().partition("\n")[0]
            yield TreeLine(f"{call}({parameters})", value.method, template + value.suffix, summary)
        elif isinstance(value, property) and (child := _node_class(value.fget)):
            below.append((child, f"{name}.{member}"))
        elif member == "__getitem__" and (child := _node_class(value)):
            below.append((child, f"{name}[{_key(value)}]"))
    for child, path in below:
        if child not in classes:  # a tree that leads back to itself is shown once
            text = template + child._template.text
            yield from _lines((*classes, child), path, text, without)


def _members(cls: type, without: type) -> Iterator[tuple[str, Any]]:
    """Give the members of a class in the order in which they are written."""
    seen: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base not in without.__mro__:
            seen.update(vars(base))
    return iter(seen.items())


def _key(getitem: Any) -> str:
    return list(inspect.signature(getitem).parameters)[1]


def _parameters(endpoint: _Endpoint[Any, Any]) -> list[inspect.Parameter]:
    return list(endpoint.signature(bound=True).parameters.values())


def _parameter(parameter: inspect.Parameter) -> str:
    optional = parameter.default is not parameter.empty
    return f"{parameter.name}=" if optional else parameter.name


def _node_class(function: Any) -> type[Node[Any]] | None:
    """Give the class of nodes that a property or ``__getitem__`` says it returns."""
    try:
        annotation = get_type_hints(function).get("return")
    except NameError:  # a name that only type checkers see
        return None
    cls: Any = get_origin(annotation) or annotation
    return cls if inspect.isclass(cls) and issubclass(cls, Node) else None
