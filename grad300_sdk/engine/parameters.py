"""The parameters of a call, as its user gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Unpack, get_args, get_origin, get_type_hints

__all__ = ["signature"]


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Give the signature of a function, in which ``**fields: Unpack[Fields]`` is taken apart.

    Parameters
    ----------
    function : callable
        The function.

    Returns
    -------
    inspect.Signature
        Each key of the `TypedDict` is a parameter of its own, None where it may be left out.
    """
    own = inspect.signature(function)
    parameters = [p for parameter in own.parameters.values() for p in _apart(parameter, function)]
    return own.replace(parameters=parameters)


def _apart(parameter: inspect.Parameter, function: Any) -> Iterator[inspect.Parameter]:
    fields = None
    if parameter.kind is parameter.VAR_KEYWORD:
        alone = SimpleNamespace(__annotations__={"fields": parameter.annotation})
        hint = get_type_hints(alone, function.__globals__)["fields"]
        fields = get_args(hint)[0] if get_origin(hint) is Unpack else None
    if fields is None:
        yield parameter
        return
    for name, annotation in fields.__annotations__.items():
        yield inspect.Parameter(
            name,
            parameter.KEYWORD_ONLY,
            default=parameter.empty if name in fields.__required_keys__ else None,
            annotation=getattr(annotation, "__forward_arg__", annotation),
        )
