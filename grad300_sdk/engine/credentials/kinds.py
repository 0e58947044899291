"""The kinds of credentials: how each authorizes requests, and how it is renewed."""

from __future__ import annotations

import math
import re
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct

from ..errors import AuthenticationError, DecodeError, Error
from ..flow import Exclusive, Flow

__all__ = [
    "Anonymous",
    "Basic",
    "CredentialStore",
    "Credentials",
    "Elsewhere",
    "KeptLogin",
    "KeptToken",
    "Login",
    "Token",
    "TokenFile",
    "check_token",
    "is_token",
    "read_claims",
    "read_expiry",
    "read_token",
]

_ACCOUNT = "user and password"
# Seconds since 1970: an expiry after this is not one.
_LATEST = 1e12
# A token that was passed in place of a path: a header's value, or RFC 7519, section 3.1.
_TOKEN = re.compile(r"(?i:bearer)\s.*|eyJ[\w-]+\.[\w-]+\.[\w-]*", re.DOTALL)
# Control characters, and surrogates, which can't be encoded.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Credentials(ABC):
    """Credentials, which authorize requests.

    Attributes
    ----------
    source : str
        Where they come from, in a word or two.
    curl_option : str
        The option with which curl sends them, with shell variables in place of secrets.
    advice : str
        What the user can do if the server rejects them; empty if that is obvious.
    """

    source: str
    advice: str = ""
    curl_option: ClassVar[str] = '--header "Authorization: Bearer $TOKEN"'

    def __repr__(self) -> str:  # without any secret
        return f"{type(self).__name__}(source={self.source!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not be shown, even if a server repeats them."""
        return ()

    @property
    def expiry(self) -> float | None:
        """When the token expires, in seconds since 1970, if there is one and it says so."""
        return None

    @abstractmethod
    def authorize(self) -> Flow[str | None]:
        """Return the ``Authorization`` header of the next request; the flow may log in."""

    def renew(self, refused: str) -> Flow[bool]:
        """Renew a header that the server rejected; return whether there is a different one now."""
        yield from ()
        return False


class CredentialStore:
    """The credentials that a client and its copies use now."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials


class Anonymous(Credentials):
    """No credentials."""

    source = "none"
    curl_option: ClassVar[str] = ""

    def authorize(self) -> Flow[str | None]:
        """Return None."""
        yield from ()
        return None


class Elsewhere(Anonymous):
    """No credentials here; a client that is pickled looks for them wherever it arrives."""


class Token(Credentials):
    """A bearer token (RFC 6750) that the user passed, and that is never renewed.

    Parameters
    ----------
    token : str
        The token; surrounding white space is removed.
    source : str
        Where it comes from.
    """

    def __init__(self, token: str, source: str = "token") -> None:
        self.token = check_token(token)
        self.source = source

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.token,)

    @property
    def expiry(self) -> float | None:
        """When the token expires."""
        return read_expiry(self.token)

    def authorize(self) -> Flow[str | None]:
        """Return the header with the token."""
        yield from ()
        return _bearer(self.token)


class Basic(Credentials):
    """HTTP basic authentication (RFC 7617): a user name and a password sent with each request.

    Parameters
    ----------
    user, password : str
        The account.
    source : str
        Where it comes from.

    Raises
    ------
    ValueError
        If the user name is empty or contains a colon, or either contains a control character.
    """

    curl_option: ClassVar[str] = '--user "$USERNAME:$PASSWORD"'

    def __init__(self, *, user: str, password: str, source: str = _ACCOUNT) -> None:
        _check_account(user, password)
        self.user, self.password, self.source = user, password, source
        if not user or ":" in user:
            raise ValueError("the user name is empty, or has a colon in it")
        if _UNSENDABLE.search(user + password):
            raise ValueError("the user name or the password has a character that can't be sent")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password, and the encoded account."""
        return self.password, self._encoded

    def authorize(self) -> Flow[str | None]:
        """Return the header with the encoded account."""
        yield from ()
        return f"Basic {self._encoded}"

    @property
    def _encoded(self) -> str:
        return b64encode(f"{self.user}:{self.password}".encode()).decode()


