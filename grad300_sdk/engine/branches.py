"""A node's place below another one, where IPython may look at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Never, Self, TypeVar, get_origin, overload

if TYPE_CHECKING:
    from grad300_sdk.engine.node import M, Node

__all__ = ["branch", "child"]

N = TypeVar("N", bound="Node[Any]")
T_co = TypeVar("T_co", covariant=True)


class branch(Generic[T_co]):
    """Declare the node below another, as a property does.

    IPython evaluates no property while it completes, since that may do anything. It does
    evaluate this, so that it finds the keys in ``client.scans["``.

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


def child(node_class: Callable[[Node[M]], N], /) -> branch[N]:
    """Declare a node below another one: ``files = child(Files[M])``.

    Parameters
    ----------
    node_class : type
        The class of the node below, whose template has no variables.

    Returns
    -------
    branch
        A property that gives such a node.

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
