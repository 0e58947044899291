"""``/login``: tokens."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from grad300_sdk.engine import (
    CallableNode,
    Flow,
    M,
    Sender,
    Token,
    call_attributes,
    endpoint,
)
from grad300_sdk.engine.errors import APIError, AuthenticationError

__all__ = ["Login", "log_in"]

T = TypeVar("T")


class Login(CallableNode[M], template="{+parent}/login"):
    """The login endpoints."""

    @endpoint("POST", "/access-token")
    def __call__(self, send: Sender, email: str, password: str) -> Flow[str]:
        """Log in and use the new token from now on.

        Sends ``POST /login/access-token``.

        Parameters
        ----------
        email, password : str
            The account.

        Returns
        -------
        str
            The token, which replaces the client's previous credentials.

        Raises
        ------
        AuthenticationError
            If the account or the password is wrong.
        DecodeError
            If the response contains no token.

        Examples
        --------
        >>> with Client(sandbox.url) as client:
        ...     token = client.login(sandbox.user, sandbox.password)
        ...     client.login.test_token()["email"] == sandbox.user
        True
        """
        token = (
            yield from _request_token(send, email, password, _TokenResponse)
        ).access_token.strip()
        self.client.session.credentials = Token(token, source="login")
        return token

    method = __call__.method
    request, response, curl = call_attributes(__call__)

    @endpoint("POST", "/access-token")
    def access_token(self, send: Sender, email: str, password: str, /) -> Flow[dict[str, Any]]:
        """Request a token without using it.

        Sends ``POST /login/access-token``.

        Parameters
        ----------
        email, password : str
            The account.

        Returns
        -------
        dict
            The response: ``access_token`` and ``token_type``.

        Raises
        ------
        AuthenticationError
            If the account or the password is wrong.

        Examples
        --------
        >>> with Client(sandbox.url) as client:
        ...     client.login.access_token(sandbox.user, sandbox.password)["token_type"]
        'bearer'
        """
        return _request_token(send, email, password, dict[str, Any])

    @endpoint("GET", "/test-token")
    def test_token(self, send: Sender) -> Flow[dict[str, Any]]:
        """Check the token of this client and return its user.

        Sends ``GET /login/test-token``, or ``POST`` if the server allows only that.

        Returns
        -------
        dict
            The user.

        Raises
        ------
        AuthenticationError
            If there is no token, or the server rejects it.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     client.login.test_token()["email"] == sandbox.user
        True
        """
        try:
            return (yield from send.json(dict[str, Any]))
        except APIError as error:
            allowed = error.response.headers.get("Allow", "") if error.response else ""
            if error.status_code != 405 or "POST" not in allowed.upper():
                raise
        return (yield from send.json(dict[str, Any], method="POST"))


class _TokenResponse(msgspec.Struct):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^\s*[\x21-\x7e]+\s*$")]


def log_in(email: str, password: str) -> Flow[str]:
    """Request a token, like ``client.login.access_token``, and return only the token."""
    call = Login(None).access_token
    response = yield from _request_token(
        Sender(call.method, call.path), email, password, _TokenResponse
    )
    return response.access_token.strip()


def _request_token(send: Sender, email: str, password: str, kind: type[T]) -> Flow[T]:
    for name, value in (("email", email), ("password", password)):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        if not value:
            raise ValueError(f"{name} must not be empty")
        if value.encode(errors="replace").decode() != value:
            raise ValueError(f"{name} contains a character that cannot be encoded in UTF-8")
    return send.json(
        kind,
        data={"username": email, "password": password},
        secrets=("password",),
        anonymous=True,
        errors={400: AuthenticationError},
    )
