"""What identifies a user to a server: how it authorises requests, and how it is renewed.

A client's session puts it on requests to the server's own origin, and on no others. Where it
comes from is said in :mod:`grad300_sdk.engine.sources`.
"""

from __future__ import annotations

import math
import re
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Generator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx

from grad300_sdk.engine.errors import AuthenticationError, DecodeError, Error
from grad300_sdk.engine.flow import Exclusive, Flow

__all__ = [
    "Anonymous",
    "Basic",
    "BearerAuth",
    "Credentials",
    "Elsewhere",
    "Login",
    "Token",
    "TokenFile",
    "check_token",
    "read_claims",
    "read_token",
]


# Seconds: a later expiry is none.
_LATEST = 1e12
# Control characters, and surrogates, which have no encoding.
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class BearerAuth(httpx.Auth):
    """Sends a bearer token (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token on a request."""
        request.headers["Authorization"] = self._header
        yield request

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BearerAuth) and self._header == other._header

    def __hash__(self) -> int:
        return hash(self._header)


class Credentials(ABC):
    """What authorises requests.

    Attributes
    ----------
    source : str
        Where they come from, in a word or two.
    shown : str
        The option with which curl sends them, with shell variables where secrets stand.
    """

    source: str
    shown: ClassVar[str] = '--header "Authorization: Bearer $TOKEN"'

    @property
    def hidden(self) -> tuple[str | None, ...]:
        """The secrets, which are cut out of whatever a server says."""
        return ()

    @abstractmethod
    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give what the next request is authorised with; the server may have to be asked."""

    def renew(self, refused: httpx.Auth) -> Flow[bool]:
        """Replace what the server refused, and say whether there is something else now."""
        yield from ()
        return False


@dataclass
class Anonymous(Credentials):
    """No credentials."""

    shown: ClassVar[str] = ""
    source: str = "none"

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give nothing."""
        yield from ()
        return None


class Elsewhere(Anonymous):
    """Credentials that were found on a machine and stay there, while the client travels."""


@dataclass
class Token(Credentials):
    """A bearer token that was given: it is never replaced."""

    token: str = field(repr=False)
    source: str = "token"

    def __post_init__(self) -> None:
        self.token = check_token(self.token)

    @property
    def hidden(self) -> tuple[str | None, ...]:
        """The token."""
        return (self.token,)

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give the token."""
        yield from ()
        return BearerAuth(self.token)


@dataclass(kw_only=True)
class Basic(Credentials):
    """A user name and a password that go with each request: HTTP basic authentication (RFC 7617).

    Attributes
    ----------
    user, password : str
        The account.

    Raises
    ------
    ValueError
        If the user name is empty or has a colon in it, or one of them a control character.
    """

    shown: ClassVar[str] = '--user "$USERNAME:$PASSWORD"'
    source: str = "user and password"
    user: str = field(repr=False)
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.user or ":" in self.user:
            raise ValueError("the user name is empty, or has a colon in it")
        if _UNSENDABLE.search(self.user + self.password):
            raise ValueError("the user name or the password has a character that can't be sent")

    @property
    def hidden(self) -> tuple[str | None, ...]:
        """The password, and both as they are sent."""
        account = f"{self.user}:{self.password}".encode()
        return self.password, b64encode(account).decode()

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give both."""
        yield from ()
        return httpx.BasicAuth(self.user, self.password)


