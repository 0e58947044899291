"""Names that complete to what is of use, and misspelt ones that are answered with the nearest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from grad300_sdk.engine.template import nearest

__all__ = ["Helpful"]


class _Misspelt:
    """A ``__getattr__`` of instances alone: IPython looks into what has none in its class."""

    def __get__(self, thing: Helpful | None, owner: type) -> Callable[[str], Any]:
        if thing is None:
            raise AttributeError("a class has no __getattr__", name="__getattr__")
        return partial(_missing, thing)


class Helpful:
    """Completes to what is of use, and answers a misspelt name with the nearest one."""

    _not_shown: ClassVar[frozenset[str]] = frozenset()

    def __dir__(self) -> list[str]:
        return [n for n in super().__dir__() if not n.startswith("_") and n not in self._not_shown]

    if not TYPE_CHECKING:  # a type checker must still see a misspelt name
        __getattr__ = _Misspelt()


def _missing(thing: Helpful, name: str) -> Any:
    if isinstance(getattr(type(thing), name, None), property):
        return object.__getattribute__(thing, name)  # it says itself what it lacks
    hint = "" if name.startswith("_") else nearest(name, dir(thing))
    # With a name, Python does not add a guess of its own.
    raise AttributeError(f"{type(thing).__name__!r} has no attribute {name!r}{hint}", name=name)
