"""A clock that a test sets."""

from __future__ import annotations


class Clock:
    """Returns a time that goes on by `step` seconds each time it is read."""

    def __init__(self, step: float = 1.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now
