"""Nodes of a resource tree, and the calls that are its leaves.

An endpoint is described once, by a method of its node that is a flow. That one description
gives the blocking call, the awaited call, their types, the URL, the place in the printed tree
and the documentation.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from grad300_sdk.engine.body import decode_json
from grad300_sdk.engine.curl import curl
from grad300_sdk.engine.flow import Chunks, Flow, ItemsFlow, Send, Sink, first_response
from grad300_sdk.engine.template import Template, compiled, nearest

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.client import Root
    from grad300_sdk.engine.errors import APIError

__all__ = ["Awaiting", "Blocking", "Call", "Mode", "Node", "Sender", "endpoint", "iterator"]

T = TypeVar("T")
P = ParamSpec("P")
F = TypeVar("F")  # the flow of a call
R = TypeVar("R")  # what a call gives: T, or a coroutine or an iterator of T
X = TypeVar("X")  # what its `response` gives: httpx.Response, or a coroutine of it


class Mode:
    """How the calls of a tree are made."""


class Blocking(Mode):
    """A call returns its result."""


class Awaiting(Mode):
    """A call is awaited."""


M = TypeVar("M", bound=Mode)


class SendOptions(TypedDict, total=False):
    """What an endpoint may say of its request; see `Send`."""

    method: str
    path: str
    params: Mapping[str, Any] | None
    json: Any
    data: Mapping[str, Any] | None
    files: Any
    content: bytes | str | None
    headers: Mapping[str, str] | None
    anonymous: bool
    secrets: tuple[str, ...]
    errors: Mapping[int, type[APIError]]
    timeout: float | None
    sink: Sink | None
    expects_json: bool


class Sender:
    """Sends the requests of one call: its method and its path are known already.

    Each method but `chunks` is a flow, for ``yield from``.
    """

    __slots__ = ("_defaults",)

    def __init__(self, method: str, path: str) -> None:
        self._defaults: dict[str, Any] = {"method": method, "path": path}

    def response(self, **options: Unpack[SendOptions]) -> Flow[httpx.Response]:
        """Send a request and give the response."""
        response: httpx.Response = yield Send(**{**self._defaults, **options})
        return response

    def content(self, **options: Unpack[SendOptions]) -> Flow[bytes]:
        """Send a request and give the bytes of the answer, as they came."""
        response = yield from self.response(**options)
        return response.content

    def chunks(self, **options: Unpack[SendOptions]) -> Chunks:
        """Give the effect that sends a request and hands over its body piece by piece."""
        return Chunks(Send(**{**self._defaults, **options}))

    def json(self, kind: type[T], **options: Unpack[SendOptions]) -> Flow[T]:
        """Send a request and give the JSON of the answer, which must be of a kind.

        Parameters
        ----------
        kind : type
            What the JSON must be, as msgspec understands types: ``list[Any]``, for one.
        **options
            The parts of the request, as `Send` has them.

        Raises
        ------
        DecodeError
            If the answer is not JSON of that kind.
        """
        options_ = {**self._defaults, **options, "expects_json": True}
        response = yield Send(**options_)
        result: T = decode_json(response, kind, secret=bool(options.get("secrets")))
        return result


class _Helpful:
    """Answers a misspelt name with the nearest one."""

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]

    if not TYPE_CHECKING:  # a type checker must still see a misspelt name

        def __getattr__(self, name: str) -> Any:
            if isinstance(getattr(type(self), name, None), property):
                return object.__getattribute__(self, name)  # it says itself what it lacks
            hint = "" if name.startswith("_") else nearest(name, dir(self))
            # With a name, Python does not add a guess of its own.
            message = f"{type(self).__name__!r} has no attribute {name!r}{hint}"
            raise AttributeError(message, name=name)


class Node(_Helpful, Generic[M]):
    """One piece of the URL hierarchy.

    A class of nodes says in its `template` how its path continues its parent's, and annotates
    the variables in it::

        class Users(Node[M], template="{+parent}/users"): ...

        class User(Node[M], template="{+parent}/{user_id}"):
            user_id: str

    Parameters
    ----------
    parent : Node or None
        The node above; None for a root.
    **variables
        A value for each variable of the template.
    """

    _template: ClassVar[Template] = compiled("")

    def __init_subclass__(cls, *, template: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if template is not None:
            cls._template = _checked_template(cls, template)

    def __init__(self, parent: Node[M] | None, /, **variables: object) -> None:
        self.parent = parent
        self.__dict__.update(variables)
        self._segment = self._template.expand(variables)
        call = vars(type(self)).get("__call__")
        if isinstance(call, _Endpoint):  # `inspect` would not look for it in a descriptor
            self.__signature__ = call.signature(bound=True)

    @property
    def client(self) -> Root[M]:
        """The client whose tree this node is in."""
        if self.parent is None:
            raise AttributeError(f"{self!r} stands alone: it is in no client's tree")
        return self.parent.client

    @property
    def path(self) -> str:
        """The path below the client's `base_api_url`, expanded and percent-encoded."""
        return ("" if self.parent is None else self.parent.path) + self._segment

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        return ("" if self.parent is None else self.parent.template) + self._template.text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str | None, str]:
        return (None if self.parent is None else self.client.base_api_url), self.path

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"


def _checked_template(cls: type, text: str) -> Template:
    prefix = "{+parent}"
    if not text.startswith(prefix):
        raise TypeError(f"{cls.__name__}: template {text!r} must begin with '{prefix}'")
    try:
        template = compiled(text.removeprefix(prefix))
    except ValueError as error:
        raise TypeError(f"{cls.__name__}: {error}") from None
    declared = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
    for name in template.names:
        if hasattr(Node, name) or name == "parent":
            raise TypeError(
                f"{cls.__name__}: a variable can't be called {name!r}, as nodes have one"
            )
        if name not in declared:
            raise TypeError(
                f"{cls.__name__}: template {text!r} has the unknown variable {name!r}; "
                f"annotate it in the class{nearest(name, declared)}"
            )
    return template


