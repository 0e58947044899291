"""Nodes: the pieces of the URL hierarchy that a tree is made of."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar

from grad300_sdk.engine.branches import branch
from grad300_sdk.engine.helpful import Helpful
from grad300_sdk.engine.template import Template, compiled, nearest

if TYPE_CHECKING:
    from grad300_sdk.engine.client import Root
    from grad300_sdk.engine.tree import Tree

__all__ = ["Awaiting", "Blocking", "M", "Mode", "Node"]


class Mode:
    """How the calls of a tree are made."""


class Blocking(Mode):
    """A call returns its result."""


class Awaiting(Mode):
    """A call is awaited."""


M = TypeVar("M", bound=Mode)

# What the engine asks each node for.
_TAKEN = {"client", "parent", "path", "template"}


class Node(Helpful, Generic[M]):
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
        _check_names(cls)
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

    if not TYPE_CHECKING:  # a type checker knows that there is none

        def __iter__(self) -> NoReturn:  # without it, Python would ask for [0], [1], [2] ...
            raise TypeError(f"{self} is on the server{_instead(type(self))}")

        def __contains__(self, thing: object) -> NoReturn:
            iter(self)

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


def _instead(cls: type[Node[Any]]) -> str:
    """Say what there is to iterate over, in place of a node."""
    calls = [f"{n}()" for n in dir(cls) if getattr(getattr(cls, n, None), "gives_items", False)]
    return f"; use its {' or '.join(calls)} to iterate" if calls else ", and no list of anything"


def _check_names(cls: type[Node[Any]]) -> None:
    for name in vars(cls).keys() & _TAKEN:
        if isinstance(vars(cls)[name], branch) or hasattr(vars(cls)[name], "gives_items"):
            raise TypeError(
                f"{cls.__name__}: no call and no node below can be called {name!r}, "
                "as nodes have something of that name"
            )


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
