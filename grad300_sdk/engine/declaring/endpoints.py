"""Endpoints: the declarations that calls are made from.

An endpoint is described once, by a method of its node that returns a flow. That one description
provides the blocking call, the awaited call, their types, the URL, the line in the printed tree
and the documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ..exploring.branches import Member, summary
from ..exploring.explorable import Declaration
from ..exploring.html import argument_names
from ..exploring.signatures import public_signature, signature
from ..flow import Flow, ItemsFlow
from ..keywords import misspelt_keyword
from ..template import Template, compiled
from ..text import nearest
from .calls import Call
from .nodes import Async, Node, Sync
from .send import Sender

if TYPE_CHECKING:
    import httpx

__all__ = ["Endpoint", "endpoint", "iterator"]

T = TypeVar("T")
P = ParamSpec("P")
F = TypeVar("F")  # the flow
B = TypeVar("B")  # what the blocking call returns
A = TypeVar("A")  # what the awaited call returns

# RFC 9110, section 9, and RFC 5789; "*" stands for any.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "*")


class Endpoint(Declaration, Generic[P, F, B, A]):
    """A request that can be sent at each node of a class; a node has a `Call` in its place."""

    def __init__(
        self,
        method: str,
        suffix: str,
        for_each: tuple[str, ...],
        synonyms: Mapping[str, str],
        yields_items: bool,
        function: Callable[Concatenate[Any, Sender, P], F],
    ) -> None:
        self.method = _checked_method(function, method)
        self.suffix = suffix
        self.function = function
        self.yields_items = yields_items
        self.name = function.__name__
        self.__doc__ = function.__doc__
        self._template = _checked_suffix(function, suffix, for_each)
        self._synonyms = synonyms
        self._expands = bool(self._template.names) and not for_each
        self._binds = self._expands or bool(function.__code__.co_flags & inspect.CO_VARKEYWORDS)

    @overload  # Any, not Self, whose names IPython would complete a call to
    def __get__(self, node: None, owner: type, /) -> Any: ...
    @overload
    def __get__(self, node: Node[Sync], owner: type, /) -> Call[P, F, B, httpx.Response]: ...
    @overload
    def __get__(
        self, node: Node[Async], owner: type, /
    ) -> Call[P, F, A, Coroutine[Any, Any, httpx.Response]]: ...
    @overload  # within a tree, where the mode is not known
    def __get__(self, node: Node[Any], owner: type, /) -> Call[P, F, Any, Any]: ...
    def __get__(self, node: Node[Any] | None, owner: type, /) -> Any:
        return self if node is None else Call(node, self)

    def __call__(self, node: Node[Any], /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call it as a method of a node, looked up in its class."""
        call: Call[P, F, Any, Any] = Call(node, self)
        return call(*args, **kwargs)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self.signature(is_bound=False)

    def signature(self, *, is_bound: bool, is_awaited: bool = False) -> inspect.Signature:
        """Return the signature as the user of a blocking or an asynchronous client sees it."""
        return public_signature(
            self._signature, self.function, is_bound=is_bound, is_awaited=is_awaited
        )

    def _members(self, name: str) -> Iterator[Member]:
        """Yield the call."""
        arguments = ", ".join(argument_names(self.signature(is_bound=True)))
        yield Member(
            accessor="" if name == "__call__" else f".{name}",
            arguments=f"({arguments})",
            suffix=self.suffix,
            summary=summary(self),
            method=self.method,
        )

    def flow(self, node: Node[Any], /, *args: P.args, **kwargs: P.kwargs) -> F:
        """Return the flow of a call with these arguments."""
        suffix = self.suffix
        if self._binds:
            arguments = self._bind(node, args, kwargs)
            suffix = self._template.expand(arguments) if self._expands else suffix
        send = Sender(self.method, node.path + suffix)
        try:
            flow = self.function(node, send, *args, **kwargs)
        except TypeError:
            self._bind(node, args, kwargs)  # if the arguments are wrong, it says so better
            raise
        if not hasattr(flow, "send"):
            raise TypeError(
                f"{type(node).__name__}.{self.name} returned {flow!r:.80}, but must return a "
                "flow, as in 'return send.json(dict)'"
            )
        return flow

    def _bind(self, node: Node[Any], args: Any, kwargs: Any) -> dict[str, Any]:
        """Return the arguments that stand in the suffix, after a check of all."""
        try:
            bound = self._signature.bind(None, None, *args, **kwargs)
        except TypeError as error:
            # From 3.12 on, Python says that a missing argument is keyword-only, if it is.
            said = str(error).replace("too many", "got too many").replace("keyword-only ", "")
            problem = self._misspelt(kwargs) or said
            raise TypeError(f"{Call(node, self)._python_path()}() {problem}") from None
        bound.apply_defaults()
        return {name: bound.arguments.get(name) for name in self._template.names}

    def _misspelt(self, kwargs: dict[str, Any]) -> str:
        """Return what is wrong with the first keyword that is not a parameter."""
        _, _, *parameters = self._signature.parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return ""  # it takes any
        known = [parameter.name for parameter in parameters]
        return misspelt_keyword(kwargs, known, self._synonyms)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return signature(self.function)


