"""The signatures of endpoints: for checking arguments, and for users to see."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import GenericAlias, SimpleNamespace
from typing import Any, Unpack, get_args, get_origin, get_type_hints

__all__ = ["public_signature", "signature"]


def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function, with the keys of ``**fields: Unpack[Fields]``.

    Each key of the `TypedDict` becomes a parameter; the default of an optional one is None.
    """
    own = inspect.signature(function)
    parameters = [
        p for parameter in own.parameters.values() for p in _expanded(parameter, function)
    ]
    return own.replace(parameters=parameters)


def _expanded(parameter: inspect.Parameter, function: Any) -> Iterator[inspect.Parameter]:
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


def public_signature(
    signature: inspect.Signature, function: Callable[..., Any], *, is_bound: bool, is_awaited: bool
) -> inspect.Signature:
    """Return the signature of an endpoint as the user of one of the clients sees it.

    Parameters
    ----------
    signature : inspect.Signature
        The signature of the function, as `signature` returns it.
    function : callable
        The endpoint's function, whose first two parameters are the node and the sender.
    is_bound : bool
        Whether to leave out the node.
    is_awaited : bool
        Whether the client is asynchronous.
    """
    own, _, *others = signature.parameters.values()
    returned = re.fullmatch(r"(Items)?Flow\[(.*)\]", str(signature.return_annotation))
    result: Any = signature.return_annotation
    if returned is not None:
        wrapper = f"{'Async' * is_awaited}Iterator" if returned[1] else "Awaitable" * is_awaited
        result = f"{wrapper}[{returned[2]}]" if wrapper else returned[2]
    parameters = [
        parameter.replace(annotation=_unquoted(parameter.annotation, function))
        for parameter in (others if is_bound else [own, *others])
    ]
    return signature.replace(parameters=parameters, return_annotation=_unquoted(result, function))


class _Annotation(str):
    """The text of an annotation; a signature shows it without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _unquoted(annotation: Any, function: Any) -> Any:
    """Return an annotation without quotes, and with aliases such as ``Row`` written out."""
    if not isinstance(annotation, str):
        return annotation

    def written_out(name: re.Match[str]) -> str:
        value = function.__globals__.get(name[0])
        is_alias = type(value) is GenericAlias
        return str(value).replace("typing.", "") if is_alias else name[0]

    return _Annotation(re.sub(r"\w+", written_out, annotation))