class _Renewable(Credentials):
    """A token that can be obtained again: from its file, or by logging in.

    Parameters
    ----------
    source : str
        Where it comes from.
    reload_before : float or None
        Time before the token's expiry at which it is renewed, in seconds; None to wait until the
        server rejects it.

    Attributes
    ----------
    token : str
        The token; empty until there is one.
    now : callable
        Returns the time, in seconds since 1970.
    """

    def __init__(self, source: str, reload_before: float | None) -> None:
        self.source = source
        self.reload_before = reload_before
        if reload_before is not None:
            _pyjwt()  # fail now rather than after the login
        self.token = ""
        self.now = time.time
        self._renew_at = math.inf
        self._renewals = 0
        self._failure: Exception | None = None
        self._lost: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.token,)

    @property
    def expiry(self) -> float | None:
        """When the token expires."""
        return read_expiry(self.token)

    def authorize(self) -> Flow[str | None]:
        """Return the header with the token, which is renewed first if it is due."""
        if not self.token or self.now() >= self._renew_at:
            yield Exclusive(self._renew(self._renewals, is_needed=not self.token))
        return _bearer(self.token)

    def renew(self, refused: str) -> Flow[bool]:
        """Renew the token, once for all requests that were rejected with it."""
        if refused == _bearer(self.token) and self.token != self._lost:
            yield Exclusive(self._renew(self._renewals, is_needed=True))
        return refused != _bearer(self.token)

    def _renew(self, renewals: int, *, is_needed: bool) -> Flow[None]:
        """Renew the token, or share the outcome of the flow that renewed it in the meantime.

        A failure is ignored if the old token may still be valid.
        """
        if renewals != self._renewals:
            if self._failure is not None:
                raise copy(self._failure)
            return
        self._failure = None
        try:
            token = yield from self._obtain()
        except (Error, ValueError) as error:
            self._renewals += 1
            self._renew_at = math.inf
            if isinstance(error, AuthenticationError):
                self._lost = self.token
            if is_needed and (isinstance(error, Error) or not self.token):
                self._failure = error
                raise
        else:
            self._renewals += 1
            self._store(token)

    def _store(self, token: str) -> None:
        self.token = token
        self._renew_at = math.inf
        if self.reload_before is not None:
            expiry = read_expiry(token)
            self._renew_at = math.inf if expiry is None else expiry - self.reload_before

    @abstractmethod
    def _obtain(self) -> Flow[str]:
        """Return a new token."""


class TokenFile(_Renewable):
    """A file that holds a bearer token; it is read when this object is created.

    Parameters
    ----------
    path : Path
        The file.
    source : str
        Where it comes from.
    reload_before : float, optional
        Time before the token's expiry at which the file is read again, in seconds.
    """

    def __init__(
        self, *, path: Path, source: str = "token file", reload_before: float | None = None
    ) -> None:
        super().__init__(source, reload_before)
        self.path = path
        self._store(read_token(path))

    def _obtain(self) -> Flow[str]:
        yield from ()
        return read_token(self.path)


class KeptLogin(Struct, frozen=True):
    """What a tool of the API keeps of a login on this machine.

    Attributes
    ----------
    token : str
        The bearer token.
    advice : str
        How the user logs in again, as a sentence.
    is_expired : bool
        Whether the token has expired: then it is used only if there are no other credentials.
    """

    token: str
    advice: str
    is_expired: bool = False

    def __repr__(self) -> str:  # without the token
        return f"KeptLogin(is_expired={self.is_expired})"


