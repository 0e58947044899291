"""The members of nodes, and the branches of a tree that are made from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from msgspec import Struct

__all__ = ["Branch", "Drawable", "Member", "TreeLine", "draw_branch", "summary"]


class Member(Struct, frozen=True, kw_only=True):
    """A call of a node, or a node below it.

    Attributes
    ----------
    accessor : str
        What is written after the node: ``.get``, or nothing for a key.
    arguments : str
        The arguments, in their brackets: ``(limit=)``, ``[scan_id]``.
    suffix : str
        The end of its template, after the node's.
    summary : str
        The first line of its documentation.
    method : str
        The HTTP method of a call.
    node_class : type or None
        The class of a node below; None for a call.
    """

    accessor: str
    arguments: str
    suffix: str
    summary: str
    method: str = ""
    node_class: type[Drawable] | None = None


class Drawable(Protocol):
    """A node, with what is needed to draw it."""

    @property
    def parent(self) -> Drawable | None:
        """The node above."""
        ...

    @property
    def template(self) -> str:
        """The URI template of the path, whole."""
        ...

    def _python_path(self) -> str:
        """Return how the node is written in Python."""
        ...

    @classmethod
    def _members(cls) -> Iterable[Member]:
        """Return the calls and the nodes below, in the order of their declaration."""
        ...


class TreeLine(Struct, frozen=True):
    """One call of a tree: how it is written in Python, and what it sends."""

    call: str
    method: str
    template: str
    summary: str


class Branch(Struct, frozen=True):
    """One node of a tree: its calls, and the nodes below it."""

    name: str
    template: str
    summary: str
    calls: list[TreeLine]
    branches: list[Branch]

    def lines(self) -> Iterator[TreeLine]:
        """Yield the calls of the node, then those of the nodes below it."""
        yield from self.calls
        for below in self.branches:
            yield from below.lines()


def draw_branch(node: Drawable, name: str | None = None) -> Branch:
    """Return the branch of a node, under a name or as it is written in Python."""
    return _branch((type(node),), node._python_path() if name is None else name, node.template)


def _branch(classes: tuple[type[Any], ...], name: str, template: str) -> Branch:
    """Return the branch of the last of these classes, which lead to it from the tree's root."""
    cls: type[Drawable] = classes[-1]
    drawn = Branch(name, template, summary(cls), [], [])
    for member in cls._members():
        path = f"{name}{member.accessor}{member.arguments}"
        whole = template + member.suffix
        if member.node_class is None:
            drawn.calls.append(TreeLine(path, member.method, whole, member.summary))
        elif member.node_class not in classes:  # a cycle is shown once
            drawn.branches.append(_branch((*classes, member.node_class), path, whole))
    return drawn


def summary(documented: Any) -> str:
    """Return the first line of an object's documentation."""
    return (documented.__doc__ or "").strip().partition("\n")[0]
