"""Endpoints: the declarations that calls are made from.

An endpoint is described once, by a method of its node that is a flow. That one description
gives the blocking call, the awaited call, their types, the URL, the place in the printed tree
and the documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from grad300_sdk.engine.calls import Call
from grad300_sdk.engine.flow import Flow, ItemsFlow
from grad300_sdk.engine.node import Awaiting, Blocking, Node
from grad300_sdk.engine.parameters import shown, signature
from grad300_sdk.engine.sender import Sender
from grad300_sdk.engine.template import Template, compiled, nearest

if TYPE_CHECKING:
    import httpx

__all__ = ["Endpoint", "endpoint", "iterator"]

T = TypeVar("T")
P = ParamSpec("P")
F = TypeVar("F")  # the flow
B = TypeVar("B")  # what the blocking call gives
A = TypeVar("A")  # what the awaiting call gives


class Endpoint(Generic[P, F, B, A]):
    """A request that can be sent at each node of a class; a node has a `Call` in its place."""

    def __init__(
        self,
        method: str,
        suffix: str,
        each: tuple[str, ...],
        gives_items: bool,
        function: Callable[Concatenate[Any, Sender, P], F],
    ) -> None:
        self.method = method
        self.suffix = suffix
        self.function = function
        self.gives_items = gives_items
        self.name = function.__name__
        self.__doc__ = function.__doc__
        self._template = _checked_suffix(function, suffix, each)
        self._each = each

    @overload  # Any, not Self, whose names IPython would complete a call to
    def __get__(self, node: None, owner: type, /) -> Any: ...
    @overload
    def __get__(self, node: Node[Blocking], owner: type, /) -> Call[P, F, B, httpx.Response]: ...
    @overload
    def __get__(
        self, node: Node[Awaiting], owner: type, /
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
        return self.signature(bound=False)

    def signature(self, *, bound: bool, awaited: bool = False) -> inspect.Signature:
        """Give the signature as a user sees it: of a blocking client, or of an awaiting one."""
        return shown(self._parameters, self.function, bound=bound, awaited=awaited)

    def expand(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Give the suffix with these arguments of the call in it."""
        if not self._reads_arguments:
            return self.suffix
        given = self._parameters.bind(None, None, *args, **kwargs)
        given.apply_defaults()
        values = {name: given.arguments.get(name) for name in self._template.names}
        return self.suffix if self._each else self._template.expand(values)

    @cached_property
    def _reads_arguments(self) -> bool:
        kinds = {p.kind for p in inspect.signature(self.function).parameters.values()}
        return bool(self._template.names) or inspect.Parameter.VAR_KEYWORD in kinds

    @cached_property
    def _parameters(self) -> inspect.Signature:
        return signature(self.function)


def endpoint(
    method: str, suffix: str = "", *, each: tuple[str, ...] = ()
) -> Callable[
    [Callable[Concatenate[Any, Sender, P], Flow[T]]],
    Endpoint[P, Flow[T], T, Coroutine[Any, Any, T]],
]:
    """Declare a call that gives one result.

    Parameters
    ----------
    method : str
        The HTTP method.
    suffix : str
        What the call's path has after its node's. It may have variables, which are parameters of
        the call: ``/tags/{tag}``.
    each : tuple of str
        Variables that are no parameters: the call sends a request for each of their values, by
        calls of other nodes.

    Returns
    -------
    callable
        A decorator for a method of a `Node` that is a flow; its second parameter is the `Sender`.

    Raises
    ------
    TypeError
        If a variable is no parameter of the call, or the suffix is no template.

    Examples
    --------
    >>> from grad300_sdk.engine import Flow, M, Node, Sender, endpoint
    >>> class Labels(Node[M], template="{+parent}/labels/"):
    ...     @endpoint("PUT", "{label}")
    ...     def create(self, send: Sender, label: str) -> Flow[None]:
    ...         yield from send()
    >>> create = Labels(None).create
    >>> create.method, create.template
    ('PUT', '/labels/{label}')
    """
    return _declare(method, suffix, each, gives_items=False)


def iterator(
    method: str, suffix: str = "", *, each: tuple[str, ...] = ()
) -> Callable[
    [Callable[Concatenate[Any, Sender, P], ItemsFlow[T]]],
    Endpoint[P, ItemsFlow[T], Iterator[T], AsyncIterator[T]],
]:
    """Declare a call that gives an iterator; its flow yields `Items`.

    Parameters and what is returned are as for `endpoint`.

    Examples
    --------
    >>> from grad300_sdk.engine import ItemsFlow, M, Node, Sender, iterator
    >>> class Books(Node[M], template="{+parent}/books/"):
    ...     @iterator("GET")
    ...     def search(self, send: Sender, *, title: str) -> ItemsFlow[str]:
    ...         params = {"title": title}
    ...         yield from send.pages(str, key="books", link="next", params=params)
    >>> Books(None).search.template
    '/books/'
    """
    return _declare(method, suffix, each, gives_items=True)


def _declare(
    method: str, suffix: str, each: tuple[str, ...], *, gives_items: bool
) -> partial[Any]:
    if not isinstance(method, str):
        raise TypeError(f"an HTTP method is needed, as in @endpoint('GET'), not {method!r}")
    return partial(Endpoint, method, suffix, each, gives_items)


def _checked_suffix(function: Callable[..., Any], suffix: str, each: tuple[str, ...]) -> Template:
    try:
        template = compiled(suffix)
    except ValueError as error:
        raise TypeError(f"{function.__qualname__}: {error}") from None
    own = list(inspect.signature(function).parameters)[2:] if template.names else []
    for name in template.names:
        if name not in own and name not in each:
            raise TypeError(
                f"{function.__qualname__}: suffix {suffix!r} has the unknown variable {name!r}; "
                f"make it a parameter of the call{nearest(name, own)}"
            )
    return template
