"""Forked processes that use a client of their parent's."""

from __future__ import annotations

import os
import signal
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.echo import is_right
from tests.support.library import BlockingLibrary

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def answers_in_a_child(client: BlockingLibrary, first: int) -> int:
    """Fork, send requests in the child, and return its id; it exits with 0 if all is right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads run: that is the point
        child = os.fork()
    if child:
        return child
    status = 1
    signal.alarm(60)  # whatever happens, the test that waits for this process ends
    try:  # the child: nothing of pytest's may run here
        warnings.simplefilter("error")
        with ThreadPoolExecutor(4) as pool:
            books = list(pool.map(lambda n: client.books[str(n)].get(), range(first, first + 20)))
        if all(is_right(book, first + n) for n, book in enumerate(books)):
            status = 0
    finally:
        os._exit(status)


def exit_status(child: int) -> int:
    """Wait for a child to end, and return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
