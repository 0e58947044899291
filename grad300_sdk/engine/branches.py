"""A node's place below another one, where IPython may look at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Never, Self, TypeVar, overload

if TYPE_CHECKING:
    from grad300_sdk.engine.node import Node

__all__ = ["branch"]

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
        self.fget = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, node: None, owner: type, /) -> Self: ...
    @overload
    def __get__(self, node: Node[Any], owner: type, /) -> T_co: ...
    def __get__(self, node: Node[Any] | None, owner: type, /) -> Self | T_co:
        return self if node is None else self.fget(node)

    def __set__(self, node: Node[Any], value: Never, /) -> None:
        raise AttributeError(f"{self._name!r} of {node} can't be set")
