"""URI templates (RFC 6570): uritemplate expands them, and what it lets through is checked here.

uritemplate leaves ``.`` and ``..`` as they are (httpx then resolves them), drops ``0`` and
``False``, and ignores misspelt variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from uritemplate import URITemplate

__all__ = ["SAFE", "Template", "check_path", "compiled", "encode_query", "nearest"]

# RFC 3986, section 3.3 and 3.4: what a path and a query may hold besides letters and digits.
SAFE = "%/?:@!$&'()*+,;=-._~"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUERY_OPERATORS = ("?", "&")
# A segment of one or two dots, percent-encoded or not.
_DOTS = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


class Template:
    """One URI template: its variables, and the path that their values make of it.

    Parameters
    ----------
    text : str
        The template, ``/users/{user_id}`` for one.

    Raises
    ------
    ValueError
        Where braces do not match, a variable has no proper name, or a part would never be sent.

    Examples
    --------
    >>> Template("/users/{user_id}{?active}").expand({"user_id": "a/b", "active": False})
    '/users/a%2Fb?active=false'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._uri = URITemplate(text)
        literal = re.sub(r"\{[^{}]+\}", "", text)
        if "{" in literal or "}" in literal:
            raise ValueError(f"template {text!r}: its braces do not match; write {{name}}")
        if "#" in literal or any(v.original.startswith("#") for v in self._uri.variables):
            raise ValueError(f"template {text!r}: what follows a '#' is never sent; write '%23'")
        self.names: tuple[str, ...] = tuple(self._uri.variable_names)
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"template {text!r}: {name!r} is no name for a variable")
        self._literal = quote(literal, safe=SAFE)
        self._optional = {
            name
            for variable in self._uri.variables
            if variable.original[0] in _QUERY_OPERATORS
            for name in variable.variable_names
        }

    def expand(self, values: Mapping[str, object]) -> str:
        """Fill in the values, each percent-encoded.

        Parameters
        ----------
        values : Mapping
            A value for each variable. One of a query may be None and is then left out.

        Returns
        -------
        str
            The path, with its query where the template has one.

        Raises
        ------
        TypeError
            If a variable is missing or misspelt, or its value is None or of no use in a URL.
        ValueError
            If a value is empty, ``.`` or ``..``, or has a lone surrogate in it.
        """
        if not self.names and not values:
            return self._literal
        for name in values.keys() - set(self.names):
            raise TypeError(
                f"template {self.text!r} has no variable {name!r}{nearest(name, self.names)}"
            )
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
        path = quote(self._uri.expand(texts), safe=SAFE)
        check_path(path)
        return path

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


compiled = lru_cache(maxsize=1024)(Template)


def _check_segment(name: str, value: str | list[str]) -> None:
    parts = [value] if isinstance(value, str) else value
    if not parts or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"{name} is {value!r}, but a part of a path can't be empty, '.' or '..': "
            "the server would take it for another resource"
        )


def check_path(path: str) -> None:
    """Refuse a path with a segment ``.`` or ``..``, which would be resolved to another path."""
    _text(path, "path")
    if _DOTS.search(path.partition("?")[0]):
        raise ValueError(
            f"the path {path!r} has a segment '.' or '..': give the path of the resource itself"
        )


def encode_query(params: Mapping[str, Any]) -> str:
    """Encode a query: None is left out, ``0`` and ``False`` are sent, a list is repeated."""
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise TypeError(f"params is {params!r}, where a mapping of names to values is expected")
    pairs = [(name, text) for name, value in params.items() for text in _texts(value, name)]
    return urlencode(pairs, quote_via=quote, safe="")


def _texts(value: object, name: str) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, name)
    elif value is not None:
        yield _text(value, name)


def _text(value: object, name: str) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, bytes | Mapping | set | list | tuple):
        raise TypeError(f"{name} is {value!r}, where text or a number is expected")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is {value!r}, which has no encoding in UTF-8") from None
    return text


def nearest(name: str, names: Iterable[str]) -> str:
    """Say which of `names` is meant by a misspelt one, where one is near."""
    from difflib import get_close_matches  # only a mistake needs it

    found = get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""
