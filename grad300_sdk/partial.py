"""Hidden files that hold what has come of a body, so that only the rest is asked for again."""

from __future__ import annotations

import filecmp
import json
import os
import re
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    import httpx

__all__ = ["Mismatch", "Partial", "checked_tag", "entity_tag", "remove_left"]

# RFC 9110, sections 8.8.3 and 14.4; of an entity tag only what can be sent back as it is.
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,18})")
# In so many places are hidden files looked for that a process left which was killed.
_PLACES = 8


class Mismatch(Exception):
    """A server sent another part of a file than was asked for, or a part of another file."""


class Partial:
    """A body on its way into a file: a hidden one, which one download at a time has.

    What an earlier download left there is gone on with, where the server can prove that it is
    the beginning of the same file: by a strong ``ETag``, which is kept in a file beside it.

    Parameters
    ----------
    folder : Path
        Where the hidden file is.
    name : str
        What tells this download from all others in the folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._file: BinaryIO | None = None
        self.is_part_asked = False
        self._may_resume = True
        self.total: int | None = None
        self.etag: str | None = None
        self.file_name: str | None = None

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return 0 if self._file is None else self._file.tell()

    @property
    def is_cut(self) -> bool:
        """Whether the body stopped before its end."""
        return self.total is not None and self.size < self.total

    @property
    def start(self) -> bytes:
        """The first bytes of the body."""
        file = self._opened
        end = file.tell()
        file.seek(0)
        start = file.read(80)
        file.seek(end)
        return start

    def headers(self) -> dict[str, str]:
        """Ask for what is missing; for all, where that can't be asked for."""
        if self._file is None:
            self._take_up()
        self.is_part_asked = self._may_resume and self.etag is not None and self.size > 0
        if not self.is_part_asked:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": cast("str", self.etag)}

    def is_expected(self, response: httpx.Response) -> bool:
        """Say whether a response has the whole file, or is the answer to a question for a part."""
        return response.status_code in (200, 206 if self.is_part_asked else 200)

    def begin(self, response: httpx.Response, file_name: str | None) -> None:
        """Make ready for the body of a response, and keep what that one goes on with.

        Raises
        ------
        Mismatch
            If the response has another part than was asked for, or one of another file.
        """
        if self.is_part_asked and response.status_code == 206:
            self._check_part(response)
            return
        if self._file is None:
            self._open()
        self.restart()
        length = response.headers.get("Content-Length", "")
        self.total = int(length) if length.isdecimal() else None
        self.etag = _strong(entity_tag(response))
        self.file_name = file_name
        if self.etag is not None:
            state = {"etag": self.etag, "file_name": file_name}
            with open(self._state, "x", encoding="ascii") as file:
                json.dump(state, file)

    def write(self, data: bytes) -> None:
        """Take the next piece of the body.

        Raises
        ------
        Mismatch
            If the part that was asked for is longer than it was said to be.
        """
        self._opened.write(data)
        if self.is_part_asked and self.total is not None and self.size > self.total:
            raise Mismatch

    def is_refused(self, response: httpx.Response) -> bool:
        """Say whether a server has no such part as was asked for."""
        return self.is_part_asked and response.status_code == 416

    def is_whole(self, refusal: httpx.Response) -> bool:
        """Say whether a refusal proves that nothing is missing: the whole file has this size."""
        said = _UNSATISFIED.fullmatch(refusal.headers.get("Content-Range", ""))
        is_same = entity_tag(refusal) in (None, self.etag)
        return said is not None and int(said[1]) == self.size and is_same

    def restart(self, *, may_resume: bool = True) -> None:
        """Forget what has come; if not `may_resume`, ask for the whole file from now on."""
        file = self._opened
        self._state.unlink(missing_ok=True)
        file.seek(0)
        file.truncate()
        self.etag = self.total = None
        self._may_resume &= may_resume

    def move(self, target: Path, *, overwrite: bool) -> None:
        """Move the file to its place in one step, and end this download.

        Raises
        ------
        FileExistsError
            If there is another file, and `overwrite` is not set.
        """
        file, path = self._opened, self._path
        file.flush()
        self._state.unlink(missing_ok=True)
        if sys.platform == "win32":
            file.close()  # it moves no file that is open
        if overwrite or not _link(path, target):
            os.replace(path, target)
        else:
            path.unlink()
        file.close()
        self._file = None

    def equals(self, path: Path) -> bool:
        """Say whether a file has the same bytes."""
        return path.is_file() and filecmp.cmp(self._path, path, shallow=False)

    def close(self, *, keep: bool) -> None:
        """End this download; what came is kept only where it can be gone on with."""
        if self._file is None:
            return
        try:
            self._file.flush()
        except OSError:
            keep = False
        # Where there are no locks, nobody could go on with it.
        if not (keep and self.size and self.etag and _lock(self._file)):
            if sys.platform == "win32":
                self._close()  # it removes no file that is open
            # Elsewhere before it is closed: then it may be another download's.
            self._state.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
        self._close()
        self._file = None

    def _close(self) -> None:
        with suppress(OSError):
            self._opened.close()

    @property
    def _opened(self) -> BinaryIO:
        assert self._file is not None
        return self._file

    @property
    def _path(self) -> Path:
        return Path(self._opened.name)

    @property
    def _state(self) -> Path:
        return self._path.with_suffix(".state")

    def _place(self, number: int) -> Path:
        return self._folder / f".{self._name}{f'.{number}' if number else ''}.part"

    def _take_up(self) -> None:
        """Open what another download left, and read what is known of it; remove the others."""
        for place in [place for place in map(self._place, range(_PLACES)) if place.exists()]:
            if self._file is None:
                self._file = _claimed(place)
            else:  # of a process that saved this file at the same time, and was killed
                remove_left(place)
        if self._file is None:
            return
        self._file.seek(0, os.SEEK_END)
        with suppress(OSError, ValueError, KeyError, TypeError):
            state = json.loads(self._state.read_text(encoding="ascii"))
            self.etag, self.file_name = _strong(checked_tag(state["etag"])), state["file_name"]

    def _open(self) -> None:
        """Make a hidden file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in count():
            self._file = _claimed(self._place(number), make=True)
            if self._file is not None:
                return

    def _check_part(self, response: httpx.Response) -> None:
        said = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if said is None or entity_tag(response) != self.etag:
            raise Mismatch
        first, last, total = map(int, said.groups())
        if first != self.size or last + 1 != total or self.total not in (None, total):
            raise Mismatch
        self.total = total


def entity_tag(response: httpx.Response) -> str | None:
    """Give the ``ETag`` of a response, if it is one."""
    return checked_tag(response.headers.get("ETag", "").strip())


def checked_tag(text: str) -> str | None:
    """Give an entity tag, if that is what a text is."""
    return text if _TAG.fullmatch(text) else None


def _strong(etag: str | None) -> str | None:
    """Give an entity tag if it stands for each single byte of the body."""
    return None if etag is None or etag.startswith("W/") else etag


def remove_left(path: Path) -> None:
    """Remove a hidden file that no download has any more."""
    if file := _claimed(path):
        path.with_suffix(".state").unlink(missing_ok=True)
        path.unlink()
        file.close()


def _claimed(path: Path, *, make: bool = False) -> BinaryIO | None:
    """Open a hidden file, if no other download has it."""
    try:
        file = open(path, "x+b" if make else "r+b", opener=_open_no_link)  # noqa: SIM115 - handed out
    except FileExistsError:
        return _claimed(path)
    except OSError:
        if make:
            raise
        return None
    try:
        is_free = _lock(file)
        if make if is_free is None else is_free:  # a new file is no other download's
            links = os.fstat(file.fileno()).st_nlink
            if links == 1 and os.path.samestat(os.fstat(file.fileno()), os.lstat(path)):
                return file
            if links > 1:  # it became the file, and its process was killed then
                path.unlink()
    except FileNotFoundError:  # it became the file just now
        pass
    file.close()
    return None


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _link(path: Path, target: Path) -> bool:
    """Give a file a second name, which fails where there is one; say whether that was possible."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise FileExistsError(f"{target} is there already") from None
        return False
    return True


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> bool | None:
        """Say that it can't be known whether another process has the file."""
        return None

else:
    import fcntl

    def _lock(file: BinaryIO) -> bool | None:
        """Lock a file; False if another has it, None where there are no locks."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
