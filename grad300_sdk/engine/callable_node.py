"""Nodes that are calls too, as ``client.login`` is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from grad300_sdk.engine.calls import call_of
from grad300_sdk.engine.endpoints import Endpoint
from grad300_sdk.engine.node import Awaiting, Blocking, M, Node

if TYPE_CHECKING:
    import httpx

__all__ = ["CallableNode", "parts"]

T = TypeVar("T")
P = ParamSpec("P")


class CallableNode(Node[M]):
    """A node that can be called, and be looked at as any call can.

    Its class declares the call as an endpoint, and takes over what a call has besides::

        class Login(CallableNode[M], template="{+parent}/login"):
            @endpoint("POST", "/token")
            def __call__(self, send: Sender, user: str, password: str) -> Flow[str]: ...

            method = __call__.method
            request, response, curl = parts(__call__)

    Parameters
    ----------
    parent, **variables
        As for `Node`.
    """

    def __init__(self, parent: Node[M] | None, /, **variables: object) -> None:
        super().__init__(parent, **variables)
        call = call_of(self, "__call__")
        # `inspect` would not look for it in a descriptor, and `help` shows the class's.
        self.__signature__ = call.__signature__
        self.__doc__ = call.__doc__

    @property
    def __name__(self) -> str:
        from grad300_sdk.engine.tree import python_path  # only `help` needs it

        return python_path(self).rpartition(".")[2]

    def __get__(self, thing: object, owner: type | None = None) -> Self:
        """Give the node itself; `help` shows what has a ``__get__`` as it shows a method."""
        return self


class _Part(Generic[P, T]):
    """What a call has, as its node has it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, node: Node[Any], owner: type, /) -> Callable[P, T]:
        part = self if node is None else getattr(call_of(node, "__call__"), self._name)
        return cast("Callable[P, T]", part)


class _Response(_Part[P, Any]):
    """The `response` of a call, as its node has it."""

    @overload
    def __get__(self, node: Node[Blocking], owner: type, /) -> Callable[P, httpx.Response]: ...
    @overload
    def __get__(
        self, node: Node[Awaiting], owner: type, /
    ) -> Callable[P, Coroutine[Any, Any, httpx.Response]]: ...
    def __get__(self, node: Node[Any], owner: type, /) -> Any:
        return super().__get__(node, owner)


def parts(
    call: Endpoint[P, Any, Any, Any],
) -> tuple[_Part[P, httpx.Request], _Response[P], _Part[P, str]]:
    """Give the `request`, `response` and `curl` of a node that can be called.

    Parameters
    ----------
    call : Endpoint
        The ``__call__`` of the node's class, whose arguments they take.
    """
    return _Part("request"), _Response("response"), _Part("curl")
