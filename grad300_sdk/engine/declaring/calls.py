"""Calls: the leaves of a tree, which send requests and can be inspected before."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from ..exploring.completion import Helpful
from ..exploring.html import call_html, call_text
from ..exploring.preview import first_response, first_send
from ..flow import Send
from ..tracebacks import short_tracebacks
from .nodes import Async, Node, RootNode

if TYPE_CHECKING:
    import httpx

__all__ = ["Call", "call_of"]

P = ParamSpec("P")
F = TypeVar("F")  # the flow of a call
R = TypeVar("R")  # what a call returns: T, or a coroutine or an iterator of T
X = TypeVar("X")  # what its `response` returns: httpx.Response, or a coroutine of it


class Described(Protocol):
    """The declaration of a call: an `Endpoint`, which is defined above this module."""

    method: str
    suffix: str
    name: str
    yields_items: bool

    def flow(self, node: Node[Any], /, *args: Any, **kwargs: Any) -> Any: ...

    def signature(self, *, is_bound: bool, is_awaited: bool = False) -> inspect.Signature: ...


class _CallDoc:
    """The docstring of a call: its endpoint's, and the request that it sends."""

    def __init__(self, of_class: str) -> None:
        self.of_class = of_class

    def __get__(self, call: Call[Any, Any, Any, Any] | None, owner: type) -> str:
        if call is None:
            return self.of_class
        doc = inspect.cleandoc(call._endpoint.__doc__ or "")
        if "\nSends ``" in doc or not call.template:
            return doc
        return f"{doc}\n\nSends ``{call.method} {call.template}``.".strip()


class Call(Helpful, Generic[P, F, R, X]):
    """A call of a node, which sends a request and can be inspected before.

    `request`, `response` and `curl` take and check the arguments of the call itself.
    """

    if not TYPE_CHECKING:
        __doc__ = _CallDoc(__doc__)

    def __init__(self, node: Node[Any], endpoint: Described) -> None:
        self.node = node
        self._endpoint = endpoint

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self._endpoint.method

    @property
    def path(self) -> str:
        """The path below the client's `base_api_url`, expanded and percent-encoded.

        The arguments of the call are still variables in it: ``/books/1/tags/{tag}``.
        """
        return self.node.path + self._endpoint.suffix

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        return self.node.template + self._endpoint.suffix

    @property
    def client(self) -> RootNode[Any]:
        """The client that sends the request."""
        return self.node.client

    def flow(self, *args: P.args, **kwargs: P.kwargs) -> F:
        """Return the call's flow, for use in another flow."""
        with short_tracebacks:
            return cast("F", self._endpoint.flow(self.node, *args, **kwargs))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Send the request, or the requests, and return the result."""
        with short_tracebacks:
            driver = self.client.driver
            flow: Any = self.flow(*args, **kwargs)
            result: Any = driver.iterate(flow) if self._endpoint.yields_items else driver.run(flow)
            return cast("R", result)

    def request(self, *args: P.args, **kwargs: P.kwargs) -> httpx.Request:
        """Return the (first) request of this call, unsent and without credentials."""
        with short_tracebacks:
            return self.client.session.preview(self._first(*args, **kwargs))

    def response(self, *args: P.args, **kwargs: P.kwargs) -> X:
        """Send the (first) request of this call and return the response itself."""
        with short_tracebacks:
            flow: Any = self.flow(*args, **kwargs)
            return cast("X", self.client.driver.run(first_response(flow)))

    def curl(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return a curl command that sends the same request, without any secret."""
        from ..exploring.curl import curl  # seldom needed

        with short_tracebacks:
            return curl(self.client.session, self._first(*args, **kwargs))

    def _first(self, *args: P.args, **kwargs: P.kwargs) -> Send:
        flow: Any = self.flow(*args, **kwargs)
        return first_send(flow)

    def _python_path(self) -> str:
        """Return how the call is written in Python: ``client.scans['TPI'].get``."""
        path = self.node._python_path()
        return path if self.__name__ == "__call__" else f"{path}.{self.__name__}"

    @property
    def _is_awaited(self) -> bool:
        """Whether calling it returns a coroutine."""
        return self._is_async and not self._endpoint.yields_items

    @property
    def _is_async(self) -> bool:
        return getattr(getattr(self.node, "client", None), "_mode", None) is Async

    @property
    def __name__(self) -> str:
        return self._endpoint.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self._endpoint.signature(is_bound=True, is_awaited=self._is_async)

    def __get__(self, thing: object, owner: type | None = None) -> Self:
        """Return the call itself; `help` shows an object with ``__get__`` as it shows a method."""
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call):
            return NotImplemented
        return self.node == other.node and self._endpoint is other._endpoint

    def __hash__(self) -> int:
        return hash((self.node, self.method, self.path))

    def __reduce__(self) -> tuple[Any, ...]:
        return call_of, (self.node, self._endpoint.name)

    def __str__(self) -> str:
        return f"<call {self.method} {self.path}>"

    def __repr__(self) -> str:
        return call_text(self)

    def _repr_html_(self) -> str:
        return call_html(self)


def call_of(node: Node[Any], name: str) -> Any:
    """Return the call of a node that its class declares under a name."""
    return inspect.getattr_static(type(node), name).__get__(node, type(node))
