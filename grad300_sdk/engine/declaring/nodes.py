"""Nodes: the pieces of the URL hierarchy that a tree is made of."""

from __future__ import annotations

import inspect
import operator
import pickle
from collections.abc import Callable, Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Never,
    Self,
    SupportsIndex,
    TypeVar,
    get_args,
    get_origin,
    overload,
)

from ..exploring.branches import Member
from ..exploring.explorable import Declaration, ExplorableNode, members_below
from ..template import Template, compiled
from ..text import nearest
from ..tracebacks import short_tracebacks

if TYPE_CHECKING:
    from ..network.driver import AsyncDriver, SyncDriver
    from ..sending.session import Session

__all__ = [
    "Async",
    "M",
    "Mode",
    "Node",
    "RootNode",
    "Sync",
    "branch",
    "child",
    "mode_of",
]


class Mode:
    """The way in which the calls of a tree are made."""

    is_awaited = False


class Sync(Mode):
    """A call returns its result."""


class Async(Mode):
    """A call is awaited."""

    is_awaited = True


M = TypeVar("M", bound=Mode)
N = TypeVar("N", bound="Node[Any]")
T_co = TypeVar("T_co", covariant=True)

# The attributes that the engine needs of each node.
_RESERVED = {"client", "parent", "path", "template"}


def _check_attributes(cls: type[Node[Any]]) -> None:
    for name, value in vars(cls).items():
        if name in _RESERVED and isinstance(value, Declaration):
            raise TypeError(
                f"{cls.__name__}: no call and no node below can be called {name!r}, "
                "as nodes have something of that name"
            )
        origin = get_origin(value) or value
        is_node_class = inspect.isclass(origin) and issubclass(origin, Node)
        if is_node_class and value.__name__ != name:  # a class may be nested in another
            raise TypeError(f"{cls.__name__}.{name}: write {name} = child({origin.__name__}[M])")


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


class Node(ExplorableNode, Generic[M]):
    """One piece of the URL hierarchy.

    A class of nodes has a `template`, which continues its parent's path, and annotates the
    variables in it::

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

    _mirrors_url = False
    _template = compiled("")

    def __init_subclass__(cls, *, template: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_attributes(cls)
        if template is not None:
            cls._template = _checked_template(cls, template)

    def __init__(self, parent: Node[M] | None, /, **variables: object) -> None:
        self.parent = parent
        self.__dict__.update(variables)
        with short_tracebacks:
            self._segment = self._template.expand(variables)

    @property
    def client(self) -> RootNode[M]:
        """The client whose tree this node is in."""
        if self.parent is None:
            raise AttributeError(f"{self} does not belong to a client")
        client: RootNode[M] = self.parent.client
        return client

    @property
    def path(self) -> str:
        """The path below the client's ``base_api_url``, expanded and percent-encoded."""
        return ("" if self.parent is None else self.parent.path) + self._segment

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        return ("" if self.parent is None else self.parent.template) + self._template.text

    @property
    def _variables(self) -> dict[str, Any]:
        """The values of the template's variables, from the root down to this node."""
        above = {} if self.parent is None else self.parent._variables
        return above | self._own_variables()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __dask_tokenize__(self) -> tuple[object, ...]:
        """Return what Dask makes a key of: equal nodes have the same one in every process."""
        return "Node", *self._identity()

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # joblib hashes what it pickles with protocol 3; nothing else uses one before 4 by default.
        if operator.index(protocol) < 4:
            return _refuse_to_unpickle, self.__dask_tokenize__()
        return super().__reduce_ex__(protocol)

    def _identity(self) -> tuple[str | None, str]:
        return (None if self.parent is None else self.client.base_api_url), self.path


def _refuse_to_unpickle(*identity: object) -> Never:
    """Raise an error: what joblib hashes of a node says which one it is, and nothing else."""
    raise pickle.UnpicklingError("a node must be pickled with protocol 4 or later")


class RootNode(Node[M]):
    """The node at the top of a tree, which sends the requests of all others.

    Attributes
    ----------
    session : Session
        What the requests of the client share.
    driver : Driver
        What sends them.
    """

    session: Session
    driver: SyncDriver | AsyncDriver
    _mode: ClassVar[type[Mode]] = Mode  # Sync or Async
    _mirrors_url = False

    @property
    def client(self) -> Self:
        """The client itself."""
        return self

    @property
    def base_api_url(self) -> str:
        """The URL below which the tree stands, without a trailing slash."""
        return self.session.requests.base_url

    @property
    def max_connections(self) -> int:
        """The maximum number of simultaneous connections."""
        return self.driver.network.options.max_connections

    @property
    def _place(self) -> str:
        return self.base_api_url

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return "Node", self.base_api_url, ""


class branch(Declaration, Generic[T_co]):
    """Declare the node below another, as a property does.

    IPython does not evaluate a property for completion, since it may do anything. It does evaluate
    this, and so finds the keys in ``client.scans["``.

    Parameters
    ----------
    make : callable
        A method that makes the node.
    """

    def __init__(self, make: Callable[[Any], T_co]) -> None:
        self._make = make  # hidden: completion by types shows it among the node's names
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, node: None, owner: type, /) -> Self: ...
    @overload
    def __get__(self, node: Node[Any], owner: type, /) -> T_co: ...
    def __get__(self, node: Node[Any] | None, owner: type, /) -> Self | T_co:
        return self if node is None else self._make(node)

    def __set__(self, node: Node[Any], value: Never, /) -> None:
        raise AttributeError(f"{self._name!r} of {node} can't be set")

    def _members(self, name: str) -> Iterator[Member]:
        """Yield the node below."""
        return members_below(f".{name}", "", self._make)


def child(node_class: Callable[[Node[M]], N], /) -> branch[N]:
    """Declare a node below another one: ``files = child(Files[M])``.

    Parameters
    ----------
    node_class : type
        The class of the node below, whose template has no variables.

    Returns
    -------
    branch
        A property that returns such a node.

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
    return branch(make)


def mode_of(cls: type[Node[Any]]) -> type[Mode] | None:
    """Return the mode that a class is declared with: ``Sync`` for ``Archive[Sync]``."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        for argument in get_args(base):
            if inspect.isclass(argument) and issubclass(argument, Mode):
                return argument
    return None
