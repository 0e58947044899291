"""Functions that users call: misspelt keywords get a suggestion, and tracebacks are short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from .text import nearest
from .tracebacks import short_tracebacks

__all__ = ["misspelt_keyword", "public"]

P = ParamSpec("P")
T = TypeVar("T")


def public(function: Callable[P, T]) -> Callable[P, T]:
    """Return a method that answers misspelt keywords with a hint, and whose tracebacks are short.

    Parameters
    ----------
    function : callable
        A method, without ``**`` keywords.

    Examples
    --------
    >>> from grad300_sdk.engine import public
    >>> class Shelf:
    ...     @public
    ...     def __init__(self, *, width: int) -> None: ...
    >>> Shelf(widht=3)
    Traceback (most recent call last):
    TypeError: Shelf() has no parameter 'widht'; did you mean 'width'?
    """
    code = cast("Any", function).__code__
    known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]

    positional = known[: code.co_argcount - 1]

    def surplus(given: int) -> str:
        if given <= len(positional):
            return ""
        takes = f"only {', '.join(positional)}" if positional else "no arguments"
        return f"takes {takes} by position, not {given} arguments; pass the others by keyword"

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with short_tracebacks:
            problem = misspelt_keyword(kwargs, known) or surplus(len(args) - 1)
            if problem:
                owner = type(args[0]).__name__
                name = f".{function.__name__}"
                raise TypeError(f"{owner}{name * (name != '.__init__')}() {problem}")
            return function(*args, **kwargs)

    return call


def misspelt_keyword(
    keywords: Iterable[str], known: Iterable[str], synonyms: Mapping[str, str] = {}
) -> str:
    """Return the end of a message about the first keyword that is not a parameter, if any."""
    for name in keywords:
        if name not in known:
            synonym = synonyms.get(name)
            hint = f"; did you mean {synonym!r}?" if synonym else nearest(name, known)
            return f"has no parameter {name!r}{hint}"
    return ""
