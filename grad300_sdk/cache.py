"""Files of the archive that are kept on this machine.

``client.scans["TPI"][42].file.local_path()`` puts them here. The cache is where astropy has its
own: in ``$XDG_CACHE_HOME``, or else in the user's home.

>>> from grad300_sdk import cache
>>> cache.clear()
>>> cache.size()
0
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from grad300_sdk.engine import Flow, Sender
from grad300_sdk.engine.errors import DownloadError, Error, ServerError, TransportError
from grad300_sdk.partial import checked_tag, entity_tag, remove_left
from grad300_sdk.records import ScanType
from grad300_sdk.resources.download import Download
from grad300_sdk.saving import write_whole

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.session import Session

__all__ = ["clear", "folder", "size"]

_logger = logging.getLogger(__name__)
# The files that a process has asked for, and the servers that it could not reach.
_asked: set[tuple[int, str]] = set()


def folder() -> Path:
    """Give the folder of the cache, which is made if it is missing.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OSError
        If it can't be made.
    """
    from astropy.config import get_cache_dir

    place = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if place.is_absolute() and place.is_dir():  # before version 8, astropy only uses what is there
        (place / "grad300_sdk").mkdir(exist_ok=True)
    return Path(get_cache_dir("grad300_sdk"))


def size() -> int:
    """Tell how much is in the cache.

    Returns
    -------
    int
        The size of all files in it, in bytes.
    """
    total = 0
    for path in _files():
        with suppress(FileNotFoundError):  # another process clears it
            total += path.stat().st_size
    return total


def clear() -> None:
    """Remove all files from the cache, but for those that are being downloaded just now."""
    _asked.clear()
    for path in _files():
        if path.suffix != ".part":
            path.unlink(missing_ok=True)
        else:
            remove_left(path)
    for path in sorted(folder().rglob("*/"), reverse=True):
        with suppress(OSError):  # it is not empty
            path.rmdir()


def _files() -> Iterator[Path]:
    return (path for path in folder().rglob("*") if not path.is_dir())


class _Unchanged(Exception):
    """The server's file is the one in the cache."""


@dataclass(frozen=True)
class _Entry:
    """What the cache knows of a file."""

    path: Path
    etag: str | None


class Cached(Download):
    """A file on its way into the cache.

    Each state of a file, as its ``ETag`` names it, is a file of its own, so that nothing
    changes under those who read it; an entry beside them says which of them is the last.

    Parameters
    ----------
    session : Session
        What the client shares among its requests, the server's URL for one.
    scan_type, scan_id
        The scan whose file it is.
    fallback : str
        What the file is called where the server says nothing.
    """

    def __init__(self, session: Session, scan_type: ScanType, scan_id: int, fallback: str) -> None:
        self._session = session
        self._server = server = session.base_url
        self._url = f"{server}/{scan_type.value}/{scan_id}"
        host = re.sub(r"[^\w.-]", "_", server.partition("://")[2])[:80]
        with _explained():
            place = folder() / f"{host}-{_key(server)}" / scan_type.value
            place.mkdir(parents=True, exist_ok=True)
        super().__init__(self._url, place, fallback, overwrite=True, progress=False)
        self._states = place / str(scan_id)
        self._entry = place / f"{scan_id}.json"
        self._known = _read(self._entry)

    def headers(self) -> dict[str, str]:
        """Ask for the file if it has changed, and only for what is missing of it."""
        known = self._known and self._known.etag
        return {**super().headers(), **({"If-None-Match": known} if known else {})}

    def begin(self, response: httpx.Response) -> None:
        """Make ready for the body of a response, if it is another than in the cache."""
        etag = entity_tag(response)
        if self._known is not None and etag is not None and etag == self._known.etag:
            raise _Unchanged  # from a server that does not look at If-None-Match
        super().begin(response)

    def path(self, response: httpx.Response) -> Path:
        """Give the place of the file."""
        return self._states / _key(self._tag(response) or "") / super().path(response).name

    def finish(self, response: httpx.Response) -> Path:
        """Move the file into place, and enter it as the last."""
        self.path(response).parent.mkdir(parents=True, exist_ok=True)
        path = super().finish(response)
        entry = {
            "path": path.relative_to(self._entry.parent).as_posix(),
            "size": path.stat().st_size,
            "etag": self._tag(response),
        }
        write_whole(self._entry, json.dumps(entry).encode())
        return path

    def _tag(self, response: httpx.Response) -> str | None:
        """Give what names the state of the file; a refusal need not say it again."""
        return entity_tag(response) or self._partial.etag

    def _fetch(self, send: Sender) -> Flow[Path]:
        try:
            return (yield from super().flow(send))
        except FileNotFoundError:  # the cache was cleared just now
            self._known = None
            return (yield from super().flow(send))

    def flow(self, send: Sender) -> Flow[Path]:
        """Give the file, downloaded where the cache has none or where it has changed."""
        known = self._known
        if known is not None and (_mark(self._url) in _asked or _mark(self._server) in _asked):
            return known.path
        try:
            with _explained():
                path = yield from self._fetch(send)
        except (_Unchanged, Error) as error:
            # A page of some proxy with status 200 is no answer of the server's, either.
            is_out_of_reach = isinstance(error, ServerError | TransportError | DownloadError)
            if known is None or not (is_out_of_reach or _says_unchanged(error)):
                raise
            if is_out_of_reach:
                self._session.hide_secrets(error)
                _logger.warning("%s is given as it is in the cache: %s", known.path, error)
            _asked.add(_mark(self._server if is_out_of_reach else self._url))
            return known.path
        _asked.add(_mark(self._url))
        return path


def _says_unchanged(error: Exception) -> bool:
    return isinstance(error, _Unchanged) or getattr(error, "status_code", None) == 304


def _mark(url: str) -> tuple[int, str]:
    return os.getpid(), url


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> _Entry | None:
    """Read an entry; one that can't be read, or whose file is not as it was, is none."""
    try:
        entry = json.loads(path.read_text(encoding="ascii"))
        file = path.parent / entry["path"]
        if file.stat().st_size != entry["size"]:
            return None
        return _Entry(file, entry["etag"] and checked_tag(entry["etag"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _explained() -> Iterator[None]:
    """Say of an error of the file system that it is the cache's, and what helps."""
    try:
        yield
    except TransportError:
        raise  # one of them is a TimeoutError, which is an OSError
    except OSError as error:
        said = (
            f"the cache can't be written ({error.strerror or error}); "
            "set XDG_CACHE_HOME to a folder that can be, or use save()"
        )
        if error.errno is None:  # astropy's own
            raise OSError(said) from error
        raise OSError(error.errno, said, error.filename) from error
