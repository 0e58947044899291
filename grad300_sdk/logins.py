"""The logins that ``grad300 login`` keeps on this machine, one file for each server.

A file can be read only by its owner, and is used only for the server that it names.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from grad300_sdk.engine import KeptLogin

__all__ = ["SavedLogin", "delete_login", "find_login", "load_login", "login_path", "save_login"]

_MOST_BYTES = 64 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}


class SavedLogin(msgspec.Struct, frozen=True):
    """A login as its file has it.

    Attributes
    ----------
    server : str
        URL of the server's API.
    user : str
        The account.
    token : str
        The token.
    expires : float or None
        When the token expires, in seconds since 1970, if it says so.
    """

    server: str
    user: str
    token: str
    expires: float | None = None

    @property
    def is_expired(self) -> bool:
        """Whether the token has expired."""
        return self.expires is not None and self.expires <= time.time()

    def __repr__(self) -> str:  # without the token
        return f"SavedLogin(server={self.server!r}, user={self.user!r})"


def find_login(base_api_url: str) -> KeptLogin | None:
    """Return the login that is kept for a server, if there is one."""
    saved = load_login(base_api_url)
    if saved is None:
        return None
    what = "has expired" if saved.is_expired else "is not accepted any more"
    advice = (
        f"The login of {saved.user} {what}: "
        f"log in again with 'grad300 login --base-url {saved.server}'."
    )
    return KeptLogin(saved.token, advice, saved.is_expired)


def load_login(base_api_url: str) -> SavedLogin | None:
    """Return the content of a server's file, or None if it has none that can be read.

    Raises
    ------
    ValueError
        If others can read the file.
    """
    path = login_path(base_api_url)
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            content = file.read(_MOST_BYTES)
        saved = msgspec.json.decode(content, type=SavedLogin)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None
    return saved if saved.server == _normalized(base_api_url) and saved.token else None


def save_login(base_api_url: str, *, user: str, token: str, expires: float | None) -> None:
    """Write a server's file, completely or not at all."""
    path = login_path(base_api_url)
    if path is None:
        raise OSError(
            "there is no home directory in which to keep the login: "
            "set XDG_CONFIG_HOME to a folder of yours"
        )
    saved = SavedLogin(_normalized(base_api_url), user, token, expires)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".")  # only the owner can read it
    try:
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(saved))
        os.replace(draft, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def delete_login(base_api_url: str) -> bool:
    """Remove a server's file; return whether there was one."""
    path = login_path(base_api_url)
    if path is None:
        return False
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def login_path(base_api_url: str) -> Path | None:
    """Return the path of a server's file; None if the user has no home directory."""
    folder = _configuration_folder()
    name = quote(_normalized(base_api_url), safe="")
    return None if folder is None else Path(folder, "grad300", f"{name}.json")


def _configuration_folder() -> str | None:
    """Return the folder for the configuration of programs (XDG Base Directory, or Windows's)."""
    folder = os.environ.get("XDG_CONFIG_HOME")
    if folder and os.path.isabs(folder):
        return folder
    if os.name == "nt" and (folder := os.environ.get("APPDATA")):
        return folder
    home = os.path.expanduser("~")
    return None if home == "~" else os.path.join(home, ".config")


def _normalized(url: str) -> str:
    """Return a URL that is the same however its server is written."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    host = f"[{host}]" if ":" in host else host
    is_default = parts.port in (None, _DEFAULT_PORTS.get(parts.scheme))
    port = "" if is_default else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Raise a ValueError unless a file belongs to the user and nobody else can read it."""
    if os.name != "posix":
        return
    if status.st_uid != os.getuid():
        raise ValueError(f"the login file {path} belongs to another user")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(
            f"the login file {path} can be read by others: run 'chmod 600 {path}', "
            "and log in again if they may have seen it"
        )
