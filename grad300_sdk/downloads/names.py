"""The names that files are saved under, and the folder that they go to."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import Path
from unicodedata import normalize

from grad300_sdk.engine import expand_user
from grad300_sdk.records import ScanType

__all__ = [
    "check_file_name",
    "check_folder",
    "check_unused",
    "content_disposition_filename",
    "exists_error",
    "fallback_name",
    "safe_name",
    "unique_names",
]

# Characters and names that Windows does not allow in the name of a file.
_NOT_ALLOWED = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(
    r"(?:con|conin\$|conout\$|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)
# RFC 9110, section 5.6.4: a quoted string; its end may be missing.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"?')
_LONGEST_NAME = 200  # bytes


def safe_name(name: str) -> str | None:
    """Return what is left of a server's name without folders and odd characters, if anything.

    Examples
    --------
    >>> safe_name("../../20250204-093521_TPI-GRAD300-SUN_04#_01#.fits")
    '20250204-093521_TPI-GRAD300-SUN_04#_01#.fits'
    """
    text = name.encode(errors="replace").decode()
    text = _visible(re.split(r"[/\\]|^[A-Za-z]:", text)[-1])
    text = _NOT_ALLOWED.sub("_", text).strip(" .")
    if _RESERVED.match(text):
        text = f"_{text}"
    stem, dot, suffix = text.rpartition(".")
    if len(text.encode()) > _LONGEST_NAME:
        room = _LONGEST_NAME - len(suffix.encode()[:20]) - 1
        text = stem.encode()[:room].decode(errors="ignore") + dot + suffix[:20]
    return text or None


def _visible(text: str) -> str:
    """Return a text without what is not printable: control characters, marks of direction."""
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def content_disposition_filename(header: str) -> str | None:
    """Return the file name in a ``Content-Disposition`` header (RFC 6266), made safe.

    Examples
    --------
    >>> content_disposition_filename("attachment; filename*=utf-8''sun%23.fits")
    'sun#.fits'
    """
    if not header:
        return None
    message = Message()
    message["Content-Disposition"] = _visible(header)
    try:
        parameters = message.get_params([], "Content-Disposition")
        values = [value for name, value in parameters if name.lower() == "filename"]
        # RFC 6266, section 4.3: the encoded form (RFC 5987) is preferred to the plain one.
        values.sort(key=lambda value: not isinstance(value, tuple))
        name = collapse_rfc2231_value(values[0]) if values else ""
        # The parser leaves the quotes where the second one is missing, or something follows it.
        quoted = _QUOTED.match(name)
        return safe_name(re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name)
    except (TypeError, ValueError):  # from a malformed header
        return None


def fallback_name(scan_type: ScanType, scan_id: int) -> str:
    """Return the name of a file that has no other name.

    Examples
    --------
    >>> fallback_name(ScanType.TPI, 42)
    'TPI_42.fits'
    """
    return f"{scan_type.value}_{scan_id}.fits"


def unique_names(names: Sequence[str], fallbacks: Sequence[str]) -> list[str]:
    """Return the names, each with its fallback appended where a file system may confuse it.

    A name may have folders before it.

    Examples
    --------
    >>> unique_names(["sun.fits", "SUN.FITS"], ["TPI_1.fits", "TPI_2.fits"])
    ['sun_TPI_1.fits', 'SUN_TPI_2.fits']
    """

    def extend(name: str, fallback: str) -> str:
        folder, slash, file_name = name.rpartition("/")
        return f"{folder}{slash}{Path(file_name).stem}_{fallback}"

    unique = list(names)
    while True:
        counts = Counter(map(_folded, unique))
        if len(counts) == len(unique):
            return unique
        unique = [
            name if counts[_folded(name)] == 1 else extend(name, fallback)
            for name, fallback in zip(unique, fallbacks, strict=True)
        ]


def _folded(name: str) -> str:
    """Return a name as a file system compares it that ignores case."""
    return normalize("NFC", name).casefold()


def check_file_name(file_name: object) -> str:
    """Return a file name that a user chose."""
    if not isinstance(file_name, str):
        raise TypeError(f"file_name must be a str, not {file_name!r}")
    if file_name in ("", ".", "..") or re.search(r"[/\\\x00]", file_name):
        raise ValueError(f"file_name must be a name without a folder, not {file_name!r}")
    return file_name


def check_folder(folder: str | os.PathLike[str]) -> Path:
    """Return a folder to save in, which need not exist."""
    path = expand_user("destination_dir", folder)
    # In this order: another thread may make the folder in between.
    if os.path.exists(path) and not os.path.isdir(path):
        raise NotADirectoryError(f"{path} is a file, not a folder to save in")
    return path


def check_unused(path: Path, *, overwrite: bool) -> None:
    """Raise an error if a folder is at a path, or a file that may not be overwritten."""
    if os.path.lexists(path) and (not overwrite or path.is_dir()):
        raise exists_error(path)


def exists_error(path: Path) -> FileExistsError:
    """Return the error for a path at which something is."""
    if path.is_dir():
        return FileExistsError(f"{path} is a folder; pass another name for the file")
    return FileExistsError(f"{path} already exists; overwrite=True replaces it")
