"""Nodes that can be called, such as ``client.login``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from .calls import call_of
from .endpoints import Endpoint
from .nodes import Async, M, Node, Sync

if TYPE_CHECKING:
    import httpx

__all__ = ["CallableNode", "call_attributes"]

T = TypeVar("T")
P = ParamSpec("P")


class CallableNode(Node[M]):
    """A node that can be called, and has the attributes of a call.

    Its class declares the call as an endpoint, and copies its attributes::

        class Login(CallableNode[M], template="{+parent}/login"):
            @endpoint("POST", "/token")
            def __call__(self, send: Sender, user: str, password: str) -> Flow[str]: ...

            method = __call__.method
            request, response, curl = call_attributes(__call__)

    Parameters
    ----------
    parent, **variables
        As for `Node`.
    """

    def __init__(self, parent: Node[M] | None, /, **variables: object) -> None:
        super().__init__(parent, **variables)
        call = call_of(self, "__call__")
        # `inspect` would not find it in a descriptor, and `help` would show the class's.
        self.__signature__ = call.__signature__
        self.__doc__ = call.__doc__

    @property
    def __name__(self) -> str:
        return self._python_path().rpartition(".")[2]

    def __get__(self, thing: object, owner: type | None = None) -> Self:
        """Return the node itself; `help` shows an object with ``__get__`` as it shows a method."""
        return self


class _CallAttribute(Generic[P, T]):
    """An attribute of a call, on its node."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, node: Node[Any], owner: type, /) -> Callable[P, T]:
        attribute = self if node is None else getattr(call_of(node, "__call__"), self._name)
        return cast("Callable[P, T]", attribute)


class _Response(_CallAttribute[P, Any]):
    """The `response` of a call, on its node."""

    @overload
    def __get__(self, node: Node[Sync], owner: type, /) -> Callable[P, httpx.Response]: ...
    @overload
    def __get__(
        self, node: Node[Async], owner: type, /
    ) -> Callable[P, Coroutine[Any, Any, httpx.Response]]: ...
    def __get__(self, node: Node[Any], owner: type, /) -> Any:
        return super().__get__(node, owner)


def call_attributes(
    call: Endpoint[P, Any, Any, Any],
) -> tuple[_CallAttribute[P, httpx.Request], _Response[P], _CallAttribute[P, str]]:
    """Return the ``request``, ``response`` and ``curl`` of a node that can be called.

    Parameters
    ----------
    call : Endpoint
        The ``__call__`` of the node's class, whose arguments they take.
    """
    return _CallAttribute("request"), _Response("response"), _CallAttribute("curl")
