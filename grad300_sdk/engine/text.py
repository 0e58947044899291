"""Text in messages: shortened, made printable, and compared with known names."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["excerpt", "nearest", "printable"]


def printable(text: str) -> str:
    r"""Return a text with an escape for each character that a terminal would obey or hide.

    These are the characters that `str.isprintable` does not accept: control characters, line
    breaks, bidirectional marks, lone surrogates and others.

    Examples
    --------
    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def excerpt(text: str, length: int = 80) -> str:
    r"""Return the beginning of a text as one printable line.

    Examples
    --------
    >>> excerpt("<html>\n  <title>Bad gateway</title>", 15)
    '<html> <title>B…'
    """
    begin = "".join(c if c.isprintable() else " " for c in text[: 4 * length])
    line = " ".join(begin.split())
    return f"{line[:length]}…" if len(line) > length or len(text) > 4 * length else line


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the end of a message that suggests the nearest of some names, if one is near enough.

    Examples
    --------
    >>> nearest("serach", ["get", "search"])
    "; did you mean 'search'?"
    >>> nearest("x", ["get", "search"])
    ''
    """
    from difflib import get_close_matches  # needed only for a mistake

    found = get_close_matches(name, list(names), n=1, cutoff=0.65)
    return f"; did you mean {found[0]!r}?" if found else ""
