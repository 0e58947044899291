"""The archive as a file system of fsspec, for dask, pandas, pyarrow and others that take its URLs.

It needs ``pip install "grad300-sdk[fsspec]"``. The files of the archive then have URLs, without
importing this module:

>>> import fsspec
>>> options = {"base_url": sandbox.url, "user": sandbox.user, "password": sandbox.password}
>>> with fsspec.open("grad300://TPI/1.fits", **options) as file:
...     file.read(9)
b'SIMPLE  ='
"""

from __future__ import annotations

import hashlib
import hmac
import inspect
import os
import pickle
import re
import weakref
from asyncio import run_coroutine_threadsafe
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from errno import EACCES, EISDIR, ENOENT, EROFS, ESTALE
from inspect import Signature
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import asdict

from grad300_sdk.client import AsyncClient
from grad300_sdk.errors import AuthenticationError, Grad300APIError, NotFoundError
from grad300_sdk.filters import parse_date
from grad300_sdk.records import ScanRecord, ScanType

try:
    from fsspec.asyn import AsyncFileSystem, get_loop, reset_lock, sync
    from fsspec.callbacks import DEFAULT_CALLBACK
    from fsspec.config import apply_config
    from fsspec.json import FilesystemJSONEncoder
    from fsspec.spec import AbstractBufferedFile
    from fsspec.utils import isfilelike
except ModuleNotFoundError as error:  # pragma: no cover - tests need fsspec
    raise ModuleNotFoundError(
        'fsspec is not installed; run pip install "grad300-sdk[fsspec]"', name=error.name
    ) from error

if TYPE_CHECKING:
    import httpx

__all__ = ["Grad300File", "Grad300FileSystem"]

# The options that may hold a secret.
_SECRET_OPTIONS = frozenset({"headers", "password", "proxy", "token"})
_PROCESS_KEY = os.urandom(32)
_FILE = re.compile(r"(0|[1-9][0-9]*)(\.fits)?")
# RFC 9110, section 14.4
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]+)-([0-9]+)|\*)/([0-9]+)")

Info = dict[str, Any]


class _Secret:
    """An option that is not shown.

    fsspec makes the keys of its caches from the text of the options: that of equal secrets is
    equal, within a process, and says nothing about them.
    """

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        digest = hmac.digest(_PROCESS_KEY, pickle.dumps(self.value), hashlib.sha256)
        return f"<secret {digest.hex()[:32]}>"


