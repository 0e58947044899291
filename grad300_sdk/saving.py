"""Files on disk: their names, and bodies that become files whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from email.message import Message
from email.utils import collapse_rfc2231_value
from importlib.util import find_spec
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from grad300_sdk.engine.body import describe_bytes

if TYPE_CHECKING:
    import httpx

__all__ = ["Download", "Progress", "disposition_name", "safe_name"]

# Called with the bytes that are there, and with those there will be where the server said so.
Progress: TypeAlias = Callable[[int, int | None], object]

# Control characters, and those that turn the direction of text (Unicode 15, section 23.2).
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Characters and names that Windows does not allow in a file's name.
_NOT_ALLOWED = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(
    r"(?:con|conin\$|conout\$|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)
_LONGEST_NAME = 200
# Every FITS file begins with this (FITS Standard 4.0, section 4.4.1.1).
_FITS_START = b"SIMPLE"


def safe_name(name: str) -> str | None:
    """Reduce a name from a server to one that can't leave a folder, or None if nothing is left.

    Parameters
    ----------
    name : str
        Whatever the server says.

    Examples
    --------
    >>> safe_name("../../20250204-093521_TPI-GRAD300-SUN_04#_01#.fits")
    '20250204-093521_TPI-GRAD300-SUN_04#_01#.fits'
    """
    text = name.encode(errors="replace").decode()
    text = _INVISIBLE.sub("", re.split(r"[/\\]|^[A-Za-z]:", text)[-1])
    text = _NOT_ALLOWED.sub("_", text).strip(" .")
    if _RESERVED.match(text):
        text = f"_{text}"
    stem, dot, suffix = text.rpartition(".")
    if len(text.encode()) > _LONGEST_NAME:
        room = _LONGEST_NAME - len(suffix.encode()[:20]) - 1
        text = stem.encode()[:room].decode(errors="ignore") + dot + suffix[:20]
    return text or None


def disposition_name(header: str) -> str | None:
    """Read the file's name in a ``Content-Disposition`` (RFC 6266), made safe."""
    message = Message()
    message["Content-Disposition"] = _INVISIBLE.sub("", header)
    try:
        parameters = message.get_params([], "Content-Disposition")
        values = [value for name, value in parameters if name.lower() == "filename"]
        # RFC 6266, section 4.3: the encoded form (RFC 5987) goes before the plain one.
        values.sort(key=lambda value: not isinstance(value, tuple))
        return safe_name(collapse_rfc2231_value(values[0])) if values else None
    except (TypeError, ValueError):  # of forms that make no sense
        return None


class Download:
    """A body on its way into a file: a hidden one beside it, until it is whole.

    Parameters
    ----------
    folder : Path
        Where the file goes; made if it is missing.
    file_name : str or None
        What it is called; None for what the server says.
    fallback : str
        What it is called where the server says nothing.
    overwrite : bool
        Whether a file of that name is replaced.
    progress : callable, bool or None
        Told how far it is; True for a bar, False for none, None for a bar where one is seen.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        file_name: str | None,
        fallback: str,
        *,
        overwrite: bool,
        progress: Progress | bool | None,
    ) -> None:
        self._folder = Path(folder).expanduser()
        self._name = file_name
        self._fallback = fallback
        self._overwrite = overwrite
        self._progress = _reporter(progress)
        self._file: BufferedWriter | None = None
        self._received = 0
        self._total: int | None = None
        self._start = b""
        if file_name is not None:
            self._target(_checked(file_name))

    def headers(self) -> dict[str, str]:
        """Ask for the whole file."""
        return {}

    def begin(self, response: httpx.Response) -> None:
        """Open the hidden file, and drop what an earlier attempt left."""
        self.discard()
        self.response = response
        name = self._name or disposition_name(response.headers.get("Content-Disposition", ""))
        self.path = self._target(name or self._fallback)
        length = response.headers.get("Content-Length", "")
        self._total = int(length) if length.isdecimal() else None
        self._received, self._start = 0, b""
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = self.path.name.encode()[:_LONGEST_NAME].decode(errors="ignore")
        hidden = f".{stem}.{os.urandom(4).hex()}.part"
        self._file = open(self._folder / hidden, "xb")  # noqa: SIM115 - `discard` closes it

    def write(self, data: bytes) -> None:
        """Take the next piece of the body."""
        assert self._file is not None
        self._file.write(data)
        self._received += len(data)
        self._start += data[: 80 - len(self._start)]
        if self._progress is not None:
            self._progress(self._received, self._total)

    @property
    def is_cut(self) -> bool:
        """Whether a body began and stopped before its end."""
        return self._file is not None and (
            self._total is not None and self._received < self._total
        )

    @property
    def problem(self) -> str | None:
        """What is wrong with a body that has ended, or None if it may become the file."""
        if self.is_cut:
            return f"{self._received} bytes of a body of {self._total}"
        if self.response.status_code != 200:
            return f"the status {self.response.status_code}, where the whole file was asked for"
        if not self._start.startswith(_FITS_START):
            return f"no FITS file: {describe_bytes(self.response, self._start)}"
        return None

    def finish(self) -> Path:
        """Move the file to its place in one step."""
        assert self._file is not None
        self._file.close()
        if self._overwrite:
            os.replace(self._file.name, self.path)
        else:
            try:
                os.link(self._file.name, self.path)  # unlike a move, it fails if there is one
            except FileExistsError:
                self._target(self.path.name)
            except OSError:  # a file system without links
                self._target(self.path.name)
                os.replace(self._file.name, self.path)
        self.discard()
        return self.path

    def discard(self) -> None:
        """Remove the hidden file."""
        if isinstance(self._progress, _Bar):
            self._progress.close()
        if self._file is not None:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
            self._file = None

    def _target(self, name: str) -> Path:
        path = self._folder / name
        if not self._overwrite and os.path.lexists(path):
            raise FileExistsError(f"{path} is there already; overwrite=True replaces it")
        return path


class _Bar:
    """A progress bar, drawn by tqdm; without `forced`, on terminals and in notebooks alone."""

    def __init__(self, *, forced: bool) -> None:
        self._options = {"unit": "B", "unit_scale": True, "disable": False if forced else None}
        self._bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        from tqdm.auto import tqdm

        if self._bar is None:
            self._bar = tqdm(total=total, **self._options)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _reporter(progress: Progress | bool | None) -> Progress | None:
    if callable(progress):
        return progress
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False, None or callable, not {progress!r}")
    if progress is False or not (progress or find_spec("tqdm")):
        return None
    if not find_spec("tqdm"):
        raise ImportError('a progress bar needs tqdm: pip install "grad300-sdk[progress]"')
    return _Bar(forced=bool(progress))


def _checked(file_name: str) -> str:
    if not isinstance(file_name, str):
        raise TypeError(f"file_name must be a str, not {file_name!r}")
    if file_name in ("", ".", "..") or re.search(r"[/\\\x00]", file_name):
        raise ValueError(f"file_name is {file_name!r}, where a name without a folder is needed")
    return file_name
