"""The clients: GRAD300's tree, blocking and asynchronous."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from grad300_sdk.engine import (
    Async,
    CredentialChain,
    M,
    OnRetry,
    Root,
    Sync,
    check_base_url,
    check_path,
    child,
)
from grad300_sdk.resources.login import Login, log_in
from grad300_sdk.resources.openapi import OpenAPI
from grad300_sdk.resources.scans import Scans
from grad300_sdk.settings import setting
from grad300_sdk.version import __version__

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncClient", "Client"]


class Archive(Root[M]):
    """The tree of the archive's API."""

    _logs_in_at_once: ClassVar[bool] = False
    _hidden_names = Root._hidden_names | {"largest_full_page"}

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_prefix: str | None = None,
        timeout: float | httpx.Timeout | None = None,
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
        verify: ssl.SSLContext | bool | str | os.PathLike[str] = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        allow_http: bool = False,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
        trust_env: bool = True,
        patience: float | None = None,
        max_requests_per_second: float | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        url = check_base_url(_or_setting(base_url, "base_url"))
        super().__init__(
            _with_prefix(url, _or_setting(api_prefix, "api_prefix")),
            user_agent=f"grad300_sdk/{__version__}",
            timeout=_or_setting(timeout, "timeout"),
            retries=_or_setting(retries, "retries"),
            max_connections=_or_setting(max_connections, "max_connections"),
            max_json_bytes=setting("max_json_bytes"),
            credential_chain=CredentialChain(
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
                accept_issued=False,
            ),
            is_unauthorized=_is_unauthorized,
            headers=headers,
            verify=verify,
            proxy=proxy,
            transport=transport,
            trust_env=trust_env,
            patience=patience,
            max_requests_per_second=max_requests_per_second,
            on_retry=on_retry,
        )
        # The largest page that the server sent in full: it sends pages of that size.
        self.largest_full_page = 0
        if self._logs_in_at_once:
            self.driver.run(self.session.credentials.authorize())

    login = child(Login[M])
    scans = child(Scans[M])
    openapi = child(OpenAPI[M])


class Client(Archive[Sync]):
    """A client of the archive whose calls block.

    Making one sends nothing. Parameters that are None are taken from `conf`.

    Parameters
    ----------
    base_url : str, optional
        The archive's server.
    api_prefix : str, optional
        The path on the server below which its API stands, unless `base_url` ends in it already.
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
        Raise a `ValueError` if there are no credentials.
    auth_reload : bool
        Renew a token before it expires, if it comes from a file or from logging in. A token that
        the server refuses is renewed in any case.
    auth_reload_timeout : float
        The number of seconds before it expires.
    retries : int, optional
        The number of times that a GET is sent again after a failure that may pass.
    max_connections : int, optional
        The largest number of connections that are open at once.
    headers : Mapping, optional
        Headers of every request to the archive's server.
    verify : ssl.SSLContext or bool
        How certificates are verified, as in httpx.
    proxy : str or httpx.Proxy, optional
        A proxy for all requests, as in httpx.
    allow_http : bool
        Whether credentials may go over plain http to another machine. If not, those found on this
        machine are not sent, and a warning is issued for those you passed.
    transport : httpx.BaseTransport, optional
        What sends the requests in place of the network, as in httpx.
    trust_env : bool
        Whether proxies and certificates come from the environment: ``HTTPS_PROXY``, ``NO_PROXY``,
        ``SSL_CERT_FILE`` and others. A server on this machine is never reached through such a
        proxy.
    patience : float, optional
        The number of seconds that may be waited between the attempts at one request, in place of
        `retries`.
    max_requests_per_second : float, optional
        The largest rate of requests, of this client and its copies in the process together.
    on_retry : callable, optional
        Called before each wait with the request (an `httpx.Request` without secrets), the number
        of the attempt, the seconds to wait and the reason.

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


class AsyncClient(Archive[Async]):
    """A client of the archive whose calls are awaited, on asyncio or trio.

    It has the tree and the parameters of `Client`, with an asynchronous `transport`. A client can
    be used in one event loop after another.

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


def _or_setting(value: Any, name: str) -> Any:
    return setting(name) if value is None else value


def _with_prefix(url: str, prefix: object) -> str:
    if not isinstance(prefix, str):
        raise TypeError(f"api_prefix must be a str, not {type(prefix).__name__}")
    if "?" in prefix or "#" in prefix:
        raise ValueError(f"api_prefix must not have a query or a fragment: {prefix!r}")
    check_path(prefix)
    path = f"/{prefix.strip().strip('/')}".rstrip("/")
    return url if urlsplit(url).path.endswith(path) else url + path


def _is_unauthorized(response: httpx.Response) -> bool:
    """Return whether the archive refused a token: it answers 403 to a bad or expired one."""
    return response.status_code == 401 or (
        response.status_code == 403 and b"Could not validate credentials" in response.content
    )
