"""Nodes of a resource tree, and the calls that are its leaves.

An endpoint is described once, by a method of its node that is a flow. That one description
gives the blocking call, the awaited call, their types, the URL, the place in the printed tree
and the documentation.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import cached_property, partial
from types import GenericAlias
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    cast,
    get_origin,
    overload,
)

from grad300_sdk.engine.branches import branch
from grad300_sdk.engine.curl import curl
from grad300_sdk.engine.flow import (
    Flow,
    ItemsFlow,
    Send,
    first_response,
    first_send,
)
from grad300_sdk.engine.parameters import signature
from grad300_sdk.engine.sender import Sender
from grad300_sdk.engine.template import Template, compiled, nearest

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.client import Root
    from grad300_sdk.engine.tree import Tree

__all__ = [
    "Awaiting",
    "Blocking",
    "Call",
    "Mode",
    "Node",
    "child",
    "endpoint",
    "iterator",
]

T = TypeVar("T")
N = TypeVar("N", bound="Node[Any]")
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


class _Misspelt:
    """A ``__getattr__`` of instances alone: IPython looks into what has none in its class."""

    def __get__(self, thing: _Helpful | None, owner: type) -> Callable[[str], Any]:
        if thing is None:
            raise AttributeError("a class has no __getattr__", name="__getattr__")
        return partial(_missing, thing)


def _missing(thing: _Helpful, name: str) -> Any:
    if isinstance(getattr(type(thing), name, None), property):
        return object.__getattribute__(thing, name)  # it says itself what it lacks
    hint = "" if name.startswith("_") else nearest(name, dir(thing))
    # With a name, Python does not add a guess of its own.
    raise AttributeError(f"{type(thing).__name__!r} has no attribute {name!r}{hint}", name=name)


class _Helpful:
    """Completes to what is of use, and answers a misspelt name with the nearest one."""

    _not_shown: ClassVar[frozenset[str]] = frozenset()

    def __dir__(self) -> list[str]:
        return [n for n in super().__dir__() if not n.startswith("_") and n not in self._not_shown]

    if not TYPE_CHECKING:  # a type checker must still see a misspelt name
        __getattr__ = _Misspelt()


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

    @property
    def client(self) -> Root[M]:
        """The client whose tree this node is in."""
        if self.parent is None:
            raise AttributeError(f"{self} stands alone: it is in no client's tree")
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

    def tree(self) -> Tree:
        """Give all calls from here on: how they are written, and what they send."""
        from grad300_sdk.engine.tree import Tree  # it needs this module

        return Tree(self)

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    def __repr__(self) -> str:
        from grad300_sdk.engine import presentation  # it needs this module

        return presentation.node_text(self)

    def _repr_html_(self) -> str:
        from grad300_sdk.engine import presentation

        return presentation.node_html(self)


def child(node_class: Callable[[Node[M]], N], /) -> N:
    """Declare a node below another one: ``files = child(Files[M])``.

    Parameters
    ----------
    node_class : type
        The class of the node below, whose template has no variables.

    Returns
    -------
    Node
        To a type checker; it is a property that gives such a node.

    Raises
    ------
    TypeError
        If the template of the class has variables.

    Examples
    --------
    >>> from grad300_sdk.engine import M, Node, child
    >>> class Files(Node[M], template="{+parent}/files"): ...
    >>> class Event(Node[M], template="{+parent}/{name}"):
    ...     name: str
    ...     files = child(Files[M])
    >>> Event(None, name="G1").files.path
    '/G1/files'
    """
    cls: Any = get_origin(node_class) or node_class
    if cls._template.names:
        names = ", ".join(cls._template.names)
        raise TypeError(
            f"{cls.__name__} needs {names}: write a method that takes it, or a property"
        )

    def make(node: Node[M]) -> N:
        return node_class(node)

    make.__annotations__["return"] = node_class  # which the tree is drawn from
    make.__doc__ = cls.__doc__
    result: Any = branch(make)
    return cast("N", result)


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


class Call(_Helpful, Generic[P, F, R, X]):
    """A call of a node: calling it sends its request, and it can be looked at without that.

    Calling `request`, `response` or `curl` takes, and checks, the arguments of the call itself.
    """

    if not TYPE_CHECKING:
        __doc__ = _CallDoc(__doc__)

    def __init__(self, node: Node[Any], endpoint: _Endpoint[Any, Any]) -> None:
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
        return _call_of, (self.node, self._endpoint.name)

    def __str__(self) -> str:
        return f"<call {self.method} {self.path}>"

    def __repr__(self) -> str:
        from grad300_sdk.engine import presentation

        return presentation.call_text(self)

    def _repr_html_(self) -> str:
        from grad300_sdk.engine import presentation

        return presentation.call_html(self)


def _call_of(node: Node[Any], name: str) -> Any:
    return inspect.getattr_static(type(node), name).__get__(node, type(node))


class _Annotation(str):
    """The text of an annotation; a signature shows it without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


