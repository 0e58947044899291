"""Files to upload: given by their bytes, by a path, or open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, TypeAlias

__all__ = ["FileContent", "OpenFile", "prepare_files"]

_PIECE = 64 * 1024


class OpenFile(Protocol):
    """A file that is open for reading bytes, and can be read from its beginning again."""

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in it."""
        ...

    def seekable(self) -> bool:
        """Say whether that can be done."""
        ...


# What a file can be given by; a str is its text, and no path.
FileContent: TypeAlias = bytes | str | os.PathLike[str] | OpenFile


class _Source:
    """What httpx reads a file from: whole, each time that the file is sent.

    A file given by its path is open only while it is read. The size of an open file is found by
    seeking: that of a compressed file on disk is another.
    """

    def __init__(self, content: os.PathLike[str] | OpenFile) -> None:
        self._content = content
        self._pieces: Iterator[bytes] = iter(())

    @property
    def path(self) -> str | None:
        """The path, where the file was given by it."""
        return os.fspath(self._content) if isinstance(self._content, os.PathLike) else None

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._pieces = self._read()
        if whence == os.SEEK_SET:
            return 0
        with self._opened() as file:
            return file.seek(0, os.SEEK_END)

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")

    def _read(self) -> Iterator[bytes]:
        with self._opened() as file:
            file.seek(0)
            while piece := file.read(_PIECE):
                yield piece

    def _opened(self) -> AbstractContextManager[OpenFile]:
        if isinstance(self._content, os.PathLike):
            return open(self._content, "rb")
        return nullcontext(self._content)


def prepare_files(files: object) -> list[tuple[str, Any]]:
    """Check files, and give them as httpx takes them.

    Parameters
    ----------
    files : Mapping or list of tuple
        For each field of the form the `FileContent`, or ``(file name, FileContent)``, after which
        httpx takes a content type and headers. A file without a name is called as its field.

    Returns
    -------
    list of tuple
        Name and file of each field.

    Raises
    ------
    TypeError
        If a file is nothing that can be sent.
    ValueError
        If an open file can't be read from its beginning, as a pipe can't.
    OSError
        If there is no file at a path, or it can't be read.
    """
    pairs = list(files.items()) if isinstance(files, Mapping) else files
    if not isinstance(pairs, list | tuple):
        raise TypeError(f"files must be a mapping of fields to files, not {type(files).__name__}")
    return [(field, _prepare_file(field, file)) for field, file in pairs]


def _prepare_file(field: str, file: Any) -> tuple[Any, ...]:
    name, content, *others = file if isinstance(file, tuple) else (_name(file, field), file)
    what = f"files[{field!r}]"
    if isinstance(content, os.PathLike):
        with open(content, "rb"):
            pass  # said before anything is sent: it is there, and can be read
    elif hasattr(content, "read"):
        if not isinstance(content.read(0), bytes):
            raise TypeError(f"{what} is open as text; open it in binary mode, 'rb'")
        if not (hasattr(content, "seekable") and content.seekable()):
            raise ValueError(f"{what} can't be read from its beginning again; give its bytes")
    elif not isinstance(content, bytes | str):
        kind = type(content).__name__
        raise TypeError(f"{what} must be bytes, str, a path or an open file, not {kind}")
    else:
        return name, content, *others
    return name, _Source(content), *others


def _name(content: object, field: str) -> str:
    path = content if isinstance(content, os.PathLike) else getattr(content, "name", None)
    return Path(path).name if isinstance(path, str | os.PathLike) else field
