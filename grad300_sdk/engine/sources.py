"""Where a client's credentials come from."""

from __future__ import annotations

import ipaddress
import math
import netrc
import os
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grad300_sdk.engine.credentials import (
    Anonymous,
    Basic,
    Credentials,
    Login,
    Token,
    TokenFile,
    read_claims,
)
from grad300_sdk.engine.errors import EngineWarning
from grad300_sdk.engine.flow import Flow

__all__ = ["Sources", "is_loopback"]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a client was given, and where else its credentials may be found.

    Attributes
    ----------
    base_url : str
        The server's; a client says it where it is not given.
    token, token_file, user, password, force_noauth, fail_if_noauth
        What was given.
    log_in : callable or None
        Gives the flow that logs in with a user and a password, and returns a bearer token. Where
        it is None, both go with each request: HTTP basic authentication.
    auth_reload : bool
        Whether a token is renewed before it expires.
    auth_reload_timeout : float
        How many seconds before.
    allow_http : bool
        Whether credentials may go over plain http.
    takes_issued : bool
        Whether a token that is found may have been made by an issuer of its own.
    """

    base_url: str = ""
    log_in: Callable[[str, str], Flow[str]] | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: str | os.PathLike[str] | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    force_noauth: bool = False
    fail_if_noauth: bool = False
    auth_reload: bool = False
    auth_reload_timeout: float = 300
    allow_http: bool = False
    takes_issued: bool = True

    def __post_init__(self) -> None:
        if self.force_noauth and self.fail_if_noauth:
            raise ValueError("'force_noauth' and 'fail_if_noauth' contradict each other")
        wait = self.auth_reload_timeout
        if isinstance(wait, bool) or not isinstance(wait, int | float):
            raise TypeError(f"auth_reload_timeout must be a number of seconds, not {wait!r}")
        if not 0 <= wait < math.inf:
            raise ValueError(f"auth_reload_timeout is {wait}, but must be 0 or more")
        if (self.user is None) != (self.password is None):
            raise ValueError("Both 'user' and 'password' must be provided together.")
        if self.token is not None and self.token_file is not None:
            raise ValueError("Use either 'token' or 'token_file', not both.")
        if self.token is not None and self.user is not None:
            raise ValueError("Use either 'token' or both 'user' and 'password', not both.")

    def find(self) -> Credentials:
        """Give the first credentials that are there; nothing is sent."""
        if self.force_noauth:
            return Anonymous()
        for given in (self._token, self._token_file, self._user):
            if (credentials := given()) is not None:
                self.warn_if_plain()
                return credentials
        if not self.is_plain:
            for found in (self._named_file, self._runtime_file, self._netrc):
                if (credentials := found()) is not None:
                    return credentials
        if self.fail_if_noauth:
            hint = "; those on this machine are not sent over plain http" if self.is_plain else ""
            raise ValueError(f"no credentials were given, and none were found{hint}")
        return Anonymous()

    @property
    def host(self) -> str:
        """The server's host."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_plain(self) -> bool:
        """Whether credentials would go over a network for all to read, against what is meant."""
        is_http = urlsplit(self.base_url).scheme == "http"
        return is_http and not self.allow_http and not is_loopback(self.host)

    def warn_if_plain(self) -> None:
        """Warn of credentials that go over a network for all to read."""
        if self.is_plain:
            warnings.warn(
                f"credentials go to {self.host} over plain http, where others can read them; "
                "use https, or say allow_http=True where that is meant",
                EngineWarning,
                stacklevel=2,
            )

    def is_found(self, credentials: Credentials) -> bool:
        """Say whether credentials were found, not given: they stay on this machine."""
        return credentials.source in (_NAMED_FILE, _RUNTIME_FILE, _NETRC)

    def _token(self) -> Credentials | None:
        return None if self.token is None else Token(self.token)

    def _token_file(self) -> Credentials | None:
        if self.token_file is None:
            return None
        return self._from_file(Path(self.token_file).expanduser(), "token file")

    def _user(self) -> Credentials | None:
        if self.user is None or self.password is None:
            return None
        return self._from_account(self.user, self.password, "user and password")

    def _named_file(self) -> Credentials | None:
        path = os.environ.get("BEARER_TOKEN_FILE")
        return self._from_other(Path(path), _NAMED_FILE) if path else None

    def _runtime_file(self) -> Credentials | None:
        directory = os.environ.get("XDG_RUNTIME_DIR")
        if not directory or not hasattr(os, "getuid"):
            return None
        path = Path(directory, f"bt_u{os.getuid()}")
        is_there = path.is_file() and os.access(path, os.R_OK)
        return self._from_other(path, _RUNTIME_FILE) if is_there else None

    def _netrc(self) -> Credentials | None:
        path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        account = _netrc_account(path, self.host)
        return None if account is None else self._from_account(*account, _NETRC)

    def _from_account(self, user: str, password: str, source: str) -> Credentials:
        for name, value in (("user", user), ("password", password)):
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        if self.log_in is None:
            return Basic(user=user, password=password, source=source)
        return Login(
            user=user,
            password=password,
            log_in=self.log_in,
            source=source,
            reload_before=self._reload_before,
        )

    def _from_file(self, path: Path, source: str) -> TokenFile:
        return TokenFile(path=path, source=source, reload_before=self._reload_before)

    def _from_other(self, path: Path, source: str) -> Credentials | None:
        """Give the token of a file that is there for any service; it may be meant for another."""
        found = self._from_file(path, source)
        is_issued = "iss" in read_claims(found.token or "")
        return None if is_issued and not self.takes_issued else found

    @property
    def _reload_before(self) -> float | None:
        return float(self.auth_reload_timeout) if self.auth_reload else None


_NAMED_FILE = "BEARER_TOKEN_FILE"
_RUNTIME_FILE = "XDG_RUNTIME_DIR"
_NETRC = "netrc"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself."""
    name = host.strip("[]").removesuffix(".").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _netrc_account(path: Path, host: str) -> tuple[str, str] | None:
    """Give the user and the password for a host; the default entry is for no one in particular."""
    from safe_netrc import NetrcParseError
    from safe_netrc import netrc as safe_netrc

    hosts: dict[str, Any] = {}
    problem = None
    try:
        hosts = safe_netrc(str(path)).hosts
    except OSError:
        return None
    except (NetrcParseError, UnicodeError) as error:
        # What the parser says may show a password: the error stays out of the context of ours.
        problem = f"the netrc file {path}, line {getattr(error, 'lineno', '?')}: it can't be read"
    if problem is not None and _is_open(path):
        if host not in _hosts(path):
            return None
        problem = (
            f"the netrc file {path} has a password for {host} and can be read by others: "
            f"run 'chmod 600 {path}', and change the password if they may have seen it"
        )
    if problem is not None:
        raise ValueError(problem)
    entry = {name.lower(): entry for name, entry in hosts.items()}.get(host)
    return (entry[0], entry[2]) if entry and entry[0] and entry[2] else None


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _hosts(path: Path) -> set[str]:
    try:
        return {name.lower() for name in netrc.netrc(str(path)).hosts}
    except (netrc.NetrcParseError, UnicodeError):
        return set()
