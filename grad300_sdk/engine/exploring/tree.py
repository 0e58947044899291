"""The tree of a client: all calls below a node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..text import printable
from .branches import Drawable, TreeLine, draw_branch
from .html import tree_html
from .openapi import Comparison, OpenAPIDocument, compare

__all__ = ["Tree"]

_WIDEST = 100


class Tree:
    """All calls below a node.

    Its `str` has one line per call: the Python path, the HTTP method, the URI template and what
    the call does. Iterating over it yields the same as `TreeLine` objects. A notebook shows it
    with branches that fold.

    Parameters
    ----------
    node : Node
        Where the tree begins.
    name : str, optional
        The name of the node in the Python paths; by default, its own path.
    """

    def __init__(self, node: Drawable, name: str | None = None) -> None:
        self.root = draw_branch(node, name)
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
        # A call with many arguments exceeds its column, and does not widen it for all.
        widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
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
        return compare(self, document, base_api_url, notes or {})
