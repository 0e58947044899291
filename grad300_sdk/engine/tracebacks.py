"""Tracebacks without the frames of the engine and of the libraries below it."""

from __future__ import annotations

import sys
from types import TracebackType

__all__ = ["show_full_tracebacks", "shortening"]

# Modules whose frames tell a user nothing: this package's, and those that it sends by.
_INTERNAL = {__name__.partition(".")[0], "httpx", "httpcore", "h11", "anyio", "sniffio", "msgspec"}
_is_full = False


def show_full_tracebacks(enabled: bool = True) -> None:
    """Choose whether the tracebacks of errors keep the frames inside the engine.

    By default the traceback of an error shows the caller's line and the call, not the fifty
    frames of the engine and the network libraries between them and the socket.

    Parameters
    ----------
    enabled : bool
        Whether to keep all frames from now on.

    Examples
    --------
    >>> from grad300_sdk.engine import show_full_tracebacks
    >>> show_full_tracebacks()  # while looking for a fault in the engine itself
    >>> show_full_tracebacks(False)
    """
    global _is_full
    _is_full = enabled


class _Shortening:
    """Removes the internal frames from the tracebacks of an error and of what caused it.

    The frame that has the ``with`` stays, as the call that the user made; so do those of the
    user's own functions that the engine called, such as a progress callback.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception) and not _is_full:
            _shorten(error)


shortening = _Shortening()


def _shorten(error: Exception) -> None:
    if error.__traceback__ is not None:
        error.__traceback__.tb_next = _without_internal(error.__traceback__.tb_next)
    cause = error.__cause__  # the context may be the caller's own error
    while cause is not None:
        cause.__traceback__ = _without_internal(cause.__traceback__)
        cause = cause.__cause__


def _without_internal(traceback: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    is_internal = True
    while traceback is not None:
        package = traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in sys.stdlib_module_names:  # which works for whoever called it
            is_internal = package in _INTERNAL
        if not is_internal:
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept
