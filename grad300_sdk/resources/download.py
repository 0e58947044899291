"""A file on its way to this machine: whole in the end, or not there."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from grad300_sdk.saving import (
    Bar,
    Progress,
    check_folder,
    disposition_name,
    reporter,
    safe_name,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["Download"]

# Every FITS file begins with this (FITS Standard 4.0, section 4.4.1.1).
_FITS_START = b"SIMPLE"


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
        self._name = None if file_name is None else _checked(file_name)
        self._fallback = fallback
        self._overwrite = overwrite
        self._progress = reporter(progress)
        key = sha256(url.encode()).hexdigest()[:8]
        self._partial = Partial(self._folder, f"{Path(fallback).stem}-{key}")
        self._response: httpx.Response | None = None
        # What another process saves meanwhile may be this very file.
        self._taken = set() if overwrite else _taken(self._folder, file_name)
        path = self._folder / (file_name or "")
        if file_name is not None and (file_name in self._taken or path.is_dir()):
            raise _there_already(path)

    def headers(self) -> dict[str, str]:
        """Ask for what is missing of the file."""
        return self._partial.headers()

    def begin(self, response: httpx.Response) -> None:
        """Make ready for the body of a response."""
        self._response = response
        if not self._partial.is_expected(response):
            what = f"the status {response.status_code}, where the whole file was asked for"
            raise self._error(what, response.request)
        path = self.path(response)
        if path.name in self._taken or path.is_dir():
            raise _there_already(path)
        self._partial.begin(response, _said(response))

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
        if self._partial.total not in (None, self._partial.size):
            raise self._error(self._cut, response.request)
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
            if not self._partial.equals(path):  # it may be that another process was faster
                raise _there_already(path) from None
        return path

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


def _taken(folder: Path, file_name: str | None) -> set[str]:
    """Give the names of the files that are there, or the one of them that matters."""
    if file_name is not None:
        return {file_name} if os.path.lexists(folder / file_name) else set()
    try:
        return set(os.listdir(folder))
    except OSError:  # it is made later, or only its names are hidden
        return set()


def _there_already(path: Path) -> FileExistsError:
    if path.is_dir():
        return FileExistsError(f"{path} is a folder; give another file_name")
    return FileExistsError(f"{path} is there already; overwrite=True replaces it")


def _checked(file_name: str) -> str:
    if not isinstance(file_name, str):
        raise TypeError(f"file_name must be a str, not {file_name!r}")
    if file_name in ("", ".", "..") or re.search(r"[/\\\x00]", file_name):
        raise ValueError(f"file_name is {file_name!r}, where a name without a folder is needed")
    return file_name