class _HidesSecrets(type(AsyncFileSystem)):  # type: ignore[misc]  # fsspec has no types
    """Hides secrets from fsspec, which keeps the options of each file system in plain text."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        options = apply_config(self, options)  # fsspec's own configuration may hold secrets too
        for name in _SECRET_OPTIONS & options.keys():
            if not isinstance(options[name], _Secret | None):
                options[name] = _Secret(options[name])
        return super().__call__(*args, **options)

    @property
    def __signature__(self) -> Signature:
        signature = inspect.signature(inspect.getattr_static(self, "__init__"))
        return Signature(list(signature.parameters.values())[1:])


class _Part(NamedTuple):
    """What the server sent of a file."""

    content: bytes
    size: int  # of the file
    etag: str | None
    is_whole: bool


class Grad300FileSystem(AsyncFileSystem, metaclass=_HidesSecrets):
    """The archive as a read-only file system of fsspec.

    It has two levels: a folder for each type of scan, and in it a file for each scan, named by its
    id: ``TPI/42.fits``, or ``TPI/42`` for short.

    Parameters
    ----------
    base_url : str, optional
        URL of the archive's server, as for `~grad300_sdk.AsyncClient`.
    block_size, cache_type, cache_options
        How an open file reads, as for fsspec's ``open``: by default, blocks of 5 MiB with
        ``readahead``.
    listings_expiry_time : float
        How long a listing is used again before the server is asked anew, in seconds.
    asynchronous, loop, batch_size, use_listings_cache, max_paths
        Options of every file system of fsspec. By default, as many files are read at once as the
        client has connections.
    **options
        The other keywords of `~grad300_sdk.AsyncClient`, such as ``user`` and ``password``.

    Attributes
    ----------
    client : AsyncClient
        What sends the requests.

    Raises
    ------
    FileNotFoundError
        By each method, if the archive does not have the file.
    PermissionError
        By each method, if the server refuses the credentials.
    OSError
        By each method that would write, with the errno ``errno.EROFS``.
    fsspec.exceptions.FSTimeoutError
        By each method, if the server does not answer in time.
    Grad300Error
        By each method, for any other error of the server or the network.

    Notes
    -----
    Credentials that are passed travel along when the file system is pickled; those that the client
    found are found again in the other process. Neither its text, its JSON nor a key of a cache
    holds a secret.

    The size of a file is that in the archive's listing, which may be out of date. What is read is
    the file as it is: an open file knows its real size.

    Examples
    --------
    >>> fs = Grad300FileSystem(sandbox.url, user=sandbox.user, password=sandbox.password)
    >>> fs.ls("", detail=False)
    ['TPI', 'Images', 'Spectrum', 'OnOff']
    >>> fs.info("TPI/1")["file_name"]
    '2025...TPI-...#.fits'
    >>> fs.cat_file("TPI/1.fits", end=9)
    b'SIMPLE  ='
    """

    protocol = "grad300"
    _loop: Any
    _pid: int

    def __init__(
        self,
        base_url: str | None = None,
        *,
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        listings_expiry_time: float | None = 60,
        asynchronous: bool = False,
        loop: Any = None,
        batch_size: int | None = None,
        use_listings_cache: bool = True,
        max_paths: int | None = None,
        **options: Any,
    ) -> None:
        for name in _SECRET_OPTIONS & options.keys():
            options[name] = getattr(options[name], "value", None)
        self.client = AsyncClient(base_url, **options)
        self.block_size, self.cache_type = block_size, cache_type
        self.cache_options = cache_options
        super().__init__(
            asynchronous=asynchronous,
            loop=loop,
            batch_size=batch_size or self.client.max_connections,
            use_listings_cache=use_listings_cache,
            listings_expiry_time=listings_expiry_time,
            max_paths=max_paths,
        )
        if not asynchronous:
            weakref.finalize(self, _close, self.client, self._loop, os.getpid()).atexit = False

    @property
    def fsid(self) -> str:
        """What names the file system in every process: the URL of the archive's API."""
        return f"{self.protocol}+{self.client.base_api_url}"

    def __dask_tokenize__(self) -> str:
        return self.fsid

    @property
    def loop(self) -> Any:
        """The event loop that sends the requests; a forked process has one of its own."""
        if self._pid != os.getpid():
            self._loop = None if self.asynchronous else get_loop()
            self._pid = os.getpid()
        return self._loop

    def to_dict(self, *, include_password: bool = True) -> dict[str, Any]:
        """Return what the file system is made from, without the user and without secrets.

        Parameters
        ----------
        include_password : bool
            Makes no difference: a password is never included.

        Returns
        -------
        dict
            The class, the protocol, and the options.
        """
        serialized = FilesystemJSONEncoder().make_serializable
        options = {
            name: serialized(value)
            for name, value in self.storage_options.items()
            if not (name == "user" or isinstance(value, _Secret | None))
        }
        name = f"{type(self).__module__}:{type(self).__name__}"
        args = serialized(self.storage_args)
        return {"cls": name, "protocol": self.protocol, "args": args, **options}

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Return the one name of a file or a folder, from a URL or another form of its name."""
        path = super()._strip_protocol(path)
        if isinstance(path, list):
            return path
        folder, slash, name = path.lstrip("/").partition("/")
        try:
            folder = ScanType(folder).value
        except ValueError:
            return f"{folder}{slash}{name}"  # a pattern, or no folder of the archive's
        match = _FILE.fullmatch(name)
        return f"{folder}{slash}{f'{match[1]}.fits' if match else name}"

    def _scan(self, path: str) -> Any:
        """Return the node of the scan whose file has a name."""
        folder, _, name = self._strip_protocol(path).partition("/")
        if _is_folder(folder) and not name:
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), path)
        match = _FILE.fullmatch(name)
        if match is None or not _is_folder(folder):
            raise FileNotFoundError(ENOENT, "the archive has no such file", path)
        return self.client.scans[ScanType(folder)][int(match[1])]

    async def _ls(
        self, path: str, detail: bool = True, *, refresh: bool = False, **kwargs: Any
    ) -> list[Any]:
        path = self._strip_protocol(path)
        if not path:
            infos = [_folder_info(scan_type.value) for scan_type in ScanType]
        elif _is_folder(path):
            infos = await self._list(path, refresh=refresh)
        else:
            infos = [await self._info(path)]
        return infos if detail else [info["name"] for info in infos]

    async def _list(self, folder: str, *, refresh: bool = False) -> list[Info]:
        """Return the files of a folder, from the last listing if it is recent."""
        infos = None if refresh else self.dircache.get(folder)
        if infos is None:
            with _os_errors(folder):
                records = await self.client.scans[ScanType(folder)].records()
            self.dircache[folder] = infos = [_file_info(record) for record in records]
        return [dict(info) for info in infos]

    async def _info(self, path: str, **kwargs: Any) -> Info:
        path = self._strip_protocol(path)
        if not path or _is_folder(path):
            return _folder_info(path)
        scan = self._scan(path)
        folder = scan.scan_type.value
        info = _find_info(self.dircache.get(folder, []), path)
        if info is None:
            with _os_errors(path):
                try:
                    info = _file_info(await scan.record())
                except NotFoundError as error:
                    if error.message == "Not Found":  # FastAPI's words for a path it does not know
                        info = _find_info(await self._list(folder), path)
                    if info is None:
                        raise
        return dict(info)

    async def _isdir(self, path: str) -> bool:
        path = self._strip_protocol(path)
        return not path or _is_folder(path)

    async def _isfile(self, path: str) -> bool:
        try:
            info = await self._info(path)
        except FileNotFoundError:  # fsspec would take every error for an answer
            return False
        return bool(info["type"] == "file")

    async def _walk(
        self,
        path: str,
        maxdepth: int | None = None,
        *,
        on_error: str | Callable[[OSError], object] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        on_error = on_error or _raise_unless_missing
        async for item in super()._walk(path, maxdepth, on_error=on_error, **kwargs):
            yield item

    def walk(
        self,
        path: str,
        maxdepth: int | None = None,
        *,
        on_error: str | Callable[[OSError], object] | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Yield the folders below a path, and what is in them.

        Parameters
        ----------
        path : str
            The name of a folder.
        maxdepth : int, optional
            How many levels to descend; all by default.
        on_error : {"omit", "raise"} or callable, optional
            What to do about a folder that can't be listed. By default, a folder that is not there
            is left out, and any other error is raised.
        **kwargs
            As for other file systems of fsspec.

        Yields
        ------
        tuple
            The name of a folder, the names of the folders in it, and those of the files.
        """
        on_error = on_error or _raise_unless_missing
        yield from super().walk(path, maxdepth, on_error=on_error, **kwargs)

    async def _fetch(self, path: str, start: int = 0, stop: int | None = None) -> _Part:
        """Return a slice of a file, or all of it from a server that sends no ranges.

        A negative `start`, which has no `stop`, counts from the end; `stop` is above `start`.
        """
        file = self._scan(path).file
        with _os_errors(path):
            if start or stop is not None:
                part = _read_part(await self._request_range(file.path, start, stop), start, stop)
                if part is not None:
                    return part
            content = await file.get()
        return _Part(content, len(content), None, is_whole=True)

    async def _request_range(self, path: str, start: int, stop: int | None) -> httpx.Response:
        last = "" if stop is None else stop - 1
        headers = {"Range": f"bytes={start}" if start < 0 else f"bytes={start}-{last}"}
        try:
            return await self.client.request("GET", path, headers=headers)
        except Grad300APIError as error:
            if error.status_code != 416 or error.response is None:
                raise
            return error.response

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        first, stop = start or 0, end if end is not None and end >= 0 else None
        if stop is not None and (stop == 0 or 0 <= stop <= first):
            return b""
        if first < 0 and stop is not None:  # no range says so
            first, stop = 0, None
        part = await self._fetch(path, first, stop)
        if part.is_whole:
            return part.content[start:end]
        return part.content if stop == end else part.content[:end]

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **kwargs: Any
    ) -> None:
        if isfilelike(lpath):
            lpath.write(await self._cat_file(rpath))
            return
        if await self._isdir(rpath):
            os.makedirs(lpath, exist_ok=True)
            return

        def progress(done: int, total: int | None) -> None:
            if total is not None:
                callback.set_size(total)
            callback.absolute_update(done)

        folder, name = os.path.split(os.path.abspath(lpath))
        file = self._scan(rpath).file
        with _os_errors(rpath):
            await file.save(folder, file_name=name, overwrite=True, progress=progress)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        *,
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Grad300File:
        if mode != "rb":
            raise _read_only()
        return Grad300File(
            self,
            path,
            mode,
            block_size or self.block_size,
            cache_type=cache_type or self.cache_type,
            cache_options=cache_options or self.cache_options,
            **kwargs,
        )

    def created(self, path: str) -> datetime | None:
        """Return the date of a scan.

        Parameters
        ----------
        path : str
            The name of its file.

        Returns
        -------
        datetime or None
            The date, in UTC.
        """
        date: datetime | None = self.info(path)["date"]
        return date

    def modified(self, path: str) -> datetime | None:
        """Return when a file was modified, as far as the server says it.

        Parameters
        ----------
        path : str
            The name of the file.

        Returns
        -------
        datetime or None
            The time, in UTC.
        """
        time: datetime | None = self.info(path).get("mtime")
        return time

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget the listings.

        Parameters
        ----------
        path : str, optional
            Makes no difference.
        """
        self.dircache.clear()

    async def _refuse(self, *args: Any, **kwargs: Any) -> None:
        raise _read_only()

    _cp_file = _makedirs = _mkdir = _mv_file = _pipe_file = _put_file = _rm = _rm_file = _refuse

    def rmdir(self, path: str) -> None:
        """Raise an error: the archive can only be read.

        Parameters
        ----------
        path : str
            The name of a folder.

        Raises
        ------
        OSError
            Always, with the errno ``errno.EROFS``.
        """
        raise _read_only()

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Raise an error: the archive can only be read.

        Parameters
        ----------
        path : str
            The name of a file.
        truncate : bool
            Makes no difference.
        **kwargs
            Make no difference.

        Raises
        ------
        OSError
            Always, with the errno `errno.EROFS`.
        """
        raise _read_only()


