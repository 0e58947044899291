"""Completion of useful names, and suggestions for misspelt ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ..text import nearest

__all__ = ["Helpful"]


class _Misspelt:
    """A ``__getattr__`` of instances alone: IPython completes objects whose class has none."""

    def __get__(self, instance: Helpful | None, owner: type) -> Callable[[str], Any]:
        if instance is None:
            raise AttributeError("a class has no __getattr__", name="__getattr__")
        return partial(_missing, instance)


class Helpful:
    """Completes to useful names, and suggests the nearest name for a misspelt one."""

    _hidden_names: ClassVar[frozenset[str]] = frozenset()

    def __dir__(self) -> list[str]:
        names = super().__dir__()
        return [n for n in names if not n.startswith("_") and n not in self._hidden_names]

    def _hint(self, name: str) -> str:
        """Return the end of a message that suggests what a misspelt name may mean, if anything."""
        return nearest(name, dir(self))

    if not TYPE_CHECKING:  # so that type checkers still report misspelt names
        __getattr__ = _Misspelt()


def _missing(instance: Helpful, name: str) -> Any:
    if isinstance(getattr(type(instance), name, None), property):
        return object.__getattribute__(instance, name)  # it raises its own error
    hint = "" if name.startswith("_") else instance._hint(name)
    # With a name, Python does not add a guess of its own.
    raise AttributeError(f"{type(instance).__name__!r} has no attribute {name!r}{hint}", name=name)
