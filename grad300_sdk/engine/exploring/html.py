"""Nodes and calls as text and as HTML, for a prompt and a notebook."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from ..text import printable
from .branches import Branch, Drawable, draw_branch

__all__ = [
    "argument_names",
    "call_html",
    "call_text",
    "code_html",
    "details_html",
    "faint_html",
    "node_html",
    "node_text",
    "table_html",
    "text_html",
    "tree_html",
]

_WIDTH = 79
_LONGEST_PATH = 48
# No colours: the HTML is shown in the user's theme, light or dark.
_FAINT = "opacity: 0.7"
_CELL = "text-align: left; vertical-align: top; padding: 0.1em 1.2em 0.1em 0"
_PRE = "font-family: monospace; white-space: pre-wrap; word-break: normal; margin: 0.2em 0"
_BELOW = "margin: 0.2em 0 0.4em 0.35em; border-left: 1px solid; padding-left: 0.8em"


_STARS: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def node_text(node: Drawable, place: str) -> str:
    """Return a line with the class, the place and the members of a node."""
    parts: dict[str, None] = {}
    for member in node._members():
        is_call = member.node_class is None and member.accessor
        parts[member.accessor + ("()" if is_call else member.arguments)] = None
    head = f"<{type(node).__name__} {_shorten(place)}"
    if not parts:
        return f"{head}>"
    *others, last = parts
    if last.startswith("["):  # the way down the tree
        return _fit(f"{head}:", ["", *others], " ", f" {last}>")
    return _fit(f"{head}: ", [*others, last], " ", ">")


def call_text(call: Any) -> str:
    """Return a line with the request and the arguments of a call."""
    request = f"{call.method} {_shorten(call.path)}".strip(" *")  # some calls send anything
    head = f"<call {request}: " if request else "<call "
    return _fit(f"{head}{_expression(call)}(", argument_names(call.__signature__), ", ", ")>")


def argument_names(signature: inspect.Signature) -> list[str]:
    """Return the names of a call's arguments, with an ``=`` if they are optional."""
    return [
        f"{_STARS.get(parameter.kind, '')}{parameter.name}"
        + ("" if parameter.default is parameter.empty else "=")
        for parameter in signature.parameters.values()
    ]


def _shorten(path: str) -> str:
    """Return a path without its middle if it is too long for a line."""
    half = _LONGEST_PATH // 2
    return path if len(path) <= _LONGEST_PATH else f"{path[:half]}…{path[-half:]}"


def tree_html(branch: Branch, place: str = "", *, levels: int) -> str:
    """Return a branch as HTML, with a number of levels unfolded."""
    calls = table_html(
        [
            code_html(line.call.removeprefix(branch.name)),
            text_html(line.method),
            code_html(line.template),
            text_html(line.summary),
        ]
        for line in branch.calls
    )
    below = "".join(tree_html(child, levels=levels - 1) for child in branch.branches)
    place = place or branch.template
    parts = [code_html(branch.name), faint_html(place) if place else "", text_html(branch.summary)]
    heading = " ".join(filter(None, parts))
    return details_html(heading, calls + below, is_open=levels > 0)


def node_html(node: Drawable, place: str) -> str:
    """Return a node as HTML: its place, its calls, and the nodes below it."""
    return tree_html(draw_branch(node), place, levels=1)


def call_html(call: Any) -> str:
    """Return a call as HTML: its request, its signature, and its documentation."""
    heading = f"{code_html(call._python_path())} {faint_html(f'{call.method} {call.path}')}"
    signature = _pre(f"{_expression(call)}{call.__signature__}")
    summary, *more = (inspect.getdoc(call) or "").splitlines() or [""]
    doc = details_html(text_html(summary), _pre("\n".join(more).strip()), is_open=False)
    return details_html(heading, signature + doc, is_open=True)


def table_html(rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are HTML already."""
    cells = [[f'<td style="{_CELL}">{cell}</td>' for cell in row] for row in rows]
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    return f"<table><tbody>{lines}</tbody></table>" if lines else ""


def _fit(head: str, parts: list[str], between: str, tail: str) -> str:
    """Return parts joined to a line, without the last ones if it would be too long."""
    text = f"{head}{between.join(parts)}{tail}"
    while len(text) > _WIDTH and parts:
        parts = parts[:-1]
        text = f"{head}{between.join([*parts, '…'])}{tail}"
    return text


def _expression(call: Any) -> str:
    """Return the name of a call as a program writes it."""
    name = call._python_path().rpartition(".")[2]
    return f"await {name}" if call._is_awaited else name


def details_html(heading: str, content: str, *, is_open: bool) -> str:
    """Return a heading and content below it that folds, as HTML."""
    return (
        f"<details{' open' if is_open else ''}><summary>{heading}</summary>"
        f'<div style="{_BELOW}">{content}</div></details>'
    )


def _pre(text: str) -> str:
    lines = "\n".join(map(text_html, text.split("\n")))
    return f'<pre style="{_PRE}">{lines}</pre>'


def text_html(text: str) -> str:
    """Return text as HTML."""
    from html import escape  # needed only in a notebook, and has a large table

    return escape(printable(text))


def code_html(text: str) -> str:
    """Return code as HTML."""
    return f"<code>{text_html(text)}</code>"


def faint_html(text: str) -> str:
    """Return code as HTML that is less important than the text beside it."""
    return f'<code style="{_FAINT}">{text_html(text)}</code>'