@dataclass(kw_only=True)
class _Renewable(Credentials):
    """A token that can be had again: from its file, or by logging in.

    Attributes
    ----------
    reload_before : float or None
        The seconds before its expiry at which the token is renewed; None if it never is before
        the server refuses it.
    """

    source: str = ""
    reload_before: float | None = None
    token: str | None = field(default=None, repr=False)
    _renew_at: float = field(default=math.inf, repr=False)
    _lost: str | None = field(default=None, repr=False)
    _failure: Error | None = field(default=None, repr=False)

    @property
    def hidden(self) -> tuple[str | None, ...]:
        """The token."""
        return (self.token,)

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give the token, after getting it anew where that is due."""
        if self.token is None or time.time() >= self._renew_at:
            yield Exclusive(self._replace(self.token, self._failure))
        assert self.token is not None
        return BearerAuth(self.token)

    def renew(self, refused: httpx.Auth) -> Flow[bool]:
        """Get the token anew, once for however many requests were refused with it."""
        token = self.token
        if token is not None and BearerAuth(token) == refused:
            yield Exclusive(self._replace(token, self._failure, was_refused=True))
        return self.token != token or BearerAuth(token or "") != refused

    def _replace(
        self, token: str | None, failure: Error | None, *, was_refused: bool = False
    ) -> Flow[None]:
        is_due = was_refused or token is None or time.time() >= self._renew_at
        if self.token != token or not is_due or (was_refused and token == self._lost):
            return  # another flow was here while this one waited for its turn
        if self._failure not in (None, failure):
            raise copy(self._failure)  # as it did to the flow that was here
        self._renew_at = math.inf
        try:
            self._set((yield from self._get()))
        except ValueError:
            pass  # the file can't be read now; the token that is there may still do
        except Error as error:
            if isinstance(error, AuthenticationError):
                self._lost = token
            if token is None or was_refused:
                self._failure = error
                raise

    def _set(self, token: str) -> None:
        self.token = token
        self._renew_at = math.inf
        if self.reload_before is not None:
            self._renew_at = _expiry(token) - self.reload_before

    @abstractmethod
    def _get(self) -> Flow[str]:
        """Get the token anew."""


@dataclass(kw_only=True)
class TokenFile(_Renewable):
    """A file that holds a bearer token; it is read when this is made."""

    source: str = "token file"
    path: Path

    def __post_init__(self) -> None:
        self._set(read_token(self.path))

    def _get(self) -> Flow[str]:
        yield from ()
        return read_token(self.path)


@dataclass(kw_only=True)
class Login(_Renewable):
    """A user name and a password, with which to log in at the first request.

    Attributes
    ----------
    log_in : callable
        Gives the flow that logs in and returns a bearer token.
    """

    source: str = "user and password"
    user: str = field(repr=False)
    password: str = field(repr=False)
    log_in: Callable[[str, str], Flow[str]] = field(repr=False)

    def _set(self, token: str) -> None:
        super()._set(token)
        if self._renew_at <= time.time():  # a new token that is due at once: the clock is off,
            self._renew_at = math.inf  # and the server decides

    def _get(self) -> Flow[str]:
        token = yield from self.log_in(self.user, self.password)
        try:
            return check_token(token)
        except (TypeError, ValueError) as error:
            raise DecodeError(f"logging in gave no token: {error}") from None


def check_token(token: object) -> str:
    """Trim a token, and refuse one that can't be sent; the message does not show it."""
    if not isinstance(token, str):
        raise TypeError(f"a token must be a str, not {type(token).__name__}")
    trimmed = token.strip()
    if not trimmed:
        raise ValueError("the token is empty")
    if not (trimmed.isascii() and trimmed.isprintable()):
        raise ValueError(
            "the token has a line break or another character in it that no token has; "
            "it may have been copied wrongly"
        )
    return trimmed


def read_token(path: Path) -> str:
    """Read the token in a file; the message of an error names the file and shows no token."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"the token file {path} can't be read: {error.strerror}") from None
    try:
        return check_token(content.decode(errors="replace"))
    except ValueError as error:
        raise ValueError(f"the token file {path}: {error}") from None


def read_claims(token: str) -> dict[str, Any]:
    """Read what a JSON Web Token says of itself, unverified; nothing where it is none."""
    import jwt  # as slow to import as httpx, and only a hint when to renew

    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return claims


def _expiry(token: str) -> float:
    expiry = read_claims(token).get("exp")
    if isinstance(expiry, int | float) and abs(expiry) < _LATEST:
        return float(expiry)
    return math.inf
