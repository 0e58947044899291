"""Tracebacks without the frames of the engine and of the libraries below it."""

from __future__ import annotations

from types import TracebackType

__all__ = ["short_tracebacks", "shorten", "show_full_tracebacks"]

# Modules whose frames tell a user nothing: this package's, and those that it sends by.
_INTERNAL = {
    __name__.partition(".")[0],
    *("anyio", "h11", "httpcore", "httpx", "msgspec", "sniffio", "trio"),
    *("asyncio", "contextlib", "socket", "ssl"),
}
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


def shorten(error: BaseException) -> None:
    """Remove the internal frames from the tracebacks of an error and of what caused it.

    The frame in which this is called stays, as the call that the user made; so do those of the
    user's own functions that the engine called, such as a progress callback.
    """
    if _is_full:
        return
    if error.__traceback__ is not None:
        error.__traceback__.tb_next = _without_internal(error.__traceback__.tb_next)
    cause = error.__cause__  # the context may be the caller's own error
    while cause is not None:
        cause.__traceback__ = _without_internal(cause.__traceback__)
        cause = cause.__cause__


class _Shortening:
    """Shortens the traceback of an error that leaves a ``with`` statement."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception):
            shorten(error)


short_tracebacks = _Shortening()


def _without_internal(traceback: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _INTERNAL:
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept
