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
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from grad300_sdk.downloads import (
    Download,
    entity_tag,
    fallback_name,
    parse_entity_tag,
    remove_stale,
    write_atomically,
)
from grad300_sdk.engine import Flow, Sender
from grad300_sdk.engine.errors import DownloadError, Error, ServerError, TransportError
from grad300_sdk.records import ScanType

if TYPE_CHECKING:
    import httpx


__all__ = ["clear", "folder", "size"]

_logger = logging.getLogger(__name__)
# The files that this process has revalidated, and the servers that it could not reach.
_settled: set[tuple[int, str]] = set()


def folder() -> Path:
    """Return the folder of the cache, which is created if it does not exist.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OSError
        If it can't be made.
    ValueError
        If there is no home directory, and ``XDG_CACHE_HOME`` is not set.

    Examples
    --------
    >>> from grad300_sdk import cache
    >>> cache.folder().is_dir()
    True
    """
    from astropy.config import get_cache_dir

    place = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if place.is_absolute() and place.is_dir():  # astropy 7 and older only use what is there
        (place / "grad300_sdk").mkdir(exist_ok=True)
    try:
        return Path(get_cache_dir("grad300_sdk"))
    except RuntimeError:  # as in a container
        raise ValueError(
            "there is no home directory for the cache; set XDG_CACHE_HOME to a folder that exists"
        ) from None


def size() -> int:
    """Return the size of the cache.

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
    """Remove all files from the cache, except those that are being downloaded."""
    _settled.clear()
    for path in _files():
        if path.suffix != ".part":
            path.unlink(missing_ok=True)
        else:
            remove_stale(path)
    for path in sorted(folder().rglob("*/"), reverse=True):
        with suppress(OSError):  # it is not empty
            path.rmdir()


def _files() -> Iterator[Path]:
    return (path for path in folder().rglob("*") if not path.is_dir())


class _Unchanged(Exception):
    """The server's file is the one in the cache."""


class _Entry(Struct, frozen=True):
    """What the cache knows of a file."""

    path: Path
    etag: str | None


class CachedDownload(Download):
    """A file on its way into the cache.

    Each state of a file, as its ``ETag`` names it, is a file of its own, so that nothing
    changes under those who read it; an entry beside them names the latest.

    Parameters
    ----------
    server : str
        The URL of the server's API, as the client knows it.
    scan_type, scan_id
        The scan whose file it is.
    """

    def __init__(self, server: str, scan_type: ScanType, scan_id: int) -> None:
        self._server = server
        self._url = f"{server}/{scan_type.value}/{scan_id}"
        host = re.sub(r"[^\w.-]", "_", server.partition("://")[2])[:80]
        with _explained():
            place = folder() / f"{host}-{_key(server)}" / scan_type.value
            place.mkdir(parents=True, exist_ok=True)
        fallback = fallback_name(scan_type, scan_id)
        super().__init__(self._url, place, fallback, overwrite=True, progress=False)
        self._states = place / str(scan_id)
        self._entry_path = place / f"{scan_id}.json"
        self._entry = _read_entry(self._entry_path)

    def headers(self) -> dict[str, str]:
        """Return the headers that request the file if it has changed, and only what is missing."""
        etag = self._entry and self._entry.etag
        return {**super().headers(), **({"If-None-Match": etag} if etag else {})}

    def begin(self, response: httpx.Response) -> None:
        """Prepare for the body of a response, if it is not the file in the cache."""
        etag = entity_tag(response)
        if self._entry is not None and etag is not None and etag == self._entry.etag:
            raise _Unchanged  # from a server that ignores If-None-Match
        super().begin(response)

    def path(self, response: httpx.Response) -> Path:
        """Return the place of the file."""
        return self._states / _key(self._tag(response) or "") / super().path(response).name

    def finish(self, response: httpx.Response) -> Path:
        """Move the file into place, make it the latest, and return where it is."""
        self.path(response).parent.mkdir(parents=True, exist_ok=True)
        path = super().finish(response)
        entry = {
            "path": path.relative_to(self._entry_path.parent).as_posix(),
            "size": path.stat().st_size,
            "etag": self._tag(response),
        }
        write_atomically(self._entry_path, json.dumps(entry).encode())
        return path

    def _tag(self, response: httpx.Response) -> str | None:
        """Return the tag that names the state of the file; a refusal need not repeat it."""
        return entity_tag(response) or self._partial.etag

    def _download(self, send: Sender) -> Flow[Path]:
        try:
            return (yield from super().flow(send))
        except FileNotFoundError:  # the cache was cleared just now
            self._entry = None
            return (yield from super().flow(send))

    def flow(self, send: Sender) -> Flow[Path]:
        """Return the file, downloaded if it is not in the cache or has changed."""
        entry = self._entry
        if entry and (_mark(self._url) in _settled or _mark(self._server) in _settled):
            return entry.path
        try:
            with _explained():
                path = yield from self._download(send)
        except (_Unchanged, Error) as error:
            # A proxy's page with status 200 is not an answer of the server's either.
            is_out_of_reach = isinstance(error, ServerError | TransportError | DownloadError)
            if entry is None or not (is_out_of_reach or _means_unchanged(error)):
                raise
            if is_out_of_reach:
                _logger.warning("%s is taken from the cache: %s", entry.path, error)
            _settled.add(_mark(self._server if is_out_of_reach else self._url))
            return entry.path
        _settled.add(_mark(self._url))
        return path


def _means_unchanged(error: Exception) -> bool:
    return isinstance(error, _Unchanged) or getattr(error, "status_code", None) == 304


def _mark(url: str) -> tuple[int, str]:
    """Return what stands for a URL in this process; a fork is another one."""
    return os.getpid(), url


def _key(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _read_entry(path: Path) -> _Entry | None:
    """Read an entry; return None if it can't be read, or its file has another size now."""
    try:
        entry = json.loads(path.read_text(encoding="ascii"))
        file = path.parent / entry["path"]
        if file.stat().st_size != entry["size"]:
            return None
        return _Entry(file, entry["etag"] and parse_entity_tag(entry["etag"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _explained() -> Iterator[None]:
    """Explain an error of the file system: that the cache can't be written, and what helps."""
    try:
        yield
    except TransportError:
        raise  # one of them is a TimeoutError, which is an OSError
    except OSError as error:
        message = (
            f"the cache can't be written ({error.strerror or error}); "
            "set XDG_CACHE_HOME to a folder that can be, or use save()"
        )
        if error.errno is None:  # astropy's own
            raise OSError(message) from error
        raise OSError(error.errno, message, error.filename) from error
