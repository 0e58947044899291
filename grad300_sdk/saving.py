"""What saving files takes: their names, their folder, and a bar that shows how far it is."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from email.message import Message
from email.utils import collapse_rfc2231_value
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

__all__ = [
    "Bar",
    "Progress",
    "check_folder",
    "disposition_name",
    "reporter",
    "safe_name",
    "write_whole",
]

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


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file in one step: all of it is there, or what was there before."""
    draft = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


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


def check_folder(folder: str | os.PathLike[str]) -> Path:
    """Give a folder to save in, which need not be there."""
    path = Path(folder).expanduser()
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file, where a folder to save in is needed")
    return path


class Bar:
    """A progress bar, drawn by tqdm."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        from tqdm.auto import tqdm

        if self._bar is None:
            self._bar = tqdm(unit="B", unit_scale=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Say something at the end of the line."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def reporter(progress: Progress | bool | None) -> Progress | None:
    """Give what is told of the progress, if anything."""
    if callable(progress):
        return progress
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False, None or callable, not {progress!r}")
    if progress is False or (progress is None and not _is_seen()):
        return None
    if find_spec("tqdm"):
        return Bar()
    if progress:
        raise ImportError('a progress bar needs tqdm: pip install "grad300-sdk[progress]"')
    return None


def _is_seen() -> bool:
    """Say whether somebody looks at what is drawn: on a terminal, or in a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
