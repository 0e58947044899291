"""How nodes and calls show themselves, at a prompt and in a notebook."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from html import escape
from typing import Any

from grad300_sdk.engine.calls import Call
from grad300_sdk.engine.client import Root
from grad300_sdk.engine.errors import harmless
from grad300_sdk.engine.node import Node
from grad300_sdk.engine.tree import Branch, Tree, argument_names, members, python_path

__all__ = [
    "call_html",
    "call_text",
    "code_html",
    "details_html",
    "faint_html",
    "node_html",
    "node_text",
    "shortened",
    "table_html",
    "text_html",
    "tree_html",
]

_WIDTH = 79
_LONGEST_PATH = 48
# No colours: it stands in the theme of whoever looks at it, light or dark.
_FAINT = "opacity: 0.7"
_CELL = "text-align: left; vertical-align: top; padding: 0.1em 1.2em 0.1em 0"
_PRE = "font-family: monospace; white-space: pre-wrap; word-break: normal; margin: 0.2em 0"
_BELOW = "margin: 0.2em 0 0.4em 0.35em; border-left: 1px solid; padding-left: 0.8em"


def node_text(node: Node[Any]) -> str:
    """Say in a line what a node is, and what it has."""
    parts = []
    for member in members(type(node)):
        is_call = member.endpoint is not None and member.written
        parts.append(member.written + ("()" if is_call else member.arguments))
    place = node.base_api_url if isinstance(node, Root) else shortened(node.path)
    head = f"<{type(node).__name__} {place}"
    return _fitted(f"{head}: ", list(dict.fromkeys(parts)), " ", ">") if parts else f"{head}>"


def call_text(call: Call[Any, Any, Any, Any]) -> str:
    """Say in a line what a call sends, and how it is made."""
    sent = f"{call.method} {shortened(call.path)}".strip(" *")  # some calls send anything
    head = f"<call {sent}: " if sent else "<call "
    return _fitted(f"{head}{_called(call)}(", argument_names(call.__signature__), ", ", ")>")


def shortened(path: str) -> str:
    """Shorten a path that is too long for a line, in its middle."""
    half = _LONGEST_PATH // 2
    return path if len(path) <= _LONGEST_PATH else f"{path[:half]}…{path[-half:]}"


def tree_html(branch: Branch, where: str = "", *, is_open: int) -> str:
    """Draw a branch for a notebook, so many levels of it unfolded."""
    calls = table_html(
        [
            code_html(line.call.removeprefix(branch.name)),
            text_html(line.method),
            code_html(line.template),
            text_html(line.summary),
        ]
        for line in branch.calls
    )
    below = "".join(tree_html(child, is_open=is_open - 1) for child in branch.branches)
    place = where or branch.template
    shown = [code_html(branch.name), faint_html(place) if place else "", text_html(branch.summary)]
    heading = " ".join(filter(None, shown))
    return details_html(heading, calls + below, is_open=is_open > 0)


def node_html(node: Node[Any]) -> str:
    """Draw a node for a notebook: where it is, its calls, and what is below it."""
    place = node.base_api_url if isinstance(node, Root) else node.path
    return tree_html(Tree(node).root, place, is_open=1)


def call_html(call: Call[Any, Any, Any, Any]) -> str:
    """Draw a call for a notebook: what it sends, how it is made, and its documentation."""
    name = f"{python_path(call.node)}.{call.__name__}".removesuffix(".__call__")
    heading = f"{code_html(name)} {faint_html(f'{call.method} {call.path}')}"
    signature = _pre(f"{_called(call)}{call.__signature__}")
    summary, *more = (inspect.getdoc(call) or "").splitlines() or [""]
    doc = details_html(text_html(summary), _pre("\n".join(more).strip()), is_open=False)
    return details_html(heading, signature + doc, is_open=True)


def table_html(rows: Iterable[Iterable[str]]) -> str:
    """Make a table of cells that are HTML already."""
    cells = [[f'<td style="{_CELL}">{cell}</td>' for cell in row] for row in rows]
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
    return f"<table><tbody>{lines}</tbody></table>" if lines else ""


def _fitted(head: str, parts: list[str], between: str, tail: str) -> str:
    """Join parts to a line, and leave out the last of them where it would be too long."""
    text = f"{head}{between.join(parts)}{tail}"
    while len(text) > _WIDTH and parts:
        parts = parts[:-1]
        text = f"{head}{between.join([*parts, '…'])}{tail}"
    return text


def _called(call: Call[Any, Any, Any, Any]) -> str:
    """Give the name of a call as one writes it to make the call."""
    name = call.__name__
    if name == "__call__":
        name = python_path(call.node).rpartition(".")[2]
    return f"await {name}" if call._awaits and not call._endpoint.gives_items else name


def details_html(heading: str, content: str, *, is_open: bool) -> str:
    """Make a part that folds, of HTML."""
    return (
        f"<details{' open' if is_open else ''}><summary>{heading}</summary>"
        f'<div style="{_BELOW}">{content}</div></details>'
    )


def _pre(text: str) -> str:
    lines = "\n".join(map(text_html, text.split("\n")))
    return f'<pre style="{_PRE}">{lines}</pre>'


def text_html(text: str) -> str:
    """Write text as HTML, whatever is in it."""
    return escape(harmless(text))


def code_html(text: str) -> str:
    """Write code as HTML."""
    return f"<code>{text_html(text)}</code>"


def faint_html(text: str) -> str:
    """Write code as HTML that matters less than what is beside it."""
    return f'<code style="{_FAINT}">{text_html(text)}</code>'
