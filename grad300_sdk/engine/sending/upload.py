"""Files to upload, passed as bytes, as a path, or open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, TypeAlias

__all__ = ["FileContent", "OpenFile", "prepare_files"]

_PIECE = 64 * 1024


class OpenFile(Protocol):
    """A file that is open for reading bytes, and can be read again from its beginning."""

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position in the file."""
        ...

    def seekable(self) -> bool:
        """Return whether `seek` works."""
        ...


# What can be passed as a file; a str is its text, not a path.
FileContent: TypeAlias = bytes | str | os.PathLike[str] | OpenFile


class _Upload:
    """A file as httpx reads it: from its beginning, each time that it is sent.

    A file passed as a path is open only while it is read. The size of an open file is found by
    seeking, since a compressed file has another size on disk.
    """

    def __init__(self, content: os.PathLike[str] | OpenFile) -> None:
        self._content = content
        self._pieces: Iterator[bytes] = iter(())

    @property
    def path(self) -> str | None:
        """The path, if the file was passed as one."""
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
    """Check files, and return them in the form that httpx accepts.

    Parameters
    ----------
    files : Mapping or list of tuple
        The `FileContent` of each form field, or ``(file name, FileContent)``, which a content type
        and headers may follow as in httpx. A file without a name is called like its field.

    Returns
    -------
    list of tuple
        The name and the file of each field.

    Raises
    ------
    TypeError
        If a file is of a type that can't be sent.
    ValueError
        If an open file, such as a pipe, can't be read again from its beginning.
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
            pass  # it fails here, before anything is sent, if the file can't be read
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
    return name, _Upload(content), *others


def _name(content: object, field: str) -> str:
    path = content if isinstance(content, os.PathLike) else getattr(content, "name", None)
    return Path(path).name if isinstance(path, str | os.PathLike) else field
