"""Calls: the leaves of a tree, each of which sends a request, and can be looked at before."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar

from grad300_sdk.engine.curl import curl
from grad300_sdk.engine.flow import Send, first_response, first_send
from grad300_sdk.engine.helpful import Helpful
from grad300_sdk.engine.sender import Sender

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.client import Root
    from grad300_sdk.engine.endpoints import Endpoint
    from grad300_sdk.engine.node import Node

__all__ = ["Call", "call_of"]

P = ParamSpec("P")
F = TypeVar("F")  # the flow of a call
R = TypeVar("R")  # what a call gives: T, or a coroutine or an iterator of T
X = TypeVar("X")  # what its `response` gives: httpx.Response, or a coroutine of it


class _CallDoc:
    """A call's docstring: its endpoint's, and the request that it sends if that is not said."""

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
    """A call of a node: calling it sends its request, and it can be looked at without that.

    Calling `request`, `response` or `curl` takes, and checks, the arguments of the call itself.
    """

    if not TYPE_CHECKING:
        __doc__ = _CallDoc(__doc__)

    def __init__(self, node: Node[Any], endpoint: Endpoint[Any, Any, Any, Any]) -> None:
        self.node = node
        self._endpoint = endpoint

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self._endpoint.method

    @property
    def path(self) -> str:
        """The path below the client's `base_api_url`, expanded and percent-encoded.

        What the call's own arguments say of it is still a variable: ``/books/1/tags/{tag}``.
        """
        return self.node.path + self._endpoint.suffix

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        return self.node.template + self._endpoint.suffix

    @property
    def client(self) -> Root[Any]:
        """The client that sends the request."""
        return self.node.client

    def flow(self, *args: P.args, **kwargs: P.kwargs) -> F:
        """Give the call's flow, for use in another flow."""
        send = Sender(self.method, self.node.path + self._endpoint.expand(*args, **kwargs))
        flow: F = self._endpoint.function(self.node, send, *args, **kwargs)
        return flow

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Send the request, or the requests, and give what comes of it."""
        flow: Any = self.flow(*args, **kwargs)
        driver = self.client.driver
        result: R = driver.iterate(flow) if self._endpoint.gives_items else driver.run(flow)
        return result

    def request(self, *args: P.args, **kwargs: P.kwargs) -> httpx.Request:
        """Make the (first) request of this call, unsent and without credentials."""
        return self.client.session.show(self._first(*args, **kwargs))

    def response(self, *args: P.args, **kwargs: P.kwargs) -> X:
        """Send the (first) request of this call and give the response itself."""
        flow: Any = self.flow(*args, **kwargs)
        result: X = self.client.driver.run(first_response(flow))
        return result

    def curl(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Give a command for a shell that sends the same, each secret left out."""
        return curl(self.client.session, self._first(*args, **kwargs))

    def _first(self, *args: P.args, **kwargs: P.kwargs) -> Send:
        flow: Any = self.flow(*args, **kwargs)
        return first_send(flow)

    @property
    def __name__(self) -> str:
        return self._endpoint.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self._endpoint.signature(bound=True, awaited=self._awaits)

    def __get__(self, thing: object, owner: type | None = None) -> Self:
        """Give the call itself; `help` shows what has a ``__get__`` as it shows a method."""
        return self

    @property
    def _awaits(self) -> bool:
        return getattr(getattr(self.node, "client", None), "_awaits", False)

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
        from grad300_sdk.engine import presentation

        return presentation.call_text(self)

    def _repr_html_(self) -> str:
        from grad300_sdk.engine import presentation

        return presentation.call_html(self)


def call_of(node: Node[Any], name: str) -> Any:
    """Give the call of a node that its class declares under a name."""
    return inspect.getattr_static(type(node), name).__get__(node, type(node))
