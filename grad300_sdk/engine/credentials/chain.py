"""Where a client finds its credentials."""

from __future__ import annotations

import ipaddress
import math
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from ..checks import expand_user
from ..errors import EngineWarning
from ..flow import Flow
from ..tracebacks import warn
from .kinds import (
    Anonymous,
    Basic,
    Credentials,
    Elsewhere,
    KeptLogin,
    KeptToken,
    Login,
    Token,
    TokenFile,
    is_token,
    read_claims,
)
from .netrc import netrc_account

__all__ = ["CredentialChain", "is_loopback"]

# The sources of credentials that are found: two environment variables, and a kind of file.
_NAMED_FILE = "BEARER_TOKEN_FILE"
_RUNTIME_FILE = "XDG_RUNTIME_DIR"
_NETRC = "netrc"


def _find_none() -> None:
    """Find no login: no tool of the API keeps any."""


class CredentialChain(Struct, frozen=True, kw_only=True):
    """The credentials passed to a client, and the places to look for others.

    Attributes
    ----------
    base_url : str
        The server's URL; a client fills it in.
    token, token_file, user, password : str or None
        Credentials that the user passed.
    force_noauth : bool
        Whether to use no credentials, even if some could be found.
    fail_if_noauth : bool
        Whether to raise a `ValueError` if there are no credentials.
    log_in : callable or None
        Function that takes a user name and a password, and returns the flow that logs in and
        returns a bearer token. None to send both with each request: HTTP basic authentication.
    find_kept : callable
        Function that returns the login that a tool of the API keeps on this machine for this very
        server, or None. It comes after what was passed, and before what the environment names.
    auth_reload : bool
        Whether to renew a token before it expires.
    auth_reload_timeout : float
        Time before the token's expiry at which it is renewed, in seconds.
    allow_http : bool
        Whether credentials may be sent over plain HTTP.
    is_proxied : bool
        Whether requests leave this machine through a proxy; a client fills it in.
    accept_issued : bool
        Whether to use a token that was found even if it names an issuer (``iss``).
    warning : type
        The class of the warnings.
    hint : str
        How a user provides credentials, for the error if the server asks for them.
    """

    base_url: str = ""
    log_in: Callable[[str, str], Flow[str]] | None = None
    token: str | None = None
    token_file: str | os.PathLike[str] | None = None
    user: str | None = None
    password: str | None = None
    find_kept: Callable[[], KeptLogin | None] = _find_none
    force_noauth: bool = False
    fail_if_noauth: bool = False
    auth_reload: bool = False
    auth_reload_timeout: float = 300
    allow_http: bool = False
    is_proxied: bool = False
    accept_issued: bool = True
    warning: type[Warning] = EngineWarning
    hint: str = "Pass them to the client."

    def __repr__(self) -> str:
        return f"CredentialChain(base_url={self.base_url!r})"

    def __post_init__(self) -> None:
        if self.force_noauth and self.fail_if_noauth:
            raise ValueError("'force_noauth' and 'fail_if_noauth' contradict each other")
        wait = self.auth_reload_timeout
        if isinstance(wait, bool) or not isinstance(wait, int | float):
            raise TypeError(f"auth_reload_timeout must be a number of seconds, not {wait!r}")
        if not 0 <= wait < math.inf:
            raise ValueError(
                f"auth_reload_timeout must be a finite number of at least 0, not {wait}"
            )
        if (self.user is None) != (self.password is None):
            raise ValueError("Both 'user' and 'password' must be provided together.")
        if self.token is not None and self.token_file is not None:
            raise ValueError("Use either 'token' or 'token_file', not both.")
        if self.token is not None and self.user is not None:
            raise ValueError("Use either 'token' or both 'user' and 'password', not both.")

    def resolve(self) -> Credentials:
        """Return the first credentials that exist, without sending anything."""
        if self.force_noauth:
            return Anonymous()
        for passed in (self._token, self._token_file, self._user):
            if (credentials := passed()) is not None:
                self.warn_if_plain()
                return credentials
        kept = self.find_kept()
        if kept is not None and not kept.is_expired:
            return self._from_kept(kept)
        if not self.is_plain:
            for found in (self._named_file, self._runtime_file, self._netrc):
                if (credentials := found()) is not None:
                    return credentials
        if self.fail_if_noauth:
            note = self._plain_note if kept is None else f". {kept.advice}"
            raise ValueError(f"no credentials were passed, and none were found{note}")
        if kept is not None:  # the server rejects it, and the error says what to do
            return self._from_kept(kept)
        return Elsewhere()

    @property
    def host(self) -> str:
        """The server's host."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def advice(self) -> str:
        """What to do if the server asks for credentials and none were sent."""
        return f"No credentials were sent{self._plain_note}. {self.hint}"

    @property
    def _plain_note(self) -> str:
        return "; those on this machine are not sent over plain http" if self.is_plain else ""

    @property
    def is_plain(self) -> bool:
        """Whether credentials would cross a network unencrypted, without the user's consent."""
        is_http = urlsplit(self.base_url).scheme == "http"
        leaves = self.is_proxied or not is_loopback(self.host)
        return is_http and leaves and not self.allow_http

    def warn_if_plain(self) -> None:
        """Warn if credentials would cross a network unencrypted."""
        if self.is_plain:
            warn(
                f"credentials go to {self.host} over plain http, where others can read them; "
                "use https, or pass allow_http=True if that is intended",
                self.warning,
            )

    def is_found(self, credentials: Credentials) -> bool:
        """Return whether credentials were looked for, not passed: those stay on this machine."""
        sources = (_NAMED_FILE, _RUNTIME_FILE, _NETRC)
        return credentials.source in sources or isinstance(credentials, Elsewhere | KeptToken)

    def _token(self) -> Credentials | None:
        return None if self.token is None else Token(self.token)

    def _token_file(self) -> Credentials | None:
        if self.token_file is None:
            return None
        return self._from_file(expand_user("token_file", self.token_file), "token file")

    def _user(self) -> Credentials | None:
        if self.user is None or self.password is None:
            return None
        return self._from_account(self.user, self.password, "user and password")

    def _named_file(self) -> Credentials | None:
        path = os.environ.get(_NAMED_FILE)
        if not path:
            return None
        if not os.path.lexists(path):
            what = f"names {path}, which does not exist"
            if is_token(Path(path)):
                what = "holds a token in place of the path of its file"
            warn(f"the environment variable {_NAMED_FILE} {what}", self.warning)
            return None
        return self._from_shared_file(Path(path), _NAMED_FILE)

    def _runtime_file(self) -> Credentials | None:
        directory = os.environ.get(_RUNTIME_FILE)
        if not directory or not hasattr(os, "getuid"):
            return None
        path = Path(directory, f"bt_u{os.getuid()}")
        is_there = path.is_file() and os.access(path, os.R_OK)
        return self._from_shared_file(path, _RUNTIME_FILE) if is_there else None

    def _netrc(self) -> Credentials | None:
        path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
        if path == "~/.netrc":  # there is no home directory, as in a container
            return None
        account = netrc_account(Path(path), self.host)
        return None if account is None else self._from_account(*account, _NETRC)

    def _from_account(self, user: str, password: str, source: str) -> Credentials:
        if self.log_in is None:
            return Basic(user=user, password=password, source=source)
        return Login(
            user=user,
            password=password,
            log_in=self.log_in,
            source=source,
            reload_before=self._reload_before,
        )

    def _from_kept(self, kept: KeptLogin) -> KeptToken:
        """Return the token of a kept login; the user chose it for this server."""
        self.warn_if_plain()
        return KeptToken(kept, self.find_kept, reload_before=self._reload_before)

    def _from_file(self, path: Path, source: str) -> TokenFile:
        return TokenFile(path=path, source=source, reload_before=self._reload_before)

    def _from_shared_file(self, path: Path, source: str) -> Credentials | None:
        """Return the token of a file that any service may write, if it is meant for this one."""
        try:
            found = self._from_file(path, source)
        except ValueError as error:
            raise ValueError(f"{error} (found by the environment variable {source})") from None
        is_issued = "iss" in read_claims(found.token)
        return None if is_issued and not self.accept_issued else found

    @property
    def _reload_before(self) -> float | None:
        return float(self.auth_reload_timeout) if self.auth_reload else None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself."""
    name = host.strip("[]").removesuffix(".").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
