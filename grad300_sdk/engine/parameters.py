"""The parameters of a call, as its user gives them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import GenericAlias, SimpleNamespace
from typing import Any, Unpack, get_args, get_origin, get_type_hints

__all__ = ["shown", "signature"]


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


def shown(
    signature: inspect.Signature, function: Callable[..., Any], *, bound: bool, awaited: bool
) -> inspect.Signature:
    """Give the signature of an endpoint as the user of one of the clients sees it.

    Parameters
    ----------
    signature : inspect.Signature
        That of the function, as `signature` gives it.
    function : callable
        The endpoint's function, whose first two parameters are the node and the sender.
    bound : bool
        Whether the node is left out, too.
    awaited : bool
        Whether the client is the awaiting one.
    """
    own, _, *others = signature.parameters.values()
    gives = re.fullmatch(r"(Items)?Flow\[(.*)\]", str(signature.return_annotation))
    result: Any = signature.return_annotation
    if gives is not None:
        wraps = f"{'Async' * awaited}Iterator" if gives[1] else "Awaitable" * awaited
        result = f"{wraps}[{gives[2]}]" if wraps else gives[2]
    parameters = [
        parameter.replace(annotation=_plain(parameter.annotation, function))
        for parameter in (others if bound else [own, *others])
    ]
    return signature.replace(parameters=parameters, return_annotation=_plain(result, function))


class _Annotation(str):
    """The text of an annotation; a signature shows it without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _plain(annotation: Any, function: Any) -> Any:
    """Give an annotation without quotes, and with what a name like ``Row`` stands for."""
    if not isinstance(annotation, str):
        return annotation

    def written(name: re.Match[str]) -> str:
        value = function.__globals__.get(name[0])
        is_alias = type(value) is GenericAlias
        return str(value).replace("typing.", "") if is_alias else name[0]

    return _Annotation(re.sub(r"\w+", written, annotation))
