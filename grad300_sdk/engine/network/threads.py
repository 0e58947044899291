"""Threads that work together and can be cancelled wherever they wait."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from operator import length_hint
from typing import Any, Generic, TypeVar

__all__ = ["CancelToken", "Cancelled", "acquire", "cancellable", "gather_in_threads", "sleep"]

T = TypeVar("T")

# Seconds between two attempts to acquire a lock: a thread that waits for one can't be woken.
_POLL_INTERVAL = 0.1
# Seconds that threads have to end after an interrupt.
_GRACE = 1.0

_active: ContextVar[CancelToken | None] = ContextVar("cancel_token", default=None)


class Cancelled(BaseException):
    """The work of this thread was cancelled."""


class CancelToken:
    """Cancels the waits of threads that work together."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], object]] = set()

    def cancel(self) -> None:
        """Make the waits of these threads raise `Cancelled`, including those in progress."""
        with self._lock:
            self._event.set()
            for wake in self._wakers:
                with suppress(OSError):
                    wake()

    def check(self) -> None:
        """Raise `Cancelled` after a cancellation."""
        if self._event.is_set():
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Sleep, unless this token is cancelled."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` on a cancellation within this context, and raise `Cancelled`."""
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
    def active(self) -> Iterator[None]:
        """Make this token cancel the waits of this thread within this context."""
        reset = _active.set(self)
        try:
            yield
        finally:
            _active.reset(reset)


def cancellable(wake: Callable[[], object]) -> AbstractContextManager[None]:
    """Call `wake` if the work of this thread is cancelled within this context."""
    token = _active.get()
    return nullcontext() if token is None else token.waking(wake)


def sleep(seconds: float) -> None:
    """Sleep, unless the work of this thread is cancelled."""
    token = _active.get()
    return time.sleep(seconds) if token is None else token.sleep(seconds)


def acquire(lock: threading.Lock | threading.Semaphore, timeout: float | None = None) -> bool:
    """Acquire a lock, unless the work of this thread is cancelled."""
    token = _active.get()
    timeout = threading.TIMEOUT_MAX if timeout is None else timeout
    if token is None:
        return lock.acquire(timeout=timeout)
    until = time.monotonic() + timeout
    while not lock.acquire(timeout=max(min(_POLL_INTERVAL, until - time.monotonic()), 0.0)):
        token.check()
        if time.monotonic() >= until:
            return False
    return True


def gather_in_threads(run: Callable[[T], Any], items: Iterable[T], limit: int) -> list[Any]:
    """Call `run` with each item, at most `limit` at once, and return the results in order.

    The calling thread is one of the workers, each of which runs in a copy of its context. After
    the first failure, or an interrupt, the others are cancelled. If the system can start no more
    threads, the existing ones do the work.
    """
    team = _Team(run, items)
    try:
        with cancellable(team.token.cancel):
            team.start(min(limit, length_hint(items, limit)) - 1)
            contextvars.copy_context().run(team.work)
            team.join()
    except BaseException as error:  # an interrupt or a cancellation outside of `work`
        try:
            team.fail(error)
            team.join()
        finally:  # perhaps another interrupt
            team.token.cancel()
    return team.outcome()


class _Team(Generic[T]):
    """Threads that share one iterable of items."""

    def __init__(self, run: Callable[[T], Any], items: Iterable[T]) -> None:
        self.token = CancelToken()
        self._run = run
        self._items = enumerate(items)
        self._drawing = threading.Lock()
        self._workers: list[_Worker] = []
        self._results: dict[int, Any] = {}
        self._failures: list[BaseException] = []

    def start(self, count: int) -> None:
        """Start more threads, each in a copy of the caller's context."""
        for _ in range(count):
            worker = _Worker(contextvars.copy_context(), self.work)
            try:
                worker.start()
            except RuntimeError:  # the system has no thread to spare
                return
            self._workers.append(worker)

    def work(self) -> None:
        """Run items until none is left, or one has failed."""
        try:
            with self.token.active():
                while not self._failures:
                    with self._drawing:
                        index, item = next(self._items)
                    self._results[index] = self._run(item)
        except (StopIteration, Cancelled):
            pass
        except BaseException as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Keep a failure, and cancel the others."""
        self._failures.append(error)
        self.token.cancel()

    def join(self) -> None:
        """Wait until the threads have ended.

        After an interrupt, wait for a second at most: a thread that looks up a server's address
        can't be woken.
        """
        deadline = math.inf
        while _running(self._workers) and time.monotonic() < deadline:
            if deadline == math.inf and any(map(_is_interrupt, self._failures)):
                deadline = time.monotonic() + _GRACE
        for worker in self._workers:
            if worker.done.is_set():
                worker.join()
        self._workers.clear()  # they hold the team, and with it the results

    def outcome(self) -> list[Any]:
        """Return the results, or raise the failure: an interrupt before any other."""
        if self._failures:
            raise next(filter(_is_interrupt, self._failures), self._failures[0])
        return [self._results[index] for index in sorted(self._results)]


class _Worker(threading.Thread):
    """A thread with an event for its end: an interrupt breaks `Thread.join`."""

    def __init__(self, context: contextvars.Context, work: Callable[[], None]) -> None:
        super().__init__(name="worker", daemon=True)
        self.done = threading.Event()
        self._context = context
        self._work = work

    def run(self) -> None:
        self._context.run(self._work)
        self.done.set()


def _running(workers: Iterable[_Worker]) -> bool:
    """Wait for threads for a moment, and return whether any is still running."""
    return not all(worker.done.wait(_POLL_INTERVAL) for worker in workers)


def _is_interrupt(error: BaseException) -> bool:
    return not isinstance(error, Exception)
