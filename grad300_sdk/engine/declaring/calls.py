"""Calls: the leaves of a tree, which send requests and can be inspected before."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from ..exploring.explorable import CallDoc, ExplorableCall
from ..exploring.preview import first_response, first_send
from ..flow import Send
from ..tracebacks import short_tracebacks
from .nodes import Node, RootNode

if TYPE_CHECKING:
    import httpx

__all__ = ["Call", "call_of"]

P = ParamSpec("P")
F = TypeVar("F")  # the flow of a call
R = TypeVar("R")  # what a call returns: T, or a coroutine or an iterator of T
X = TypeVar("X")  # what its `response` returns: httpx.Response, or a coroutine of it


class Call(ExplorableCall, Generic[P, F, R, X]):
    """A call of a node, which sends a request and can be inspected before.

    `request`, `response` and `curl` take and check the arguments of the call itself.
    """

    if not TYPE_CHECKING:
        __doc__ = CallDoc(__doc__)
    node: Node[Any]

    @property
    def client(self) -> RootNode[Any]:
        """The client that sends the request."""
        return self.node.client

    def flow(self, *args: P.args, **kwargs: P.kwargs) -> F:
        """Return the call's flow, for use in another flow.

        Parameters
        ----------
        *args, **kwargs
            The arguments of the call.

        Returns
        -------
        Flow or ItemsFlow
            The flow, to be continued by ``yield from``.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, as the call itself would raise it.
        """
        with short_tracebacks:
            return cast("F", self._endpoint.flow(self.node, *args, **kwargs))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Send the request, or the requests, and return the result."""
        with short_tracebacks:
            driver = self.client.driver
            flow = self._endpoint.flow(self.node, *args, **kwargs)
            if self._endpoint.yields_items:
                return cast("R", driver.iterate(flow, self))
            return cast("R", driver.run(flow))

    def request(self, *args: P.args, **kwargs: P.kwargs) -> httpx.Request:
        """Return the (first) request of this call, unsent and without credentials.

        Parameters
        ----------
        *args, **kwargs
            The arguments of the call.

        Returns
        -------
        httpx.Request
            The request.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, as the call itself would raise it.
        """
        with short_tracebacks:
            return self.client.session.preview(self._first(*args, **kwargs))

    def response(self, *args: P.args, **kwargs: P.kwargs) -> X:
        """Send the (first) request of this call and return the response itself.

        Parameters
        ----------
        *args, **kwargs
            The arguments of the call.

        Returns
        -------
        httpx.Response
            The response, read; awaited with an asynchronous client.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, as the call itself would raise it.
        Error
            If the server answers with an error status, or the network fails.
        """
        with short_tracebacks:
            flow = self._endpoint.flow(self.node, *args, **kwargs)
            return cast("X", self.client.driver.run(first_response(flow)))

    def curl(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return a curl command that sends the same request, without any secret.

        Parameters
        ----------
        *args, **kwargs
            The arguments of the call.

        Returns
        -------
        str
            The command, to be pasted into a shell; variables stand for what is left out.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong, as the call itself would raise it.
        """
        from ..exploring.curl import curl  # seldom needed

        with short_tracebacks:
            return curl(self.client.session, self._first(*args, **kwargs))

    def _first(self, *args: P.args, **kwargs: P.kwargs) -> Send:
        return first_send(self._endpoint.flow(self.node, *args, **kwargs))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call):
            return NotImplemented
        return self.node == other.node and self._endpoint is other._endpoint

    def __hash__(self) -> int:
        return hash((self.node, self.method, self.path))

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return *self.node.__dask_tokenize__(), self._endpoint.name

    def __reduce__(self) -> tuple[Any, ...]:
        return call_of, (self.node, self._endpoint.name)


def call_of(node: Node[Any], name: str) -> Any:
    """Return the call of a node that its class declares under a name."""
    return inspect.getattr_static(type(node), name).__get__(node, type(node))