class Call(_Helpful, Generic[P, F, R, X]):
    """A call of a node: calling it sends its request, and it can be looked at without that.

    Calling `request`, `response` or `curl` takes, and checks, the arguments of the call itself.
    """

    def __init__(self, node: Node[Any], endpoint: _Endpoint[Any, Any]) -> None:
        self.node = node
        self._endpoint = endpoint
        self.__doc__ = endpoint.__doc__

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self._endpoint.method

    @property
    def path(self) -> str:
        """The path below the client's `base_api_url`, expanded and percent-encoded."""
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
        send = Sender(self.method, self.path)
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
        try:
            first = next(flow)
        finally:
            flow.close()
        first = first.send if isinstance(first, Chunks) else first
        assert isinstance(first, Send), "a call's first effect is its own request"
        return first

    @property
    def __name__(self) -> str:
        return self._endpoint.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self._endpoint.signature(bound=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call):
            return NotImplemented
        return self.node == other.node and self._endpoint is other._endpoint

    def __hash__(self) -> int:
        return hash((self.node, self.method, self.path))

    def __reduce__(self) -> tuple[Any, ...]:
        return _call_of, (self.node, self._endpoint.name)

    def __repr__(self) -> str:
        return f"<call {self.method} {self.path}>"


def _call_of(node: Node[Any], name: str) -> Any:
    return inspect.getattr_static(type(node), name).__get__(node, type(node))


class _Endpoint(Generic[P, F]):
    """What an endpoint and its many-items twin have in common."""

    gives_items = False

    def __init__(
        self, method: str, suffix: str, function: Callable[Concatenate[Any, Sender, P], F]
    ) -> None:
        self.method = method
        self.suffix = suffix
        self.function = function
        self.name = function.__name__
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __call__(self, node: Node[Any], /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call it as a method of a node, looked up in its class."""
        call: Call[P, F, Any, Any] = Call(node, self)
        return call(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return self.signature(bound=False)

    def signature(self, *, bound: bool) -> inspect.Signature:
        """Give the signature as the user of a blocking client sees it."""
        signature = inspect.signature(self.function)
        own, _, *others = signature.parameters.values()
        gives = re.fullmatch(r"(Items)?Flow\[(.*)\]", str(signature.return_annotation))
        result: Any = signature.return_annotation
        if gives is not None:
            result = f"Iterator[{gives[2]}]" if gives[1] else gives[2]
        return signature.replace(
            parameters=others if bound else [own, *others], return_annotation=result
        )


class Endpoint(_Endpoint[P, Flow[T]]):
    """An endpoint whose call gives one result."""

    @overload
    def __get__(self, node: None, owner: type, /) -> Endpoint[P, T]: ...
    @overload
    def __get__(
        self, node: Node[Blocking], owner: type, /
    ) -> Call[P, Flow[T], T, httpx.Response]: ...
    @overload
    def __get__(
        self, node: Node[Awaiting], owner: type, /
    ) -> Call[P, Flow[T], Coroutine[Any, Any, T], Coroutine[Any, Any, httpx.Response]]: ...
    @overload  # within a tree, where the mode is not known
    def __get__(self, node: Node[Any], owner: type, /) -> Call[P, Flow[T], Any, Any]: ...
    def __get__(self, node: Node[Any] | None, owner: type, /) -> Any:
        return self if node is None else Call(node, self)


class ItemsEndpoint(_Endpoint[P, ItemsFlow[T]]):
    """An endpoint whose call gives an iterator."""

    gives_items = True

    @overload
    def __get__(self, node: None, owner: type, /) -> ItemsEndpoint[P, T]: ...
    @overload
    def __get__(
        self, node: Node[Blocking], owner: type, /
    ) -> Call[P, ItemsFlow[T], Iterator[T], httpx.Response]: ...
    @overload
    def __get__(
        self, node: Node[Awaiting], owner: type, /
    ) -> Call[P, ItemsFlow[T], AsyncIterator[T], Coroutine[Any, Any, httpx.Response]]: ...
    @overload  # within a tree, where the mode is not known
    def __get__(self, node: Node[Any], owner: type, /) -> Call[P, ItemsFlow[T], Any, Any]: ...
    def __get__(self, node: Node[Any] | None, owner: type, /) -> Any:
        return self if node is None else Call(node, self)


def endpoint(
    method: str, suffix: str = ""
) -> Callable[[Callable[Concatenate[Any, Sender, P], Flow[T]]], Endpoint[P, T]]:
    """Declare a call that gives one result.

    Parameters
    ----------
    method : str
        The HTTP method.
    suffix : str
        What the call's path has after its node's.

    Returns
    -------
    callable
        A decorator for a method of a `Node` that is a flow; its second parameter is the `Sender`.
    """

    def decorate(function: Callable[Concatenate[Any, Sender, P], Flow[T]]) -> Endpoint[P, T]:
        return Endpoint(method, suffix, function)

    return decorate


def iterator(
    method: str, suffix: str = ""
) -> Callable[[Callable[Concatenate[Any, Sender, P], ItemsFlow[T]]], ItemsEndpoint[P, T]]:
    """Declare a call that gives an iterator; its flow yields `Items`.

    Parameters and what is returned are as for `endpoint`.
    """

    def decorate(
        function: Callable[Concatenate[Any, Sender, P], ItemsFlow[T]],
    ) -> ItemsEndpoint[P, T]:
        return ItemsEndpoint(method, suffix, function)

    return decorate
