"""Threads that work together, and are stopped wherever they wait."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["Stop", "Stopped", "acquire", "run_together", "sleep", "watched"]

T = TypeVar("T")

# Seconds between two looks at what can't be woken.
_LOOK = 0.1

_stop: ContextVar[Stop | None] = ContextVar("stop", default=None)


class Stopped(BaseException):
    """What this thread waits for is no longer wanted."""


class Stop:
    """Ends the waits of threads that work together, wherever each of them is."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], object]] = set()

    def set(self) -> None:
        """Have the waits of these threads raise `Stopped`, those under way included."""
        with self._lock:
            self._event.set()
            for wake in self._wakers:
                with suppress(OSError):
                    wake()

    def check(self) -> None:
        """Raise `Stopped` if that was said."""
        if self._event.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def watching(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` where what is done here is no longer wanted, and raise `Stopped`."""
        with self._lock:
            self.check()
            self._wakers.add(wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakers.discard(wake)
            self.check()

    @contextmanager
    def governing(self) -> Iterator[None]:
        """End the waits of this thread, as long as this lasts."""
        token = _stop.set(self)
        try:
            yield
        finally:
            _stop.reset(token)


def watched(wake: Callable[[], object]) -> AbstractContextManager[None]:
    """Call `wake` where what this thread does here is no longer wanted."""
    stop = _stop.get()
    return nullcontext() if stop is None else stop.watching(wake)


def sleep(seconds: float) -> None:
    """Sleep, unless this thread's work is no longer wanted."""
    stop = _stop.get()
    return time.sleep(seconds) if stop is None else stop.wait(seconds)


def acquire(
    lock: threading.Lock | threading.Semaphore, timeout: float = threading.TIMEOUT_MAX
) -> bool:
    """Acquire a lock, unless this thread's work is no longer wanted."""
    stop = _stop.get()
    if stop is None:
        return lock.acquire(timeout=timeout)
    until = time.monotonic() + timeout
    while not lock.acquire(timeout=max(min(_LOOK, until - time.monotonic()), 0.0)):
        stop.check()
        if time.monotonic() >= until:
            return False
    return True


def run_together(run: Callable[[T], Any], things: Iterable[T], limit: int) -> list[Any]:
    """Run `run` on each of several things, at most `limit` at once, and give what it gives.

    The thread that calls is one of those that do it. After the first failure, or an interrupt,
    the others are stopped.
    """
    drawn, drawing = enumerate(things), threading.Lock()
    results: dict[int, Any] = {}
    failures: list[BaseException] = []
    stop = Stop()

    def fail(error: BaseException) -> None:
        failures.append(error)
        stop.set()

    def work() -> None:
        try:
            with stop.governing():
                while not failures:
                    with drawing:
                        index, thing = next(drawn)
                    results[index] = run(thing)
        except (StopIteration, Stopped):
            pass
        except BaseException as error:
            fail(error)

    helpers: list[_Helper] = []
    try:
        with watched(stop.set):
            for _ in range(limit - 1):
                helpers.append(_Helper(work))
                helpers[-1].start()
            work()
            _join(helpers, failures)
    except BaseException as error:  # an interrupt outside the work, and perhaps another one
        try:
            fail(error)
            _join(helpers, failures)
        finally:
            stop.set()
    if failures:
        raise next(filter(_is_interrupt, failures), failures[0])
    return [results[index] for index in sorted(results)]


class _Helper(threading.Thread):
    """A thread that says when its work is done: an interrupt breaks `Thread.join`."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="helper", daemon=True)
        self.done: Future[None] = Future()
        self._work = work

    def start(self) -> None:
        try:
            super().start()
        except BaseException:
            self._end()
            raise

    def run(self) -> None:
        self._work()
        self._end()

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _join(helpers: list[_Helper], failures: list[BaseException]) -> None:
    """Wait until helpers have ended, after an interrupt for a second at most.

    They end soon once they are stopped, unless they look up a server's address.
    """
    until = math.inf
    while wait([helper.done for helper in helpers], _LOOK).not_done and time.monotonic() < until:
        if until == math.inf and any(map(_is_interrupt, failures)):
            until = time.monotonic() + 1.0
    for helper in helpers:
        if helper.done.done() and helper.ident is not None:
            helper.join()


def _is_interrupt(error: BaseException) -> bool:
    return not isinstance(error, Exception)
