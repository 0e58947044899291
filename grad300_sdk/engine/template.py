"""URI templates (RFC 6570), expanded by uritemplate and checked for what it lets through.

uritemplate leaves ``.`` and ``..`` as they are (httpx then resolves them), drops ``0`` and
``False``, and ignores misspelt variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from .text import nearest

__all__ = ["SAFE", "Template", "check_path", "compiled", "encode_query"]

# RFC 3986, section 3.3 and 3.4: what a path and a query may hold besides letters and digits.
SAFE = "%/?:@!$&'()*+,;=-._~"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A template whose variables are plain names, without an operator (RFC 6570, section 3.2.2).
_PLAIN = re.compile(r"(?:[^{}]|\{[A-Za-z_][A-Za-z0-9_]*\})*")
_QUERY_OPERATORS = ("?", "&")
# A segment of one or two dots, percent-encoded or not.
_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


class Template:
    """One URI template: its variables, and the path that their values make of it.

    Parameters
    ----------
    text : str
        The template, such as ``/users/{user_id}``.

    Raises
    ------
    ValueError
        If braces do not match, the name of a variable is invalid, or a part would never be sent.

    Examples
    --------
    >>> Template("/users/{user_id}{?active}").expand({"user_id": "a/b", "active": False})
    '/users/a%2Fb?active=false'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        literal = re.sub(r"\{[^{}]+\}", "", text)
        if "{" in literal or "}" in literal:
            raise ValueError(f"template {text!r}: its braces do not match; write {{name}}")
        if "#" in literal or "{#" in text:
            raise ValueError(f"template {text!r}: what follows a '#' is never sent; write '%23'")
        self.names: tuple[str, ...]
        self._pieces: list[str] | None = None  # literals and names of variables, in turn
        self._optional: set[str] = set()
        if _PLAIN.fullmatch(text):
            pieces = re.split(r"\{(\w+)\}", text)
            pieces[::2] = [quote(piece, safe=SAFE) for piece in pieces[::2]]
            self._pieces = pieces
            self.names = tuple(dict.fromkeys(pieces[1::2]))
        else:
            self._parse_operators()

    def _parse_operators(self) -> None:
        from uritemplate import URITemplate  # which most templates do not need

        self._uri = URITemplate(self.text)
        self.names = tuple(self._uri.variable_names)
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"template {self.text!r}: {name!r} is not a name for a variable")
        for variable in self._uri.variables:
            if variable.original[0] in _QUERY_OPERATORS:
                self._optional.update(variable.variable_names)

    def expand(self, values: Mapping[str, object]) -> str:
        """Fill in the values, each percent-encoded.

        Parameters
        ----------
        values : Mapping
            A value for each variable. A value of None in the query is left out.

        Returns
        -------
        str
            The path, with its query if the template has one.

        Raises
        ------
        TypeError
            If a variable is missing or misspelt, or its value cannot stand in a URL.
        ValueError
            If a value is empty, ``.`` or ``..``, or contains a lone surrogate.
        """
        if self._pieces is not None and not values and not self.names:
            return self._pieces[0]
        for name in values:
            if name not in self.names:
                raise TypeError(
                    f"template {self.text!r} has no variable {name!r}{nearest(name, self.names)}"
                )
        texts = self._texts(values)
        if self._pieces is None:
            path = quote(self._uri.expand(texts), safe=SAFE)
        else:
            pieces = self._pieces.copy()
            pieces[1::2] = [_quoted(texts[name]) for name in pieces[1::2]]
            path = "".join(pieces)
        check_path(path)
        return path

    def _texts(self, values: Mapping[str, object]) -> dict[str, Any]:
        texts: dict[str, Any] = {}
        for name in self.names:
            value = values.get(name)
            if value is None and name not in self._optional:
                raise TypeError(f"template {self.text!r} needs a value for {name!r}")
            if isinstance(value, list | tuple):
                texts[name] = [_text(item, name) for item in value]
            elif value is not None:
                texts[name] = _text(value, name)
            if name not in self._optional:
                _check_segment(name, texts[name])
        return texts

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


compiled = lru_cache(maxsize=1024)(Template)


def _check_segment(name: str, value: str | list[str]) -> None:
    parts = [value] if isinstance(value, str) else value
    if not parts or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"{name} is {value!r}, but a part of a path can't be empty, '.' or '..': "
            "the server would answer with another resource"
        )


def check_path(path: str) -> None:
    """Raise a `ValueError` for a path with a segment ``.`` or ``..``, which servers resolve."""
    _text(path, "path")
    if ("." in path or "%" in path) and _DOTS.search(path.partition("?")[0]):
        raise ValueError(
            f"the path {path!r} has a segment '.' or '..': give the path of the resource itself"
        )


def encode_query(params: Mapping[str, Any]) -> str:
    """Return a query: None is left out, ``0`` and ``False`` are sent, a list repeats its name."""
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise TypeError(
            f"params must be a mapping of names to values, not {type(params).__name__}"
        )
    return "&".join(
        f"{_quote(name)}={_quote(text)}"
        for name, value in params.items()
        for text in _texts(value, name)
    )


def _quoted(value: str | list[str]) -> str:
    """Return a value as RFC 6570 expands it: a list is joined by commas."""
    return _quote(value) if isinstance(value, str) else ",".join(map(_quote, value))


def _quote(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


def _texts(value: object, name: str) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, name)
    elif value is not None:
        yield _text(value, name)


def _text(value: object, name: str) -> str:
    if type(value) is int or (type(value) is str and value.isascii()):
        return str(value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, bytes | Mapping | set | list | tuple):
        raise TypeError(f"{name} is {value!r}, but must be text or a number")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is {value!r}, which can't be encoded as UTF-8") from None
    return text
