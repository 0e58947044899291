"""The clients: GRAD300's tree, blocking and awaited."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from grad300_sdk import __version__
from grad300_sdk.engine import Awaiting, AwaitingClient, Blocking, BlockingClient, M, Root, child
from grad300_sdk.engine.client import check_base_url
from grad300_sdk.engine.sources import Sources
from grad300_sdk.engine.template import check_path
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
    _not_shown = Root._not_shown | {"largest_full_page"}

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_prefix: str | None = None,
        timeout: float | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        user: str | None = None,
        password: str | None = None,
        force_noauth: bool = False,
        fail_if_noauth: bool = False,
        auth_reload: bool = False,
        auth_reload_timeout: float = 300,
        retries: int | None = None,
        max_connections: int | None = None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        allow_http: bool = False,
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
            sources=Sources(
                base_url=url,
                log_in=log_in,
                token=token,
                token_file=token_file,
                user=user,
                password=password,
                force_noauth=force_noauth,
                fail_if_noauth=fail_if_noauth,
                auth_reload=auth_reload,
                auth_reload_timeout=auth_reload_timeout,
                allow_http=allow_http,
                takes_issued=False,
            ),
            is_refused=_is_refused,
            headers=headers,
            verify=verify,
            proxy=proxy,
            transport=transport,
        )
        # The largest page that the server sent in full: it sends pages of that size.
        self.largest_full_page = 0
        if self._logs_in_at_once:
            self.driver.run(self.session.credentials.authorize())

    login = child(Login[M])
    scans = child(Scans[M])
    openapi = child(OpenAPI[M])


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
    token_file : str or Path, optional
        A file that holds a bearer token.
    user, password : str, optional
        The account to log in with, at the first request that needs it.
    force_noauth : bool
        Use no credentials, not even those that could be found.
    fail_if_noauth : bool
        Raise a `ValueError` where there are no credentials.
    auth_reload : bool
        Renew a token before it expires, where that is possible: one from a file, or one that was
        got by logging in. One that the server refuses is renewed in any case.
    auth_reload_timeout : float
        How many seconds before it expires.
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
    allow_http : bool
        Whether credentials may go over plain http to another machine. If not, those that were
        found are not sent there, and those that were given earn a warning.
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
    check_path(prefix)
    path = f"/{prefix.strip().strip('/')}".rstrip("/")
    return url if urlsplit(url).path.endswith(path) else url + path


def _is_refused(response: httpx.Response) -> bool:
    """Say whether the archive refused a token: it answers 403 to one that is bad or expired."""
    return response.status_code == 401 or (
        response.status_code == 403 and b"Could not validate credentials" in response.content
    )
