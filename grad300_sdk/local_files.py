"""Files that are on disk already: read as those of the archive, and repaired."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, Union

from grad300_sdk import fits
from grad300_sdk.downloads import check_unused, write_atomically
from grad300_sdk.engine import excerpt, expand_user
from grad300_sdk.errors import DecodeError

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.table import Table

__all__ = ["Source", "parse", "read", "read_fits", "read_table", "repair"]

T = TypeVar("T")


class BinaryFile(Protocol):
    """An open file, of which only `read` is needed."""

    def read(self) -> bytes:
        """Return the rest of the file."""
        ...


Source: TypeAlias = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryFile]


def read(source: Source) -> Table | HDUList:
    """Read a file as ``file.open()`` reads the file of a scan: the table of a TPI, or HDUs.

    Nothing is sent. The content tells what the file is, so it may have any name.

    Parameters
    ----------
    source : str, Path, bytes or open binary file
        The file: its path (a str is never a URL), its content, or a file that is open for reading
        in binary mode, which is read from where it stands and left open.

    Returns
    -------
    astropy.table.Table or astropy.io.fits.HDUList
        What `read_table` returns for a TPI, and what `read_fits` returns for any other file.

    Raises
    ------
    DecodeError
        If the file can't be read, even in part; the message names it.
    OSError
        If the file can't be opened.

    Warns
    -----
    Grad300Warning
        If the file is broken, and only a part of it could be read.

    Examples
    --------
    >>> import tempfile
    >>> import grad300_sdk
    >>> with (
    ...     tempfile.TemporaryDirectory() as folder,
    ...     Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client,
    ... ):
    ...     for scan_type in "TPI", "Images":
    ...         path = client.scans[scan_type][1].file.save(folder)
    ...         print(type(grad300_sdk.read(path)).__name__)
    PortableTable
    HDUList
    """
    return parse(source, fits.open_file)


def read_table(source: Source) -> Table:
    """Read the table of a file, as ``file.table()`` does for a scan.

    Nothing is sent.

    Parameters
    ----------
    source : str, Path, bytes or open binary file
        As for `read`.

    Returns
    -------
    astropy.table.Table
        The first table of the file, with astropy's units and the header in its ``meta``.

    Raises
    ------
    DecodeError
        If the file can't be read, or has no table (images have none); the message names it.
    OSError
        If the file can't be opened.

    Warns
    -----
    Grad300Warning
        If the file is broken, and only a part of it could be read.

    Examples
    --------
    >>> import grad300_sdk
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     path = client.scans["Spectrum"][1].file.local_path()
    >>> grad300_sdk.read_table(path)["RIGHT_POL"].shape[1]
    1024
    """
    return parse(source, fits.read_table)


def read_fits(source: Source) -> HDUList:
    """Read all HDUs of a file, as ``file.fits()`` reads those of a scan.

    Nothing is sent.

    Parameters
    ----------
    source : str, Path, bytes or open binary file
        As for `read`.

    Returns
    -------
    astropy.io.fits.HDUList
        The HDUs, repaired. They are in memory, and belong to no file.

    Raises
    ------
    DecodeError
        If the file can't be read; the message names it.
    OSError
        If the file can't be opened.

    Warns
    -----
    Grad300Warning
        If the file is broken, and only a part of it could be read.

    Examples
    --------
    >>> import grad300_sdk
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     content = client.scans["Images"][1].file.get()
    >>> grad300_sdk.read_fits(content)[0].header["CTYPE1"]
    'RA'
    """
    return parse(source, fits.read_fits)


def repair(
    source: Source, destination: str | os.PathLike[str] | None = None, *, overwrite: bool = False
) -> Path:
    """Write a copy of a file that follows the FITS Standard, for programs that insist on it.

    Nothing is sent. The copy appears once it is whole, and the file itself is not changed.

    Parameters
    ----------
    source : str, Path, bytes or open binary file
        As for `read`.
    destination : str or Path, optional
        The path of the copy; by default ``{stem}_repaired.fits`` in the folder of the file. Its
        folder is made if it is missing.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    Path
        The copy.

    Raises
    ------
    ValueError
        If `destination` is the file itself, or is missing where `source` is not a path.
    FileExistsError
        If a file of that name exists, and `overwrite` is not set.
    DecodeError
        If the file can't be read; the message names it.
    OSError
        If there is no such file, or the copy can't be written.

    Warns
    -----
    Grad300Warning
        If the file is broken, and only a part of it is in the copy.

    Examples
    --------
    >>> import tempfile
    >>> import grad300_sdk
    >>> from astropy.io import fits
    >>> with (
    ...     tempfile.TemporaryDirectory() as folder,
    ...     Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client,
    ... ):
    ...     path = client.scans["Images"][1].file.save(folder, file_name="map.fits")
    ...     copy = grad300_sdk.repair(path)
    ...     print(copy.name, fits.getheader(copy)["CTYPE1"])
    map_repaired.fits RA
    """
    if destination is not None:
        path = expand_user("destination", destination)
    elif isinstance(source, str | os.PathLike):
        path = expand_user("source", source)
        path = path.with_name(f"{path.stem}_repaired.fits")
    else:
        raise ValueError("pass a destination: only a source that is a path has a folder for it")
    if _is_file(source, path):
        raise ValueError(f"destination must not be the source itself, {path}")
    check_unused(path, overwrite=overwrite)
    content = parse(source, fits.standardise)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content, overwrite=overwrite)
    return path


def parse(source: Source, parse_content: Callable[[bytes], T]) -> T:
    """Return what a function makes of a file; its error names the file."""
    content, name = _load(source)
    try:
        return parse_content(content)
    except DecodeError as error:
        if not name:
            raise
        raise DecodeError(f"{excerpt(name, 400)}: {error}") from error.__cause__


def _load(source: Any) -> tuple[bytes, str]:
    """Return the content of a file, and its name, which is empty if it has none."""
    if isinstance(source, bytes):
        return source, ""
    if isinstance(source, str | os.PathLike):
        path = expand_user("source", source)
        return path.read_bytes(), str(path)
    if isinstance(source, TextIOBase):
        raise TypeError('source must be open in binary mode, as by open(path, "rb")')
    if callable(getattr(source, "read", None)):
        content = source.read()
        if not isinstance(content, bytes):
            given = type(content).__name__
            raise TypeError(f"source must be a binary file, but its read() returns {given}")
        # A file of fsspec has a path in place of a name; that of a descriptor is a number.
        name = getattr(source, "name", None) or getattr(source, "path", None)
        return content, name if isinstance(name, str) else ""
    try:
        return bytes(memoryview(source)), ""
    except TypeError:
        raise TypeError(
            f"source must be a path, bytes, or an open binary file, not {excerpt(repr(source))}"
        ) from None


def _is_file(source: Any, path: Path) -> bool:
    """Return whether a source is the file at a path, whatever its names."""
    try:
        if isinstance(source, str | os.PathLike):
            status = os.stat(expand_user("source", source))
        else:
            status = os.fstat(source.fileno())
        return os.path.samestat(status, os.stat(path))
    except (AttributeError, OSError):  # it is not on a disk, or nothing is at the path
        return False
