"""Files on disk: their names, and bodies that become files whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from email.message import Message
from email.utils import collapse_rfc2231_value
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from grad300_sdk.engine import Flow, Sender
from grad300_sdk.engine.body import describe_bytes
from grad300_sdk.engine.errors import (
    APIError,
    DownloadError,
    NotFoundError,
    RequestTimeoutError,
    TransportError,
)
from grad300_sdk.engine.session import emptied
from grad300_sdk.partial import Mismatch, Partial

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Bar",
    "Download",
    "Progress",
    "check_folder",
    "disposition_name",
    "reporter",
    "safe_name",
]

# Called with the bytes that are there, and with those there will be where the server said so.
Progress: TypeAlias = Callable[[int, int | None], object]

# Control characters, and those that turn the direction of text (Unicode 15, section 23.2).
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Characters and names that Windows does not allow in a file's name.
_NOT_ALLOWED = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(
    r"(?:con|conin\$|conout\$|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)
_LONGEST_NAME = 200
# Every FITS file begins with this (FITS Standard 4.0, section 4.4.1.1).
_FITS_START = b"SIMPLE"


def safe_name(name: str) -> str | None:
    """Reduce a name from a server to one that can't leave a folder, or None if nothing is left.

    Parameters
    ----------
    name : str
        Whatever the server says.

    Examples
    --------
    >>> safe_name("../../20250204-093521_TPI-GRAD300-SUN_04#_01#.fits")
    '20250204-093521_TPI-GRAD300-SUN_04#_01#.fits'
    """
    text = name.encode(errors="replace").decode()
    text = _INVISIBLE.sub("", re.split(r"[/\\]|^[A-Za-z]:", text)[-1])
    text = _NOT_ALLOWED.sub("_", text).strip(" .")
    if _RESERVED.match(text):
        text = f"_{text}"
    stem, dot, suffix = text.rpartition(".")
    if len(text.encode()) > _LONGEST_NAME:
        room = _LONGEST_NAME - len(suffix.encode()[:20]) - 1
        text = stem.encode()[:room].decode(errors="ignore") + dot + suffix[:20]
    return text or None


def disposition_name(header: str) -> str | None:
    """Read the file's name in a ``Content-Disposition`` (RFC 6266), made safe."""
    message = Message()
    message["Content-Disposition"] = _INVISIBLE.sub("", header)
    try:
        parameters = message.get_params([], "Content-Disposition")
        values = [value for name, value in parameters if name.lower() == "filename"]
        # RFC 6266, section 4.3: the encoded form (RFC 5987) goes before the plain one.
        values.sort(key=lambda value: not isinstance(value, tuple))
        return safe_name(collapse_rfc2231_value(values[0])) if values else None
    except (TypeError, ValueError):  # of forms that make no sense
        return None


