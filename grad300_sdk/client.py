"""The clients of the GRAD300 archive: `Client` and `AsyncClient`."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import partial
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
    public,
)
from grad300_sdk.errors import Grad300Warning
from grad300_sdk.logins import find_login
from grad300_sdk.resources.login import Login, log_in
from grad300_sdk.resources.openapi import OpenAPI
from grad300_sdk.resources.scans import Scans
from grad300_sdk.settings import setting
from grad300_sdk.version import __version__

if TYPE_CHECKING:
    import httpx

__all__ = ["AsyncClient", "Client"]


CREDENTIALS_HINT = (
    "Pass user= and password=, token=, or token_file=, add the server to your netrc file, "
    "or log in once with 'grad300 login'."
)


class Archive(Root[M]):
    """The root of the archive's tree, which both clients share."""

    _logs_in_on_creation: ClassVar[bool] = False
    _hidden_names = Root._hidden_names | {"largest_full_page"}

    @public
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
        url = _base_url_setting() if base_url is None else check_base_url(base_url)
        api_url = _join_prefix(url, _or_setting(api_prefix, "api_prefix"))
        super().__init__(
            api_url,
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
                find_kept=partial(find_login, api_url),
                force_noauth=force_noauth,
                fail_if_noauth=fail_if_noauth,
                auth_reload=auth_reload,
                auth_reload_timeout=auth_reload_timeout,
                allow_http=allow_http,
                accept_issued=False,
                warning=Grad300Warning,
                hint=CREDENTIALS_HINT,
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
        if self._logs_in_on_creation and user is not None:
            self.driver.run(self.session.credentials.authorize())

    login = child(Login[M])
    scans = child(Scans[M])
    openapi = child(OpenAPI[M])


class Client(Archive[Sync]):
    """A synchronous client of the GRAD300 archive.

    Creating a client sends nothing. A parameter that is None takes its value from `conf`.

    Parameters
    ----------
    base_url : str, optional
        URL of the archive's server.
    api_prefix : str, optional
        Path of the API on the server. It is not appended to a `base_url` that already ends with
        it.
    timeout : float or httpx.Timeout, optional
        Maximum time of each wait on the network, in seconds.
    token : str, optional
        Bearer token.
    token_file : str or Path, optional
        File with a bearer token.
    user, password : str, optional
        Account to log in with when a request first needs a token.
    force_noauth : bool
        Whether to use no credentials, even if some could be found.
    fail_if_noauth : bool
        Whether to raise a `ValueError` if there are no credentials.
    auth_reload : bool
        Whether to renew a token from a file or from a login before it expires. A token that the
        server rejects is renewed in any case.
    auth_reload_timeout : float
        Time before the token's expiry at which it is renewed, in seconds.
    retries : int, optional
        Maximum number of retries of a request that changes nothing, after temporary failures.
    max_connections : int, optional
        Maximum number of simultaneous connections.
    headers : Mapping, optional
        Headers to add to every request to the archive's server.
    verify : bool, ssl.SSLContext, str or Path
        Verification of TLS certificates, as in `httpx.Client`, or the path of a file or folder of
        trusted certificates.
    proxy : str, httpx.URL or httpx.Proxy, optional
        Proxy for all requests, as in `httpx.Client`.
    allow_http : bool
        Whether credentials may be sent over plain HTTP to another machine. If False, the client
        does not send credentials that it found, and issues a warning for those you passed.
    transport : httpx.BaseTransport, optional
        Transport that sends the requests instead of the network.
    trust_env : bool
        Whether to take proxies and certificates from the environment: ``HTTPS_PROXY``,
        ``NO_PROXY``, ``SSL_CERT_FILE`` and others. Requests to a server on this machine never go
        through such a proxy.
    patience : float, optional
        Maximum total time that failures may make one request wait, in seconds, in place of
        `retries`. The pauses that the server's answers to other requests cause count too.
    max_requests_per_second : float, optional
        Maximum rate of requests, shared with this client's copies in the same process.
    on_retry : callable, optional
        Function to call before each wait, with the request (an `httpx.Request` without secrets),
        the number of the attempt, the seconds to wait and the reason.

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid, or arguments contradict each other.

    Examples
    --------
    >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     scans = client.scans["TPI"].get(limit=5)
    ...     len(scans)
    5
    """


class AsyncClient(Archive[Async]):
    """An asynchronous client of the GRAD300 archive, for asyncio and trio.

    It has the tree and the parameters of `Client`; `transport` must be an
    `httpx.AsyncBaseTransport`. A client can be used in several event loops, one after the other.

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


def _base_url_setting() -> str:
    """Return the base URL of the settings; an error names it there."""
    try:
        return check_base_url(setting("base_url"))
    except ValueError as error:
        if str(error).startswith("base_url"):
            raise ValueError(f"conf.{error}") from None
        raise


def _or_setting(value: Any, name: str) -> Any:
    """Return a value, or the setting of that name if the value is None."""
    return setting(name) if value is None else value


def _join_prefix(url: str, prefix: object) -> str:
    """Return a base URL with the API prefix appended, unless it already ends with it."""
    if not isinstance(prefix, str):
        raise TypeError(f"api_prefix must be a str, not {type(prefix).__name__}")
    if "?" in prefix or "#" in prefix:
        raise ValueError(
            f"api_prefix must be a path without a query or a fragment, not {prefix!r}"
        )
    check_path(prefix)
    path = f"/{prefix.strip().strip('/')}".rstrip("/")
    return url if urlsplit(url).path.endswith(path) else url + path


def _is_unauthorized(response: httpx.Response) -> bool:
    """Return whether the archive rejected a token; it answers 403 to an invalid or expired one."""
    return response.status_code == 401 or (
        response.status_code == 403 and b"Could not validate credentials" in response.content
    )
