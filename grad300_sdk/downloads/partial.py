"""Hidden files, which hold what has arrived of a body so that only the rest is requested again."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Partial",
    "RangeMismatch",
    "entity_tag",
    "parse_entity_tag",
    "remove_stale",
    "write_atomically",
]

# RFC 9110, sections 8.8.3 and 14.4; of entity tags only those that can be sent back unchanged.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_UNSATISFIED_RANGE = re.compile(r"bytes \*/([0-9]{1,18})")
# How many paths are searched for hidden files that killed processes left.
_SEARCHED_PATHS = 8
# So many bytes are written at once: in the pieces that arrive, a large file takes half as long
# again. Nothing is on disk before, and so no state is either: on many file systems, a second
# file costs as much as everything else about a small one.
_BUFFER_SIZE = 256 * 1024


class RangeMismatch(Exception):
    """The server sent another part of a file than was requested, or a part of another file."""


class Partial:
    """A body on its way into a file: a hidden one, which this download alone writes to.

    What an earlier download left is copied into it, and resumed where the server can prove that
    it is the beginning of the same file: by a strong ``ETag``, which is kept in a second hidden
    file, the state. No lock guards the bytes, as some file systems grant every lock to everyone:
    locks only tell what is left over from what is under way.

    Parameters
    ----------
    folder : Path
        The folder of the hidden file.
    name : str
        Distinguishes this download from all others in the folder.

    Attributes
    ----------
    size : int
        How many bytes have arrived.
    total : int or None
        How many there will be, where the server said so.
    etag : str or None
        The strong entity tag of the file.
    file_name : str or None
        The name that the server gave the file.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._prefix = os.path.join(folder, f".{name}")
        self._opened: BinaryIO | None = None
        self._may_resume = True
        self._is_range_requested = False
        self._has_state = False
        self.size = 0
        self.total: int | None = None
        self.etag: str | None = None
        self.file_name: str | None = None

    @property
    def is_truncated(self) -> bool:
        """Whether the body stopped before its end."""
        return self.total is not None and self.size < self.total

    @property
    def first_bytes(self) -> bytes:
        """The first bytes of the body."""
        self._file.seek(0)
        first = self._file.read(80)
        self._file.seek(self.size)
        return first

    def headers(self) -> dict[str, str]:
        """Return the headers that request the missing part; none, to request the whole file."""
        if self._opened is None:
            self._take_over()
        self._is_range_requested = self._may_resume and self.etag is not None and self.size > 0
        if not self._is_range_requested:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": cast("str", self.etag)}

    def accepts(self, response: httpx.Response) -> bool:
        """Return whether a response holds the whole file, or a part where one was requested."""
        return response.status_code in (200, 206 if self._is_range_requested else 200)

    def begin(self, response: httpx.Response, file_name: str | None) -> None:
        """Prepare for the body of a response.

        Raises
        ------
        RangeMismatch
            If it is another part than was requested, or a part of another file.
        """
        if self._is_range_requested and response.status_code == 206:
            self._check_range(response)
            return
        if self._opened is None:
            self._create()
        self.restart()
        length = response.headers.get("Content-Length", "")
        self.total = int(length) if length.isdecimal() else None
        self.etag = _strong(entity_tag(response))
        self.file_name = file_name

    def write(self, data: bytes) -> None:
        """Write the next piece of the body.

        Raises
        ------
        RangeMismatch
            If the part that was requested is longer than the server announced.
        """
        self._file.write(data)
        self.size += len(data)
        if self.total is not None and self._is_range_requested and self.size > self.total:
            raise RangeMismatch
        if self.size >= _BUFFER_SIZE and self.size != self.total:
            self._write_state()

    def is_refused(self, response: httpx.Response) -> bool:
        """Return whether the server does not have the part that was requested."""
        return self._is_range_requested and response.status_code == 416

    def is_complete(self, refusal: httpx.Response) -> bool:
        """Return whether a refusal proves that nothing is missing: the file has just this size."""
        said = _UNSATISFIED_RANGE.fullmatch(refusal.headers.get("Content-Range", ""))
        is_same = entity_tag(refusal) in (None, self.etag)
        return said is not None and int(said[1]) == self.size and is_same

    def restart(self, *, may_resume: bool = True) -> None:
        """Discard what has arrived; unless `may_resume`, always request the whole file."""
        self._remove_state()
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        self.etag = self.total = None
        self._may_resume &= may_resume

    def move(self, target: Path, *, overwrite: bool) -> None:
        """Move the file to its place in one step, and end this download.

        Raises
        ------
        FileExistsError
            If another file is there, and `overwrite` is not set.
        """
        self._file.flush()
        self._remove_state()
        if not os.path.lexists(self._path):  # somebody who was granted its lock has removed it
            self._write_again()
        path = self._path
        if sys.platform == "win32":
            self._file.close()  # Windows moves no open file
        _move(path, target, overwrite=overwrite)
        self._file.close()
        self._opened = None

    def _write_again(self) -> None:
        """Write the file under another hidden name."""
        with self._file as removed:
            removed.seek(0)
            self._create()
            shutil.copyfileobj(removed, self._file, _BUFFER_SIZE)
        self._file.flush()

    def equals(self, path: Path) -> bool:
        """Return whether a file has the same bytes."""
        return path.is_file() and filecmp.cmp(self._path, path, shallow=False)

    def close(self, *, keep: bool) -> None:
        """End this download; keep what has arrived if asked to, and if it can be resumed."""
        if self._opened is None:
            return
        if not (keep and self._is_left_resumable()):
            if sys.platform == "win32":
                self._file.close()  # Windows removes no open file
            # Elsewhere before it is closed: then it may be another download's.
            self._remove_state()
            _remove(self._path)
        with suppress(OSError):
            self._file.close()
        self._opened = None

    @property
    def _file(self) -> BinaryIO:
        return cast("BinaryIO", self._opened)

    @property
    def _path(self) -> str:
        return self._file.name

    def _path_of(self, number: int) -> str:
        return f"{self._prefix}{f'.{number}' if number else ''}.part"

    def _take_over(self) -> None:
        """Copy what an earlier download left, and remove what is left."""
        for path in filter(os.path.exists, map(self._path_of, range(_SEARCHED_PATHS))):
            with _left(path) as left:
                if left is None:
                    continue
                if self._opened is None:
                    self._copy(left)
                _remove(_state_path(path))
                _remove(path)

    def _copy(self, left: BinaryIO) -> None:
        """Copy a file that was left, if it has a state, which tells what file it begins."""
        state = _read_state(left.name)
        if state is None:
            return
        self._create()
        self._remove_state()
        shutil.copyfileobj(left, self._file, _BUFFER_SIZE)
        self.size = self._file.tell()
        if _read_state(left.name) != state:  # it was under way after all, and has started over
            self.restart()
        else:
            self.etag, self.file_name = state
            self._file.flush()
            self._write_state()

    def _create(self) -> None:
        """Create a hidden file."""
        for number in count():
            try:
                self._opened = _create(self._path_of(number))
            except FileExistsError:
                continue
            except FileNotFoundError:
                try:
                    os.makedirs(self._folder, exist_ok=True)
                    self._opened = _create(self._path_of(number))
                except OSError as error:  # without the error that the folder was missing
                    raise error from None
            self._has_state = True  # if a stale one stands there, it must go
            return

    def _is_left_resumable(self) -> bool:
        """Return whether a later call can resume, for which the state is written."""
        # Where there are no locks, nobody could tell it from a download under way.
        if not (self.size and self.etag and _lock(self._file)):
            return False
        try:
            self._file.flush()
            self._write_state()
        except OSError:
            return False
        return True

    def _write_state(self) -> None:
        if self._has_state or self.etag is None:
            return
        with open(_state_path(self._path), "x", encoding="ascii") as file:
            json.dump({"etag": self.etag, "file_name": self.file_name}, file)
        self._has_state = True

    def _remove_state(self) -> None:
        if self._has_state:
            _remove(_state_path(self._path))
            self._has_state = False

    def _check_range(self, response: httpx.Response) -> None:
        said = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if said is None or entity_tag(response) != self.etag:
            raise RangeMismatch
        first, last, total = map(int, said.groups())
        if first != self.size or last + 1 != total or self.total not in (None, total):
            raise RangeMismatch
        self.total = total


