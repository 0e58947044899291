"""One download: a file that is whole in the end, or is not there."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from grad300_sdk.downloads.names import (
    check_file_name,
    check_folder,
    check_unused,
    content_disposition_filename,
    exists_error,
    safe_name,
)
from grad300_sdk.downloads.partial import Partial, RangeMismatch
from grad300_sdk.downloads.progress import Progress, ProgressBar, progress_function
from grad300_sdk.engine import Flow, Sender, decode_error, describe_bytes, without_body
from grad300_sdk.engine.errors import (
    APIError,
    DownloadError,
    NotFoundError,
    RequestTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["Download"]

# Every FITS file begins with this (FITS Standard 4.0, section 4.4.1.1).
_FITS_START = b"SIMPLE"


class Download:
    """Streams a response into a file that appears only when it is complete.

    Parameters
    ----------
    url : str
        The URL of the file.
    folder : str or Path
        The folder to save in; it is made if it is missing.
    fallback : str
        The name of the file if neither the user nor the server names it.
    file_name : str or None
        The name of the file; None for the server's.
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable, bool or None
        Called with the progress; True for a bar, False for none, None for a bar where it is seen.
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
        self._name = None if file_name is None else check_file_name(file_name)
        self._server_name: str | None = None
        self._fallback = fallback
        self._overwrite = overwrite
        self._progress = progress_function(progress)
        key = sha256(url.encode()).hexdigest()[:8]
        self._partial = Partial(self._folder, f"{os.path.splitext(fallback)[0]}-{key}")
        self._response: httpx.Response | None = None
        # A file that another process saves meanwhile may be this very file; a name that only the
        # server knows is looked for later, and was there before if the folder has not changed.
        self._folder_time = None
        if self._name is None and not overwrite:
            self._folder_time = _modification_time(self._folder)
        elif self._name is not None:
            check_unused(self._folder / self._name, overwrite=overwrite)

    def headers(self) -> dict[str, str]:
        """Return the headers that request what is missing of the file."""
        return self._partial.headers()

    def begin(self, response: httpx.Response) -> None:
        """Prepare for the body of a response."""
        self._response = response
        if not self._partial.accepts(response):
            raise _download_error(response, "something other than the whole file")
        is_part = response.status_code == 206
        header = response.headers.get("Content-Disposition", "")
        self._server_name = content_disposition_filename(header) or (
            self._remembered_name if is_part else None
        )
        path = self.path(response)
        if self._is_taken(path):
            raise exists_error(path)
        self._partial.begin(response, self._server_name)

    def write(self, data: bytes) -> None:
        """Write the next piece of the body."""
        self._partial.write(data)
        if self._progress is not None:
            self._progress(self._partial.size, self._partial.total)

    def path(self, response: httpx.Response) -> Path:
        """Return the place of the file."""
        return self._folder / (self._name or self._server_name or self._fallback)

    def flow(self, send: Sender) -> Flow[Path]:
        """Send the request until the body is whole, move it into place, and return the file.

        Raises
        ------
        DownloadError
            If the body is cut, or is not a FITS file.
        FileExistsError
            If the file exists, and `overwrite` is not set.
        OSError
            If the file can't be written.
        """
        keep = True
        try:
            response = yield from self._receive(send)
            keep = self._partial.is_truncated
            self._check(response)
            return self.finish(response)
        except TransportError as error:
            if self._response is None or error.request is None:
                raise
            if not self._partial.is_truncated or isinstance(error, RequestTimeoutError):
                raise
            head = without_body(self._response, error.request)
            raise _download_error(head, self._what_arrived) from error
        except (OSError, NotFoundError):
            keep = False
            raise
        finally:
            self._partial.close(keep=keep)
            if isinstance(self._progress, ProgressBar):
                self._progress.close()

    def _receive(self, send: Sender) -> Flow[httpx.Response]:
        """Send the request; if the file can't be resumed, again for the whole of it."""
        try:
            return (yield from send.response(sink=self))
        except RangeMismatch:
            pass
        except APIError as error:
            if error.response is None or not self._partial.is_refused(error.response):
                raise
            if self._partial.is_complete(error.response):
                self._server_name = self._remembered_name
                return error.response
        self._partial.restart(may_resume=False)
        return (yield from send.response(sink=self))

    def _check(self, response: httpx.Response) -> None:
        """Refuse a body that has ended, and can't be the file."""
        if self._partial.total not in (None, self._partial.size):
            raise _download_error(response, self._what_arrived)
        first = self._partial.first_bytes
        if not first.startswith(_FITS_START):
            kind = describe_bytes(response, first)
            raise _download_error(response, f"a body that is not a FITS file: {kind}")

    def finish(self, response: httpx.Response) -> Path:
        """Move the file into place, and return where that is."""
        path = self.path(response)
        try:
            self._partial.move(path, overwrite=self._overwrite)
        except FileExistsError:
            if not self._partial.equals(path):  # another process may have been faster
                raise exists_error(path) from None
        return path

    @property
    def _remembered_name(self) -> str | None:
        """The name that the server gave the file in an earlier call."""
        return safe_name(str(self._partial.file_name or ""))

    @property
    def _what_arrived(self) -> str:
        return f"{self._partial.size} bytes of a body of {self._partial.total}"

    def _is_taken(self, path: Path) -> bool:
        """Return whether a folder is there, or a file that was there when this call began."""
        try:
            changed = os.lstat(path).st_ctime_ns
        except OSError:
            return False
        if path.is_dir():
            return True
        if self._folder_time is None:
            return False
        return _modification_time(self._folder) == self._folder_time or changed < self._folder_time


def _modification_time(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _download_error(response: httpx.Response, what: str) -> DownloadError:
    """Return the error for an answer that is not the file."""
    error = decode_error(response, what)
    new = DownloadError(*error.args)
    new.request, new.response = error.request, without_body(response, response.request)
    return new
