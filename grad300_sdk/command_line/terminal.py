"""What a terminal can show: its width, its characters, and its styles."""

from __future__ import annotations

import os
import shutil
import sys

from typer import style

__all__ = ["bold", "cut", "is_dumb", "show", "terminal_width", "text_width"]


def terminal_width() -> int:
    """Return the number of columns of the terminal, at least 1."""
    return max(shutil.get_terminal_size().columns, 1)


def is_dumb() -> bool:
    """Return whether the terminal can only append lines."""
    return os.environ.get("TERM") == "dumb"


def bold(text: str) -> str:
    """Return a text in bold, unless the terminal or the user wants plain text."""
    return text if os.environ.get("NO_COLOR") or is_dumb() else style(text, bold=True)


def show(text: str) -> str:
    """Return a text of which the terminal can show each character, with escapes for others."""
    from grad300_sdk.engine import printable

    encoding = sys.stdout.encoding or "utf-8"
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """Return the beginning of a text that fits into a width, with an ellipsis if it is cut."""
    if text_width(text) <= width:
        return text
    ellipsis = "..." if show("\u2026") != "\u2026" else "\u2026"
    text = text[:width]
    while text and text_width(text) + len(ellipsis) > width:
        text = text[:-1]
    return text + ellipsis[:width]
