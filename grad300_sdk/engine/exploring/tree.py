"""The tree of a client, drawn from the members of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from ..text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .openapi import Comparison, OpenAPIDocument

__all__ = ["Branch", "Drawable", "Member", "Tree", "TreeLine", "summary"]

_WIDEST = 100


class Member(Struct, frozen=True, kw_only=True):
    """A call of a node, or a node below it.

    Attributes
    ----------
    accessor : str
        How it is written after the node: ``.get``, or nothing for a key.
    arguments : str
        The arguments, in their brackets: ``(limit=)``, ``[scan_id]``.
    suffix : str
        What its template has after the node's.
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
    """A node, as far as it can be drawn."""

    @property
    def parent(self) -> Drawable | None:
        """The node above."""
        ...

    @property
    def template(self) -> str:
        """The URI template of the path, whole."""
        ...

    def python_path(self) -> str:
        """Return how the node is written in Python."""
        ...

    @classmethod
    def members(cls) -> Iterable[Member]:
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


class Tree:
    """All calls below a node.

    Its `str` has one line a call: the Python path, the HTTP method, the URI template and what
    the call does. Iterating over it yields the same as `TreeLine` objects. A notebook shows it
    with branches that fold.

    Parameters
    ----------
    node : Node
        Where the tree begins.
    name : str, optional
        What the node is called in the Python paths; by default, how it is reached.
    """

    def __init__(self, node: Drawable, name: str | None = None) -> None:
        name = node.python_path() if name is None else name
        self.root = _branch((type(node),), name, node.template)
        self._lines = list(self.root.lines())

    def __iter__(self) -> Iterator[TreeLine]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __str__(self) -> str:
        rows = [
            [printable(part) for part in (line.call, line.method, line.template, line.summary)]
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
        from .html import tree_html  # only a notebook needs it

        return tree_html(self.root, levels=2)

    def compare(
        self,
        document: OpenAPIDocument,
        base_api_url: str,
        notes: Mapping[tuple[str, str], str] | None = None,
    ) -> Comparison:
        """Compare the tree with the OpenAPI document in which its server describes itself.

        Parameters
        ----------
        document : OpenAPIDocument
            The document.
        base_api_url : str
            The URL below which the tree stands.
        notes : Mapping, optional
            Remarks on single differences, by method and template.

        Returns
        -------
        Comparison
            What both have, what only the server has, and what only the tree has.
        """
        from .openapi import compare

        return compare(self, document, base_api_url, notes or {})


def _branch(classes: tuple[type[Any], ...], name: str, template: str) -> Branch:
    """Return the branch of the last of these classes, which lead there from the root."""
    cls: type[Drawable] = classes[-1]
    drawn = Branch(name, template, summary(cls), [], [])
    for member in cls.members():
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
