"""The tree of a client, indented and cut to a width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grad300_sdk.command_line.terminal import cut, show

__all__ = ["MIN_WIDTH", "draw_tree"]

MIN_WIDTH = 20
_INDENT = "  "
_GAP = "  "
# The part of the width that the calls take at most.
_LARGEST_PART = 0.45
_SHORTEST_SUMMARY = 20

# What is written, the method, the end of the template, and what it does.
_Row = tuple[str, str, str, str]


def draw_tree(root: Any, width: int) -> str:
    """Return the lines of a tree: calls below their nodes, with what they send and do.

    A node shows how its URL continues that of the node above, and a call how it continues that of
    its node.
    """
    rows = list(_rows(root, "", "", 0))
    largest = int(width * _LARGEST_PART)
    rows = [(_shorten(row[0], largest), *row[1:]) for row in rows]
    sizes = [max(len(row[column]) for row in rows) for column in range(3)]
    if width - sum(sizes) - 3 * len(_GAP) < _SHORTEST_SUMMARY:
        sizes[2] = 0  # the summary follows the URL at once
    lines = (
        _GAP.join(
            text.ljust(size) for text, size in zip(row, [*sizes, 0], strict=True) if text or size
        )
        for row in rows
    )
    return "".join(f"{cut(line.rstrip(), width)}\n" for line in lines)


def _rows(branch: Any, above: str, url: str, depth: int) -> Iterator[_Row]:
    """Yield a row for a node, then one for each of its calls, then those of the nodes below."""
    name, suffix = branch.name.removeprefix(above), branch.template.removeprefix(url)
    yield f"{_INDENT * depth}{show(name)}", "", show(suffix), ""
    for call in branch.calls:
        written = call.call.removeprefix(branch.name)
        yield (
            f"{_INDENT * (depth + 1)}{show(written)}",
            show(call.method),
            show(call.template.removeprefix(branch.template)),
            show(call.summary),
        )
    for below in branch.branches:
        yield from _rows(below, branch.name, branch.template, depth + 1)


def _shorten(call: str, width: int) -> str:
    """Return a call that fits into a width, without its arguments if they do not."""
    name, bracket, _ = call.partition("(")
    if bracket and len(call) > width:
        call = f"{name}(...)"
    return cut(call, width)