class Grad300File(AbstractBufferedFile):
    """An open file of the archive, which ``Grad300FileSystem.open`` returns.

    Opening it fetches its first block, which says how large the file is.
    """

    size: Any  # None until the first block has come

    def __init__(
        self,
        fs: Grad300FileSystem,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        *,
        size: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.fs, self.path, self.size = fs, path, size
        self._etag: str | None = None
        self._start = b""  # of the file; all of it if the server sends no ranges
        block_size = block_size or self.DEFAULT_BLOCK_SIZE
        if size is None:
            part = self._read(0, block_size)
            self._start, size = part.content, part.size
        super().__init__(fs, path, mode, block_size, size=size, **kwargs)

    def _fetch_range(self, start: int, end: int) -> bytes:
        end = min(end, self.size)
        if end > len(self._start):
            part = self._read(start, end)
            if not part.is_whole:
                return part.content
            self._start = part.content
        return self._start[start:end]

    def _read(self, start: int, stop: int) -> _Part:
        part: _Part = sync(self.fs.loop, self.fs._fetch, self.path, start, stop)
        is_other = self._etag and part.etag and part.etag != self._etag
        if self.size not in (None, part.size) or is_other:
            raise OSError(ESTALE, "the file has changed since it was opened", self.path)
        self.size, self._etag = part.size, part.etag or self._etag
        return part


def _read_part(response: httpx.Response, start: int, stop: int | None) -> _Part | None:
    """Return the slice of a file that a response has, or None if it is not the one asked for."""
    content, etag = response.content, response.headers.get("ETag")
    if response.status_code == 200:
        return _Part(content, len(content), etag, is_whole=True)
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return None
    first, last, total = match.groups()
    if response.status_code == 416:  # nothing of the file is there; the content is a message
        content, sent = b"", range(0)
    elif first is None:
        return None
    else:
        sent = range(int(first), int(last) + 1)
    size = int(total)
    if sent != range(size)[start:stop] or len(content) != len(sent):
        return None
    return _Part(content, size, etag, is_whole=len(sent) == size)


def _close(client: AsyncClient, loop: Any, process: int) -> None:
    """Close a client whose file system is gone; a forked process has no such loop."""
    if os.getpid() == process and loop.is_running():
        run_coroutine_threadsafe(client.aclose(), loop)


def _is_folder(name: str) -> bool:
    return name in list(ScanType)


def _folder_info(name: str) -> Info:
    return {"name": name, "size": 0, "type": "directory"}


def _file_info(record: ScanRecord) -> Info:
    fields = asdict(record)
    modified = parse_date(fields.pop("metadata").get("mtime"))
    times = {"mtime": modified} if modified else {}  # universal_pathlib warns of None
    name = f"{record.scan_type.value}/{record.id}.fits"
    return {"name": name, "type": "file", **fields, **times}


def _find_info(infos: list[Info], name: str) -> Info | None:
    return next((info for info in infos if info["name"] == name), None)


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _read_only() -> OSError:
    return OSError(EROFS, "the archive can only be read")


@contextmanager
def _os_errors(path: str) -> Iterator[None]:
    """Raise Python's own errors for a file that is not there, and for refused credentials."""
    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(ENOENT, error.message, path) from error
    except AuthenticationError as error:
        raise PermissionError(EACCES, error.message, path) from error


# The thread of fsspec's event loop does not survive a fork, and older versions do not notice.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reset_lock)
