"""The root of a resource tree: a client."""

from __future__ import annotations

import os
import ssl
import weakref
from collections.abc import Callable, Mapping
from copy import copy
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, cast

import httpx
from msgspec.structs import replace

from .checks import (
    check_base_url,
    check_headers,
    check_integer,
    check_method,
    check_positive,
    check_proxy,
    check_timeout,
    check_verify,
)
from .credentials import (
    Anonymous,
    CredentialChain,
    Credentials,
    CredentialStore,
    Elsewhere,
    Token,
    is_loopback,
)
from .declaring.endpoints import endpoint
from .declaring.nodes import Async, M, RootNode, Sync, mode_of
from .declaring.resource import Resource
from .declaring.send import Sender
from .errors import error_message
from .flow import Flow
from .keywords import public
from .network.base import Network, NetworkOptions
from .network.driver import AsyncDriver, SyncDriver
from .sending.request import RequestBuilder
from .sending.session import OnRetry, Session, is_unauthorized
from .tracebacks import short_tracebacks

__all__ = ["ClientOptions", "Root"]

S = TypeVar("S", bound="Root[Sync]")
A = TypeVar("A", bound="Root[Async]")

_DRIVERS: dict[type, type[SyncDriver | AsyncDriver]] = {Sync: SyncDriver, Async: AsyncDriver}
# The options that `with_options` changes in a copy.
_FIXED = {"headers", "max_connections", "retries", "timeout"}
# The networks that copies of a client share, by the name that travels with the client.
_networks: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


class ClientOptions(TypedDict, total=False):
    """The options that the user of any client has; see `Root`."""

    timeout: float | httpx.Timeout
    retries: int
    patience: float | None
    max_requests_per_second: float | None
    on_retry: OnRetry | None
    max_connections: int
    max_json_bytes: int
    headers: Mapping[str, str] | None
    verify: ssl.SSLContext | bool | str | os.PathLike[str]
    proxy: httpx.Proxy | httpx.URL | str | None
    trust_env: bool
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None


