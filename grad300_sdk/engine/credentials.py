"""What identifies a user to a server.

A client's session puts it on requests to the server's own origin, and on no others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import httpx

from grad300_sdk.engine.flow import Exclusive, Flow

__all__ = ["Anonymous", "BearerAuth", "Credentials", "Login", "Token", "check_token"]


class BearerAuth(httpx.Auth):
    """Sends a bearer token (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token on a request."""
        request.headers["Authorization"] = self._header
        yield request


class Credentials(Protocol):
    """What authorises requests.

    Attributes
    ----------
    shown : str
        The ``Authorization`` header, with a shell variable where the secret stands.
    """

    shown: ClassVar[str]

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give what the next request is authorised with; the server may have to be asked."""
        ...


@dataclass(frozen=True)
class Anonymous:
    """No credentials."""

    shown: ClassVar[str] = ""

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give nothing."""
        yield from ()
        return None


@dataclass(frozen=True)
class Token:
    """A bearer token that was given."""

    shown: ClassVar[str] = "Bearer $TOKEN"
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", check_token(self.token))

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give the token."""
        yield from ()
        return BearerAuth(self.token)


@dataclass
class Login:
    """A user name and a password, with which to log in at the first request.

    Parameters
    ----------
    user, password : str
        What to log in with.
    log_in : callable
        Gives the flow that logs in and returns a bearer token.
    """

    shown: ClassVar[str] = "Bearer $TOKEN"
    user: str = field(repr=False)
    password: str = field(repr=False)
    log_in: Callable[[str, str], Flow[str]] = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def authorize(self) -> Flow[httpx.Auth | None]:
        """Give the token, after logging in where that was not done yet."""
        if self.token is None:
            yield Exclusive(self._log_in_once())
        assert self.token is not None
        return BearerAuth(self.token)

    def _log_in_once(self) -> Flow[None]:
        if self.token is None:  # it may have come while this flow waited for its turn
            self.token = check_token((yield from self.log_in(self.user, self.password)))


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
