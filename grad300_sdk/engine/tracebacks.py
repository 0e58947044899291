"""Tracebacks and warnings that show the user's line, not the engine and the libraries below it."""

from __future__ import annotations

import sys
import warnings
from types import FrameType, TracebackType

from .errors import EngineWarning

__all__ = ["short_tracebacks", "shorten", "show_full_tracebacks", "warn"]

# Modules whose frames tell a user nothing: this package's, and those of the libraries that send
# its requests.
_INTERNAL = {
    __name__.partition(".")[0],
    *("anyio", "h11", "httpcore", "httpx", "msgspec", "sniffio", "trio"),
    *("asyncio", "contextlib", "importlib", "socket", "ssl"),
}
_is_full = False


def show_full_tracebacks(enabled: bool = True) -> None:
    """Choose whether the tracebacks of errors keep the frames inside the engine.

    By default the traceback of an error shows the caller's line and the call, not the many
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
        if isinstance(error, Exception | KeyboardInterrupt):
            shorten(error)


short_tracebacks = _Shortening()


def warn(message: str, category: type[Warning] = EngineWarning) -> None:
    """Issue a warning that names the user's line, however many internal frames are below it.

    Parameters
    ----------
    message : str
        The text of the warning.
    category : type
        Its class.

    Examples
    --------
    >>> import warnings
    >>> from grad300_sdk.engine import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("the note is empty")
    >>> print(caught[0].category.__name__, caught[0].message)
    EngineWarning the note is empty
    """
    # A stacklevel would have to be counted anew for each call, and skip_file_prefixes is 3.12's.
    frame = sys._getframe(1)
    while _is_internal(frame) and frame.f_back is not None:
        frame = frame.f_back
    variables = frame.f_globals
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        variables.get("__name__"),
        variables.setdefault("__warningregistry__", {}),
    )


def _without_internal(traceback: TracebackType | None) -> TracebackType | None:
    frames: list[TracebackType] = []
    while traceback is not None:
        if not _is_internal(traceback.tb_frame):
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def _is_internal(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__") or ""
    return str(module).partition(".")[0] in _INTERNAL
