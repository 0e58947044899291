"""What a user sees of nodes and calls: their names, members, signatures and documentation."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from types import SimpleNamespace, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NoReturn,
    Protocol,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ..template import Template
from .branches import Member, summary
from .completion import Helpful
from .html import argument_names, call_html, call_text, node_html, node_text
from .tree import Tree

__all__ = [
    "CallDoc",
    "Declaration",
    "Described",
    "ExplorableCall",
    "ExplorableNode",
    "members_below",
]


class Declaration:
    """What a class of nodes declares by an attribute: a call, or a node below."""

    def _members(self, name: str) -> Iterator[Member]:
        """Return the members that this attribute gives its class."""
        return iter(())


class ExplorableNode(Helpful):
    """A node as a user sees it."""

    parent: Any
    # False in a class whose own attributes mirror no URL, and are not drawn.
    _mirrors_url: ClassVar[bool] = False
    _template: ClassVar[Template]

    @property
    @abstractmethod
    def path(self) -> str:
        """The path below the client's ``base_api_url``, expanded and percent-encoded."""

    @property
    @abstractmethod
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""

    @property
    def _place(self) -> str:
        """Where the node is, as it is shown."""
        return self.path

    def _own_variables(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._template.names}

    @classmethod
    def _members(cls) -> Iterator[Member]:
        """Yield the calls and the nodes below, in the order of their declaration."""
        declared: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            if vars(base).get("_mirrors_url", True):
                declared.update(vars(base))
        for name, value in declared.items():
            if isinstance(value, Declaration):
                yield from value._members(name)
            elif name == "__getitem__":
                key = list(inspect.signature(value).parameters)[1]
                yield from members_below("", f"[{key}]", value)
            elif isinstance(value, property) and value.fget is not None:
                yield from members_below(f".{name}", "", value.fget)
            elif inspect.isfunction(value) and not name.startswith("_"):
                _, *names = argument_names(inspect.signature(value))
                yield from members_below(f".{name}", f"({', '.join(names)})", value)

    def _python_path(self) -> str:
        """Return how the node is written in Python: ``client.scans['TPI'][42]``."""
        if self.parent is None:
            return "client"
        above = self.parent._python_path()
        values = {
            name: value.value if isinstance(value, Enum) else value
            for name, value in self._own_variables().items()
        }
        for member in self.parent._members():
            if member.node_class is type(self):
                arguments = ", ".join(map(repr, values.values()))
                brackets = f"{member.arguments[:1]}{arguments}{member.arguments[-1:]}"
                return f"{above}{member.accessor}{brackets}"
        arguments = "".join(f", {name}={value!r}" for name, value in values.items())
        return f"{type(self).__name__}({above}{arguments})"

    def _hint(self, name: str) -> str:
        """Return a hint to what a child has, to a similar name, or to a key: ``scans['TPI']``."""
        for member in self._members():
            child = member.node_class
            if child is not None and not member.arguments and name in dir(child):
                return f"; did you mean '{member.accessor[1:]}.{name}'?"
        return super()._hint(name) or _key_hint(self, name)

    def tree(self) -> Tree:
        """Return the tree of all calls below this node."""
        return Tree(self)

    if not TYPE_CHECKING:  # a type checker knows that a node has neither

        def __iter__(self) -> NoReturn:  # without it, Python would ask for [0], [1], [2] ...
            raise TypeError(f"{self} is on the server{_alternative(type(self))}")

        def __contains__(self, item: object) -> NoReturn:
            iter(self)

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self._place}>"

    def __repr__(self) -> str:
        return node_text(self, self._place)

    def _repr_html_(self) -> str:
        return node_html(self, self._place)


def _key_hint(node: Any, name: str) -> str:
    with suppress(KeyError, TypeError, ValueError):
        node[name]
        return f"; did you mean [{name!r}]?"
    return ""


def _alternative(cls: type[Any]) -> str:
    """Return the end of a message that names what to iterate over instead of a node."""
    calls = [f"{n}()" for n in dir(cls) if getattr(getattr(cls, n, None), "yields_items", False)]
    return f"; use its {' or '.join(calls)} to iterate" if calls else ", and is not a list"


def members_below(accessor: str, arguments: str, function: Any) -> Iterator[Member]:
    """Yield a member for each class of nodes that a method or a property returns."""
    for node_class in _returned_nodes(function):
        yield Member(
            accessor=accessor,
            arguments=arguments,
            suffix=node_class._template.text,
            summary=summary(node_class),
            node_class=node_class,
        )


def _returned_nodes(function: Any) -> Iterator[type[ExplorableNode]]:
    # Alone: a parameter's annotation may be known to type checkers only.
    result = SimpleNamespace(__annotations__={"return": function.__annotations__.get("return")})
    try:
        hint = get_type_hints(result, function.__globals__)["return"]
    except (AttributeError, NameError, SyntaxError, TypeError):
        return
    for kind in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        cls: Any = get_origin(kind) or kind
        if inspect.isclass(cls) and issubclass(cls, ExplorableNode):
            yield cls


class Described(Protocol):
    """The declaration of a call: an `Endpoint`, which is defined above this module."""

    method: str
    suffix: str
    name: str
    yields_items: bool

    def flow(self, node: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return the flow of a call with these arguments."""
        ...

    def signature(self, *, is_bound: bool, is_awaited: bool = False) -> inspect.Signature:
        """Return the signature as the user of a blocking or an asynchronous client sees it."""
        ...


class CallDoc:
    """The docstring of a call: its endpoint's, and the request that it sends."""

    def __init__(self, of_class: str) -> None:
        self._of_class = of_class

    def __get__(self, call: ExplorableCall | None, owner: type) -> str:
        if call is None:
            return self._of_class
        doc = inspect.cleandoc(call._endpoint.__doc__ or "")
        if "\nSends ``" in doc or not call.template:
            return doc
        return f"{doc}\n\nSends ``{call.method} {call.template}``.".strip()


class ExplorableCall(Helpful):
    """A call as a user sees it."""

    def __init__(self, node: Any, endpoint: Described) -> None:
        self.node = node
        self._endpoint = endpoint

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self._endpoint.method

    @property
    def path(self) -> str:
        """The path below the client's ``base_api_url``, expanded and percent-encoded.

        The arguments of the call are still variables in it: ``/books/1/tags/{tag}``.
        """
        return f"{self.node.path}{self._endpoint.suffix}"

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        return f"{self.node.template}{self._endpoint.suffix}"

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
        client = getattr(self.node, "client", None)  # a node may stand alone
        return client is not None and client._mode.is_awaited

    @property
    def __name__(self) -> str:
        return self._endpoint.name

    @property
    def __signature__(self) -> inspect.Signature:
        return self._endpoint.signature(is_bound=True, is_awaited=self._is_async)

    def __get__(self, thing: object, owner: type | None = None) -> Self:
        """Return the call itself; `help` shows an object with ``__get__`` as it shows a method."""
        return self

    def __str__(self) -> str:
        return f"<call {self.method} {self.path}>"

    def __repr__(self) -> str:
        return call_text(self)

    def _repr_html_(self) -> str:
        return call_html(self)