class _Endpoint(Generic[P, F]):
    """What an endpoint and its many-items twin have in common."""

    gives_items = False

    def __init__(
        self,
        method: str,
        suffix: str,
        function: Callable[Concatenate[Any, Sender, P], F],
        each: tuple[str, ...],
    ) -> None:
        self.method = method
        self.suffix = suffix
        self.function = function
        self._template = _checked_suffix(function, suffix, each)
        self._each = each
        self.name = function.__name__
        self.__doc__ = function.__doc__

    def expand(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Give the suffix with these arguments of the call in it."""
        if not self._reads_arguments:
            return self.suffix
        arguments = self._parameters.bind(None, None, *args, **kwargs).arguments
        values = {name: arguments.get(name) for name in self._template.names}
        return self.suffix if self._each else self._template.expand(values)

    @cached_property
    def _reads_arguments(self) -> bool:
        kinds = {p.kind for p in inspect.signature(self.function).parameters.values()}
        return bool(self._template.names) or inspect.Parameter.VAR_KEYWORD in kinds

    @cached_property
    def _parameters(self) -> inspect.Signature:
        return signature(self.function)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, node: Node[Any], /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Call it as a method of a node, looked up in its class."""
        call: Call[P, F, Any, Any] = Call(node, self)
        return call(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return self.signature(bound=False)

    def signature(self, *, bound: bool, awaited: bool = False) -> inspect.Signature:
        """Give the signature as a user sees it: of a blocking client, or of an awaiting one."""
        signature = self._parameters
        own, _, *others = signature.parameters.values()
        gives = re.fullmatch(r"(Items)?Flow\[(.*)\]", str(signature.return_annotation))
        result: Any = signature.return_annotation
        if gives is not None:
            wraps = f"{'Async' * awaited}Iterator" if gives[1] else "Awaitable" * awaited
            result = f"{wraps}[{gives[2]}]" if wraps else gives[2]
        parameters = [
            parameter.replace(annotation=self._plain(parameter.annotation))
            for parameter in (others if bound else [own, *others])
        ]
        return signature.replace(parameters=parameters, return_annotation=self._plain(result))

    def _plain(self, annotation: Any) -> Any:
        """Give an annotation without quotes, and with what a name like ``Row`` stands for."""
        if not isinstance(annotation, str):
            return annotation

        def written(name: re.Match[str]) -> str:
            value = self.function.__globals__.get(name[0])
            is_alias = type(value) is GenericAlias
            return str(value).replace("typing.", "") if is_alias else name[0]

        return _Annotation(re.sub(r"\w+", written, annotation))


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
    method: str, suffix: str = "", *, each: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[Any, Sender, P], Flow[T]]], Endpoint[P, T]]:
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

    def decorate(function: Callable[Concatenate[Any, Sender, P], Flow[T]]) -> Endpoint[P, T]:
        return Endpoint(method, suffix, function, each)

    return decorate


def iterator(
    method: str, suffix: str = "", *, each: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[Any, Sender, P], ItemsFlow[T]]], ItemsEndpoint[P, T]]:
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

    def decorate(
        function: Callable[Concatenate[Any, Sender, P], ItemsFlow[T]],
    ) -> ItemsEndpoint[P, T]:
        return ItemsEndpoint(method, suffix, function, each)

    return decorate