def endpoint(
    method: str,
    suffix: str = "",
    *,
    for_each: tuple[str, ...] = (),
    synonyms: Mapping[str, str] = {},
) -> Callable[
    [Callable[Concatenate[Any, Sender, P], Flow[T]]],
    Endpoint[P, Flow[T], T, Coroutine[Any, Any, T]],
]:
    """Declare a call that returns one result.

    Parameters
    ----------
    method : str
        The HTTP method.
    suffix : str
        The end of the call's path, after its node's. It may have variables, which are parameters
        of the call: ``/tags/{tag}``.
    for_each : tuple of str
        All variables of the suffix, if they are not parameters: the call sends a request for each
        of their values, through calls of other nodes.
    synonyms : Mapping
        Names that users may try for a parameter, and the parameter that they mean.

    Returns
    -------
    callable
        A decorator for a method of a `Node` that returns a flow, or is one; its second parameter
        is the `Sender`.

    Raises
    ------
    TypeError
        If the method is not an HTTP method, the suffix is not a template, or a variable of it is
        not a parameter of the call.

    Examples
    --------
    >>> from grad300_sdk.engine import Flow, M, Node, Sender, endpoint
    >>> class Labels(Node[M], template="{+parent}/labels/"):
    ...     @endpoint("PUT", "{label}")
    ...     def create(self, send: Sender, label: str) -> Flow[None]:
    ...         return send()
    >>> create = Labels(None).create
    >>> create.method, create.template
    ('PUT', '/labels/{label}')
    """
    return _declare(method, suffix, for_each, synonyms, yields_items=False)


def iterator(
    method: str,
    suffix: str = "",
    *,
    for_each: tuple[str, ...] = (),
    synonyms: Mapping[str, str] = {},
) -> Callable[
    [Callable[Concatenate[Any, Sender, P], ItemsFlow[T]]],
    Endpoint[P, ItemsFlow[T], Iterator[T], AsyncIterator[T]],
]:
    """Declare a call that returns an iterator; its flow yields `Items`.

    Parameters and result are those of `endpoint`.

    Examples
    --------
    >>> from grad300_sdk.engine import ItemsFlow, M, Node, Sender, iterator
    >>> class Books(Node[M], template="{+parent}/books/"):
    ...     @iterator("GET")
    ...     def search(self, send: Sender, *, title: str) -> ItemsFlow[str]:
    ...         params = {"title": title}
    ...         return send.pages(str, key="books", link="next", params=params)
    >>> Books(None).search.template
    '/books/'
    """
    return _declare(method, suffix, for_each, synonyms, yields_items=True)


def _declare(
    method: str,
    suffix: str,
    for_each: tuple[str, ...],
    synonyms: Mapping[str, str],
    *,
    yields_items: bool,
) -> partial[Any]:
    if not isinstance(method, str):
        raise TypeError(f"the HTTP method is missing, as in @endpoint('GET'); got {method!r}")
    return partial(Endpoint, method, suffix, for_each, synonyms, yields_items)


def _checked_method(function: Callable[..., Any], method: str) -> str:
    if method not in _METHODS:
        hint = nearest(method.upper(), _METHODS)
        raise TypeError(f"{function.__qualname__}: {method!r} is not an HTTP method{hint}")
    return method


def _checked_suffix(
    function: Callable[..., Any], suffix: str, for_each: tuple[str, ...]
) -> Template:
    try:
        template = compiled(suffix)
    except ValueError as error:
        raise TypeError(f"{function.__qualname__}: {error}") from None
    own = list(inspect.signature(function).parameters)[2:] if template.names else []
    for name in template.names:
        if for_each and name not in for_each:
            raise TypeError(
                f"{function.__qualname__}: {name!r} is not in for_each, which must name all "
                f"variables of the suffix {suffix!r} or none"
            )
        if not for_each and name not in own:
            raise TypeError(
                f"{function.__qualname__}: suffix {suffix!r} has the unknown variable {name!r}; "
                f"make it a parameter of the call{nearest(name, own)}"
            )
    return template