class Download:
    """A body on its way into a file, which is there once it is whole.

    Parameters
    ----------
    url : str
        Where the file comes from.
    folder : Path
        Where the file goes; made if it is missing.
    fallback : str
        What it is called where nothing else says that.
    file_name : str or None
        What it is called; None for what the server says.
    overwrite : bool
        Whether a file of that name is replaced.
    progress : callable, bool or None
        Told how far it is; True for a bar, False for none, None for a bar where one is seen.
    """

    def __init__(
        self,
        url: str,
        folder: str | os.PathLike[str],
        fallback: str,
        *,
        file_name: str | None = None,
        overwrite: bool = False,
        progress: Progress | bool | None = None,
    ) -> None:
        self._folder = check_folder(folder)
        self._name = file_name
        self._fallback = fallback
        self._overwrite = overwrite
        self._progress = reporter(progress)
        key = sha256(url.encode()).hexdigest()[:8]
        self._partial = Partial(self._folder, f"{Path(fallback).stem}-{key}")
        self._response: httpx.Response | None = None
        if file_name is not None:
            self._check_free(self._folder / _checked(file_name))

    def headers(self) -> dict[str, str]:
        """Ask for what is missing of the file."""
        return self._partial.headers()

    def begin(self, response: httpx.Response) -> None:
        """Make ready for the body of a response."""
        self._check_free(self.path(response))
        self._partial.begin(response, _said(response))
        self._response = response

    def write(self, data: bytes) -> None:
        """Take the next piece of the body."""
        self._partial.write(data)
        if self._progress is not None:
            self._progress(self._partial.size, self._partial.total)

    def path(self, response: httpx.Response) -> Path:
        """Give the place of the file."""
        said = _said(response) or safe_name(str(self._partial.file_name or ""))
        return self._folder / (self._name or said or self._fallback)

    def flow(self, send: Sender) -> Flow[Path]:
        """Send the request until the body is whole, move it into place, and give the file.

        Raises
        ------
        DownloadError
            If the body is cut, or is no FITS file.
        FileExistsError
            If there is a file of that name, and it is not to be replaced.
        OSError
            If the file can't be written.
        """
        keep = True
        try:
            response = yield from self._responses(send)
            keep = self._partial.is_cut
            self._check(response)
            return self.finish(response)
        except TransportError as error:
            if not self._partial.is_cut or isinstance(error, RequestTimeoutError):
                raise
            raise self._error(self._cut, error.request) from error
        except (OSError, NotFoundError):
            keep = False
            raise
        finally:
            self._partial.close(keep=keep)
            if isinstance(self._progress, Bar):
                self._progress.close()

    def _responses(self, send: Sender) -> Flow[httpx.Response]:
        """Send the request; for the whole file, where a part of it can't be gone on with."""
        try:
            return (yield from send.response(sink=self))
        except Mismatch:
            pass
        except APIError as error:
            if error.response is None or not self._partial.is_refused(error.response):
                raise
            if self._partial.is_whole(error.response):
                return error.response
        self._partial.restart(may_resume=False)
        return (yield from send.response(sink=self))

    def _check(self, response: httpx.Response) -> None:
        """Refuse a body that has ended, and can't be the file."""
        if self._partial.is_cut:
            raise self._error(self._cut, response.request)
        if response.status_code != 200 and not self._partial.is_part_asked:
            what = f"the status {response.status_code}, where the whole file was asked for"
            raise self._error(what, response.request)
        start = self._partial.start
        if not start.startswith(_FITS_START):
            what = f"no FITS file: {describe_bytes(response, start)}"
            raise self._error(what, response.request)

    def finish(self, response: httpx.Response) -> Path:
        """Move the file into place."""
        path = self.path(response)
        try:
            self._partial.move(path, overwrite=self._overwrite)
        except FileExistsError:
            if not self._partial.equals(path):  # it is no harm that another process was faster
                raise _there_already(path) from None
        return path

    def _check_free(self, path: Path) -> None:
        if not self._overwrite and os.path.lexists(path):
            raise _there_already(path)

    @property
    def _cut(self) -> str:
        return f"{self._partial.size} bytes of a body of {self._partial.total}"

    def _error(self, what: str, request: Any) -> DownloadError:
        error = DownloadError(f"{request.method} {request.url} answered with {what}")
        error.request = request
        if self._response is not None:
            error.response = emptied(self._response, request)
        return error


def _said(response: httpx.Response) -> str | None:
    return disposition_name(response.headers.get("Content-Disposition", ""))


def _there_already(path: Path) -> FileExistsError:
    return FileExistsError(f"{path} is there already; overwrite=True replaces it")


def check_folder(folder: str | os.PathLike[str]) -> Path:
    """Give a folder to save in, which need not be there."""
    path = Path(folder).expanduser()
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file, where a folder to save in is needed")
    return path


class Bar:
    """A progress bar, drawn by tqdm; without `forced`, on terminals and in notebooks alone."""

    def __init__(self, *, forced: bool) -> None:
        self._options = {"unit": "B", "unit_scale": True, "disable": False if forced else None}
        self._bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        from tqdm.auto import tqdm

        if self._bar is None:
            self._bar = tqdm(total=total, **self._options)
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Say something at the end of the line."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def reporter(progress: Progress | bool | None) -> Progress | None:
    """Give what is told of the progress, if anything."""
    if callable(progress):
        return progress
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False, None or callable, not {progress!r}")
    if progress is False or not (progress or find_spec("tqdm")):
        return None
    if not find_spec("tqdm"):
        raise ImportError('a progress bar needs tqdm: pip install "grad300-sdk[progress]"')
    return Bar(forced=bool(progress))


def _checked(file_name: str) -> str:
    if not isinstance(file_name, str):
        raise TypeError(f"file_name must be a str, not {file_name!r}")
    if file_name in ("", ".", "..") or re.search(r"[/\\\x00]", file_name):
        raise ValueError(f"file_name is {file_name!r}, where a name without a folder is needed")
    return file_name