class Root(RootNode[M]):
    """The root of an API's tree, and a client of that API.

    Subclass it for the tree, and the tree once for each of the two clients::

        class Logbook(Root[M]):
            notes = child(Notes[M])

        class Client(Logbook[Sync]): ...

        class AsyncClient(Logbook[Async]): ...

    Parameters
    ----------
    base_url : str
        The URL below which the tree stands.
    user_agent : str
        The value of the ``User-Agent`` header.
    timeout : float or httpx.Timeout
        Maximum time of each wait on the network, in seconds.
    retries : int
        Maximum number of retries of a safe request.
    patience : float
        Maximum total time to wait between attempts, in seconds, instead of `retries`.
    max_requests_per_second : float
        Maximum rate of requests, shared by all copies of the client in a process.
    on_retry : callable
        Function to call before each wait, with the request (an `httpx.Request` without secrets),
        the number of the attempt, the seconds to wait and the reason.
    max_connections : int
        Maximum number of simultaneous connections.
    max_json_bytes : int
        Maximum size of a JSON response, in bytes.
    credentials : Credentials
        The user's credentials.
    credential_chain : CredentialChain
        Where to find the credentials, if `credentials` is None.
    is_unauthorized : callable
        Function that returns whether a response rejects the credentials; by default, whether its
        status is 401.
    error_message : callable
        Function that returns the message in the decoded body of an error, or None; by default,
        ``detail``, ``message``, ``error`` or ``title``.
    headers : Mapping
        Headers of every request to the server's own origin.
    verify : ssl.SSLContext, bool or path
        Verification of TLS certificates; a path is that of a CA file or folder.
    proxy : str or httpx.Proxy
        Proxy for all requests; by default, the environment's.
    trust_env : bool
        Whether to take proxies and certificates from the environment.
    transport : httpx.BaseTransport or httpx.AsyncBaseTransport
        The httpx transport that sends the requests instead of the network.
    """

    _hidden_names = frozenset({"driver", "session"})
    _mirrors_url = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._mode = mode_of(cls) or cls._mode

    @public
    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        timeout: float | httpx.Timeout = 30.0,
        retries: int = 3,
        patience: float | None = None,
        max_requests_per_second: float | None = None,
        on_retry: OnRetry | None = None,
        max_connections: int = 8,
        max_json_bytes: int = 64 * 2**20,
        credentials: Credentials | None = None,
        credential_chain: CredentialChain | None = None,
        is_unauthorized: Callable[[httpx.Response], bool] = is_unauthorized,
        error_message: Callable[[object], str | None] = error_message,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool | str | os.PathLike[str] = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        trust_env: bool = True,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(None)
        name = type(self).__name__
        if self._mode not in _DRIVERS:
            raise TypeError(f"{name} is not a client; declare one as class Client({name}[Sync])")
        kind = _DRIVERS[self._mode].network_class.transport_class
        if transport is not None and not isinstance(transport, kind):
            needed = f"httpx.{kind.__name__}"
            raise TypeError(f"transport of {name} must be an {needed}, not {transport!r}")
        if on_retry is not None and (not callable(on_retry) or iscoroutinefunction(on_retry)):
            given = "an async one" if callable(on_retry) else type(on_retry).__name__
            raise TypeError(f"on_retry must be a regular function, not {given}")
        base_url = check_base_url(base_url)
        checked_proxy = check_proxy(proxy)
        chain = credential_chain
        if chain is not None:
            is_proxied = checked_proxy is not None and not is_loopback(checked_proxy.url.host)
            chain = replace(chain, base_url=chain.base_url or base_url, is_proxied=is_proxied)
        timeouts = check_timeout(timeout)
        session = Session(
            requests=RequestBuilder(base_url, user_agent, check_headers(headers), timeouts),
            retries=check_integer("retries", retries, 0),
            patience=check_positive("patience", patience),
            on_retry=on_retry,
            max_json_bytes=check_integer("max_json_bytes", max_json_bytes, 1),
            store=CredentialStore(credentials or (chain.resolve() if chain else Anonymous())),
            chain=chain,
            is_unauthorized=is_unauthorized,
            error_message=error_message,
        )
        options = NetworkOptions(
            max_connections=check_integer("max_connections", max_connections, 1),
            max_requests_per_second=check_positive(
                "max_requests_per_second", max_requests_per_second
            ),
            verify=check_verify(verify),
            proxy=checked_proxy,
            trust_env=bool(trust_env),
            transport=transport,
        )
        self._start(os.urandom(16).hex(), session, options)

    def _start(
        self, name: str, session: Session, options: NetworkOptions, origin: Network | None = None
    ) -> None:
        driver_class = _DRIVERS[self._mode]
        network = _networks.get(name)
        if network is None:
            network = _networks[name] = driver_class.network_class(options, origin)
        self._name = name
        self.session = session
        session.pacer = network.pacer
        self.driver = driver_class(session, network)

    def __getstate__(self) -> tuple[dict[str, Any], NetworkOptions]:
        options = self.driver.network.options
        if options.transport is not None:
            raise TypeError("a client with a custom transport can't be pickled")
        attributes = {name: value for name, value in vars(self).items() if name != "driver"}
        session = attributes["session"] = copy(self.session)
        is_found = session.chain is not None and session.chain.is_found(session.credentials)
        session.store = CredentialStore(Elsewhere() if is_found else session.credentials)
        return attributes, options

    def __setstate__(self, state: tuple[dict[str, Any], NetworkOptions]) -> None:
        attributes, options = state
        self.__dict__.update(attributes)
        if isinstance(self.session.credentials, Elsewhere) and self.session.chain is not None:
            self.session.credentials = self.session.chain.resolve()
        self._start(self._name, self.session, options)

    @property
    def auth_source(self) -> str:
        """Where the credentials come from, in a word or two; ``none`` if there are none."""
        return self.session.credentials.source

    @public
    def set_token(self, token: str) -> None:
        """Use a bearer token from now on, instead of all previous credentials.

        Parameters
        ----------
        token : str
            The token; surrounding white space is removed.

        Raises
        ------
        ValueError
            If the token is empty, or contains a line break or a non-ASCII character.
        """
        if self.session.chain is not None:
            self.session.chain.warn_if_plain()
        self.session.credentials = Token(token)

    def clear_token(self) -> None:
        """Forget all credentials: requests are anonymous from now on."""
        self.session.credentials = Anonymous()

    def resource(self, template: str, /, **variables: object) -> Resource[M]:
        """Return a node for any path of the API.

        Parameters
        ----------
        template : str
            A URI template (RFC 6570) below ``base_api_url``.
        **variables
            A value for each variable of the template.

        Returns
        -------
        Resource
            A node with ``get``, ``post``, ``put``, ``patch`` and ``delete``.

        Raises
        ------
        ValueError
            If the template is broken, or a value is empty, ``.`` or ``..``.
        TypeError
            If a variable is missing or misspelt.
        """
        with short_tracebacks:
            return Resource(self, template, variables)

    @endpoint("*")
    def request(
        self,
        send: Sender,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | httpx.Timeout | None = None,
    ) -> Flow[httpx.Response]:
        """Send any request.

        Parameters
        ----------
        method : str
            The HTTP method.
        path : str
            A path below ``base_api_url``, or an absolute URL; credentials go to the server's own
            origin alone.
        params, json, data, files, content, headers, timeout
            As in `httpx.Client.request`.

        Returns
        -------
        httpx.Response
            The response, read.

        Raises
        ------
        Error
            If the server answers with an error status, or the network fails.
        """
        return send.response(
            method=check_method(method),
            path=self.session.requests.with_scheme(path),
            params=params,
            json=json,
            data=data,
            files=files,
            content=content,
            headers=headers,
            timeout=timeout,
        )

    @endpoint("GET")
    def get_json(
        self, send: Sender, path: str, *, params: Mapping[str, Any] | None = None
    ) -> Flow[Any]:
        """Get the JSON at any path.

        Parameters
        ----------
        path : str
            A path below ``base_api_url``.
        params : Mapping, optional
            The query.

        Returns
        -------
        object
            The JSON.

        Raises
        ------
        DecodeError
            If the response is not JSON.
        """
        path = self.session.requests.with_scheme(path)
        return send.json(object, path=path, params=params)

    @public
    def with_options(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        max_connections: int | None = None,
    ) -> Self:
        """Return a copy of the client with other options.

        It has the same tree and the same credentials, and shares the connections unless
        `max_connections` is given. What is None stays as it is.

        Parameters
        ----------
        timeout : float or httpx.Timeout, optional
            Maximum time of each wait on the network, in seconds.
        retries : int, optional
            Maximum number of retries of a safe request.
        headers : Mapping, optional
            Headers of every request to the server's own origin, in addition to this client's.
        max_connections : int, optional
            Maximum number of simultaneous connections.

        Returns
        -------
        Client
            The copy, which is closed on its own.
        """
        session, requests = copy(self.session), self.session.requests
        session.requests = RequestBuilder(
            requests.base_url,
            requests.user_agent,
            {**requests.headers, **check_headers(headers)},
            requests.timeouts if timeout is None else check_timeout(timeout),
        )
        if retries is not None:
            session.retries = check_integer("retries", retries, 0)
        name, options = self._name, self.driver.network.options
        if max_connections is not None:
            limit = check_integer("max_connections", max_connections, 1)
            name, options = os.urandom(16).hex(), replace(options, max_connections=limit)
        other = object.__new__(type(self))
        other.__dict__.update(vars(self))
        other._start(name, session, options, self.driver.network)
        return other

    def __dir__(self) -> list[str]:
        other = "aclose" if self._mode is Sync else "close"
        return [name for name in super().__dir__() if name != other]

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED:
            raise AttributeError(
                f"{name} can't be set; client.with_options({name}=...) returns a copy with it"
            )
        if name == "token":
            raise AttributeError("token can't be set; use client.set_token(...)")
        super().__setattr__(name, value)

    def close(self: Root[Sync]) -> None:
        """Close the client and its connections."""
        self._check_mode(Sync, "await client.aclose()")
        self.driver.close()

    def __enter__(self: S) -> S:
        self._check_mode(Sync, "'async with'")
        return self

    def __exit__(
        self: Root[Sync],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def aclose(self: Root[Async]) -> None:
        """Close the client and this event loop's connections."""
        self._check_mode(Async, "client.close()")
        await cast("AsyncDriver", self.driver).close()

    async def __aenter__(self: A) -> A:
        self._check_mode(Async, "'with'")
        return self

    async def __aexit__(
        self: Root[Async],
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _check_mode(self, mode: type, alternative: str) -> None:
        if self._mode is not mode:
            raise TypeError(f"this is not for {type(self).__name__}: use {alternative}")
