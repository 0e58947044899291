"""The clients: GRAD300's tree, blocking and awaited."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from grad300_sdk import __version__
from grad300_sdk.engine import Awaiting, AwaitingClient, Blocking, BlockingClient, M, Root
from grad300_sdk.engine.client import check_base_url
from grad300_sdk.engine.credentials import Anonymous, Credentials, Token
from grad300_sdk.engine.credentials import Login as LoginCredentials
from grad300_sdk.resources.login import Login, log_in
from grad300_sdk.resources.openapi import OpenAPI
from grad300_sdk.resources.scans import Scans
from grad300_sdk.settings import setting

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncClient", "Client"]


class Archive(Root[M]):
    """The tree of the archive's API."""

    _logs_in_at_once: ClassVar[bool] = False

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_prefix: str | None = None,
        timeout: float | None = None,
        token: str | None = None,
        user: str | None = None,
        password: str | None = None,
        force_noauth: bool = False,
        fail_if_noauth: bool = False,
        retries: int | None = None,
        max_connections: int | None = None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
    ) -> None:
        url = check_base_url(_given(base_url, "base_url"))
        super().__init__(
            _with_prefix(url, _given(api_prefix, "api_prefix")),
            user_agent=f"grad300_sdk/{__version__}",
            timeout=_given(timeout, "timeout"),
            retries=_given(retries, "retries"),
            max_connections=_given(max_connections, "max_connections"),
            max_json_bytes=setting("max_json_bytes"),
            credentials=_credentials(token, user, password, force_noauth, fail_if_noauth),
            headers=headers,
            verify=verify,
            proxy=proxy,
            transport=transport,
        )
        if self._logs_in_at_once:
            self.driver.run(self.session.credentials.authorize())

    @property
    def login(self) -> Login[M]:
        """Logging in."""
        return Login(self)

    @property
    def scans(self) -> Scans[M]:
        """The scans."""
        return Scans(self)

    @property
    def openapi(self) -> OpenAPI[M]:
        """The server's own description of itself."""
        return OpenAPI(self)


class Client(Archive[Blocking], BlockingClient):
    """A client of the archive whose calls block.

    Making one sends nothing. Parameters that are None are taken from `conf`.

    Parameters
    ----------
    base_url : str, optional
        The archive's server.
    api_prefix : str, optional
        The path on the server below which its API stands. A `base_url` that ends in it already
        is not given it twice.
    timeout : float, optional
        Seconds for each wait on the network.
    token : str, optional
        A bearer token.
    user, password : str, optional
        The account to log in with, at the first request that needs it.
    force_noauth : bool
        Use no credentials.
    fail_if_noauth : bool
        Raise a `ValueError` where there are no credentials.
    retries : int, optional
        How often a request that changes nothing is sent again after a failure that may pass.
    max_connections : int, optional
        How many connections may be open at once.
    headers : Mapping, optional
        Headers of every request to the archive's server.
    verify : ssl.SSLContext or bool
        How certificates are checked, as httpx has it.
    proxy : str, optional
        A proxy, as httpx has it.
    transport : httpx.BaseTransport, optional
        What sends the requests in place of the network, as httpx has it.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong, or arguments contradict each other.

    Examples
    --------
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     scans = client.scans["TPI"].get(limit=5)
    ...     len(scans)
    5
    """


class AsyncClient(Archive[Awaiting], AwaitingClient):
    """A client of the archive whose calls are awaited, on asyncio or trio.

    It has the tree and the parameters of `Client`; a `transport` is an asynchronous one. One
    client serves one event loop after another.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient(
    ...         sandbox.url, user=sandbox.user, password=sandbox.password
    ...     ) as client:
    ...         return await client.scans["TPI"].get(limit=5)
    >>> len(asyncio.run(main()))
    5
    """


def _given(value: Any, name: str) -> Any:
    return setting(name) if value is None else value


def _with_prefix(url: str, prefix: object) -> str:
    if not isinstance(prefix, str):
        raise TypeError(f"api_prefix must be a str, not {type(prefix).__name__}")
    if "?" in prefix or "#" in prefix:
        raise ValueError(f"api_prefix is {prefix!r}: a prefix has no query and no fragment")
    path = f"/{prefix.strip().strip('/')}".rstrip("/")
    return url if url.endswith(path) else url + path


def _credentials(
    token: str | None,
    user: str | None,
    password: str | None,
    force_noauth: bool,
    fail_if_noauth: bool,
) -> Credentials:
    """Give the credentials that the arguments mean, or say how they contradict each other."""
    if force_noauth and fail_if_noauth:
        raise ValueError("'force_noauth' and 'fail_if_noauth' contradict each other")
    if token is not None and (user is not None or password is not None):
        raise ValueError("Use either 'token' or both 'user' and 'password', not both.")
    if (user is None) != (password is None):
        raise ValueError("Both 'user' and 'password' must be provided together.")
    if force_noauth:
        return Anonymous()
    if token is not None:
        return Token(token)
    if user is not None and password is not None:
        return LoginCredentials(user, password, log_in)
    if fail_if_noauth:
        raise ValueError("there are no credentials; give a 'token', or a 'user' and a 'password'")
    return Anonymous()