def write_atomically(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file in one step: what was there before stays until all of it is written.

    Raises
    ------
    FileExistsError
        If a file is there, and `overwrite` is not set.
    """
    draft = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        draft.write_bytes(data)
        _move(draft, path, overwrite=overwrite)
    finally:
        draft.unlink(missing_ok=True)


def entity_tag(response: httpx.Response) -> str | None:
    """Return the ``ETag`` of a response, if it has a valid one."""
    return parse_entity_tag(response.headers.get("ETag", "").strip())


def parse_entity_tag(text: str) -> str | None:
    """Return an entity tag, or None if the text is not one."""
    return text if _ENTITY_TAG.fullmatch(text) else None


def _strong(etag: str | None) -> str | None:
    """Return an entity tag if it stands for each single byte of the body."""
    return None if etag is None or etag.startswith("W/") else etag


def remove_stale(path: str | os.PathLike[str]) -> None:
    """Remove a hidden file, and its state, if no download is writing it any more."""
    with _left(os.fspath(path)) as left:
        if left is not None:
            _remove(_state_path(path))
            _remove(os.fspath(path))


def _create(path: str) -> BinaryIO:
    """Create a hidden file, which no other download has, and lock it while it is written."""
    file = open(path, "x+b", _BUFFER_SIZE, opener=_open_no_link)  # noqa: SIM115 - returned
    _lock(file)
    return file


@contextmanager
def _left(path: str) -> Iterator[BinaryIO | None]:
    """Open a hidden file for reading, if the download that wrote it has ended."""
    try:
        file = open(path, "r+b", opener=_open_no_link)  # noqa: SIM115 - closed below
    except OSError:
        yield None
        return
    with file:
        status = os.fstat(file.fileno())
        is_left = _lock(file) is True
        if is_left and status.st_nlink > 1:  # it became the file, and then its process was killed
            _remove(path)
            is_left = False
        try:  # it may have become the file just now
            is_left = is_left and os.path.samestat(status, os.lstat(path))
        except FileNotFoundError:
            is_left = False
        yield file if is_left else None


def _read_state(path: str) -> tuple[str | None, str | None] | None:
    """Return the entity tag and the name that belong to a hidden file; None without a state."""
    try:
        with open(_state_path(path), encoding="ascii") as file:
            state = json.load(file)
        return _strong(parse_entity_tag(state["etag"])), state["file_name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _state_path(path: str | os.PathLike[str]) -> str:
    return f"{os.path.splitext(path)[0]}.state"


def _remove(path: str | os.PathLike[str]) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _move(path: str | os.PathLike[str], target: Path, *, overwrite: bool) -> None:
    """Move a file to its place in one step, which must be free unless `overwrite` is set."""
    if overwrite or not _link(path, target):
        os.replace(path, target)
    else:
        _remove(path)


def _link(path: str | os.PathLike[str], target: Path) -> bool:
    """Link a file to a second name, which must be free; return False where links don't exist."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise FileExistsError(f"{target} already exists") from None
        return False
    return True


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> bool | None:
        """Return None: whether another process owns the file can't be known."""
        return None

else:
    import fcntl

    def _lock(file: BinaryIO) -> bool | None:
        """Lock a file; return False if another process has, None where there are no locks."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