class KeptToken(_Renewable):
    """The token of a login that a tool of the API keeps on this machine.

    Only the tool can renew it; if the server rejects it, it is read again.

    Parameters
    ----------
    kept : KeptLogin
        The login.
    find : callable
        Function that reads the login again, and returns None if there is none any more.
    reload_before : float, optional
        Time before the token's expiry at which it is read again, in seconds.
    """

    def __init__(
        self,
        kept: KeptLogin,
        find: Callable[[], KeptLogin | None],
        *,
        reload_before: float | None = None,
    ) -> None:
        super().__init__("login", reload_before)
        self.advice = kept.advice
        self._find = find
        self._store(check_token(kept.token))

    def _obtain(self) -> Flow[str]:
        yield from ()
        kept = self._find()
        if kept is None:
            raise ValueError(f"the login is not kept any more. {self.advice}")
        return check_token(kept.token)


class Login(_Renewable):
    """A user name and a password, with which the first request logs in.

    Parameters
    ----------
    user, password : str
        The account.
    log_in : callable
        Function that returns the flow that logs in and returns a bearer token.
    source : str
        Where the account comes from.
    reload_before : float, optional
        Time before the token's expiry at which it is renewed, in seconds.

    Raises
    ------
    ValueError
        If either is empty or can't be encoded.
    """

    def __init__(
        self,
        *,
        user: str,
        password: str,
        log_in: Callable[[str, str], Flow[str]],
        source: str = _ACCOUNT,
        reload_before: float | None = None,
    ) -> None:
        super().__init__(source, reload_before)
        _check_account(user, password)
        self.user, self.password, self.log_in = user, password, log_in
        for name, value in (("user", user), ("password", password)):
            if not value:
                raise ValueError(f"{name} is empty")

    def _store(self, token: str) -> None:
        super()._store(token)
        if self._renew_at <= self.now():  # a new token that is due at once: the clock is wrong,
            self._renew_at = math.inf  # and the server decides

    def _obtain(self) -> Flow[str]:
        token = yield from self.log_in(self.user, self.password)
        try:
            return check_token(token)
        except (TypeError, ValueError) as error:
            raise DecodeError(f"the login did not return a token: {error}") from None


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def _check_account(user: object, password: object) -> None:
    for name, value in (("user", user), ("password", password)):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        if value.encode(errors="replace").decode() != value:
            raise ValueError(f"{name} has a character that can't be encoded as UTF-8")


def check_token(token: object) -> str:
    """Return a token without surrounding white space; no message shows it."""
    if not isinstance(token, str):
        raise TypeError(f"a token must be a str, not {type(token).__name__}")
    trimmed = token.strip()
    if not trimmed:
        raise ValueError("the token is empty")
    if not (trimmed.isascii() and trimmed.isprintable()):
        raise ValueError(
            "the token has a line break or another character that no token has; "
            "it may have been copied wrongly"
        )
    return trimmed


def is_token(path: Path) -> bool:
    """Return whether a path looks like a token itself."""
    return any(map(_TOKEN.fullmatch, (str(path), path.name)))


def read_token(path: Path) -> str:
    """Return the token in a file; an error's message names the file and shows no token."""
    if is_token(path):
        raise ValueError("a token was passed where the path of its file is needed")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"the token file {path} can't be read: {error.strerror}") from None
    try:
        return check_token(content.decode(errors="replace"))
    except ValueError as error:
        raise ValueError(f"the token file {path}: {error}") from None


def read_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token, unverified; none for another kind of token."""
    jwt = _pyjwt()
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return claims


def _pyjwt() -> Any:
    """Return PyJWT, which is as slow to import as httpx."""
    import jwt

    if not (hasattr(jwt, "decode") and hasattr(jwt, "InvalidTokenError")):
        raise ValueError(
            f"the module jwt in {jwt.__file__} is not PyJWT, which reads what a token says: "
            "uninstall the package 'jwt', and install 'pyjwt' again"
        )
    return jwt


def read_expiry(token: str) -> float | None:
    """Return when a token expires, in seconds since 1970, if it says so."""
    expiry = read_claims(token).get("exp")
    if isinstance(expiry, int | float) and abs(expiry) < _LATEST:
        return float(expiry)
    return None
