"""The root of a resource tree: a client."""

from __future__ import annotations

import math
import operator
import os
import re
import ssl
import weakref
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, Self, SupportsIndex, TypedDict, cast

import httpx

from grad300_sdk.engine.connections import Wiring
from grad300_sdk.engine.credentials import Anonymous, Credentials, Elsewhere, Token
from grad300_sdk.engine.drivers import AwaitingDriver, BlockingDriver
from grad300_sdk.engine.endpoints import endpoint
from grad300_sdk.engine.flow import Flow, Send
from grad300_sdk.engine.node import Awaiting, Blocking, M, Node
from grad300_sdk.engine.resource import Resource
from grad300_sdk.engine.sender import Sender
from grad300_sdk.engine.session import Session, check_headers, has_address, is_unauthorized
from grad300_sdk.engine.sources import Sources

__all__ = ["AwaitingClient", "BlockingClient", "ClientOptions", "Root"]

# Seconds: a socket waits no longer than 24 days.
_LONGEST_TIMEOUT = 2_000_000.0
# What the copies of a client share in a process, by the name that travels with the client.
_shared: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


class ClientOptions(TypedDict, total=False):
    """What the user of any client may choose; see `Root`."""

    timeout: float
    retries: int
    max_connections: int
    max_json_bytes: int
    headers: Mapping[str, str] | None
    verify: ssl.SSLContext | bool
    proxy: httpx.Proxy | httpx.URL | str | None
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None


class Root(Node[M]):
    """What is common to the clients of one API, blocking and awaiting.

    Subclass it for the tree, and that once more with `BlockingClient` and `AwaitingClient`.

    Parameters
    ----------
    base_url : str
        The URL below which the tree stands.
    user_agent : str
        What the requests say they come from.
    timeout : float
        Seconds for each wait on the network.
    retries : int
        How often a request that changes nothing is sent again.
    max_connections : int
        How many connections may be open at once.
    max_json_bytes : int
        The most bytes that a JSON answer may have.
    credentials : Credentials
        What identifies the user.
    sources : Sources
        Where the credentials come from, if they are not given.
    is_refused : callable
        Says of a response whether the server refused the credentials themselves; as 401 does, if
        not given.
    headers, verify, proxy, transport
        As httpx has them.
    """

    driver: Any
    _awaits: ClassVar[bool] = False
    _not_shown: ClassVar[frozenset[str]] = frozenset({"driver", "session"})
    _driver_class: ClassVar[Any]
    _transport_class: ClassVar[type]

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        timeout: float = 30.0,
        retries: int = 3,
        max_connections: int = 8,
        max_json_bytes: int = 64 * 2**20,
        credentials: Credentials | None = None,
        sources: Sources | None = None,
        is_refused: Callable[[httpx.Response], bool] = is_unauthorized,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | bool = True,
        proxy: httpx.Proxy | httpx.URL | str | None = None,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(None)
        if transport is not None and not isinstance(transport, self._transport_class):
            raise TypeError(
                f"transport is {transport!r}, where {type(self).__name__} needs a "
                f"httpx.{self._transport_class.__name__}"
            )
        base_url = check_base_url(base_url)
        if sources is not None and not sources.base_url:
            sources = replace(sources, base_url=base_url)
        session = Session(
            base_url=base_url,
            user_agent=user_agent,
            headers=check_headers(headers),
            timeout=check_timeout(timeout),
            retries=check_whole("retries", retries, 0),
            max_json_bytes=check_whole("max_json_bytes", max_json_bytes, 1),
            credentials=credentials or (sources.find() if sources else Anonymous()),
            sources=sources,
            is_refused=is_refused,
        )
        wiring = Wiring(
            timeout=session.timeout,
            max_connections=check_whole("max_connections", max_connections, 1),
            verify=check_verify(verify),
            proxy=check_proxy(proxy),
            transport=transport,
        )
        self._start(os.urandom(16).hex(), session, wiring)

    def _start(self, name: str, session: Session, wiring: Wiring) -> None:
        connections = _shared.get(name)
        if connections is None:
            connections = self._driver_class.connections_class(wiring)
            _shared[name] = connections
        self._name = name
        self.session = session
        self.driver = self._driver_class(session, connections)

    def __getstate__(self) -> tuple[dict[str, Any], Wiring]:
        wiring = self.driver.connections.wiring
        if wiring.transport is not None:
            raise TypeError("a client with a transport of its own can't be pickled")
        attributes = {name: value for name, value in vars(self).items() if name != "driver"}
        session = attributes["session"] = copy(self.session)
        if session.sources is not None and session.sources.is_found(session.credentials):
            session.credentials = Elsewhere()
        return attributes, wiring

    def __setstate__(self, state: tuple[dict[str, Any], Wiring]) -> None:
        attributes, wiring = state
        self.__dict__.update(attributes)
        if isinstance(self.session.credentials, Elsewhere) and self.session.sources is not None:
            self.session.credentials = self.session.sources.find()
        self._start(self._name, self.session, wiring)

    @property
    def client(self) -> Self:
        """The client itself."""
        return self

    @property
    def base_api_url(self) -> str:
        """The URL below which the tree stands, without a slash at its end."""
        return self.session.base_url

    @property
    def auth_source(self) -> str:
        """Where the credentials come from, in a word or two; ``none`` where there are none."""
        return self.session.credentials.source

    @property
    def max_connections(self) -> int:
        """How many connections may be open at once."""
        limit: int = self.driver.connections.wiring.max_connections
        return limit

    def set_token(self, token: str) -> None:
        """Use a bearer token from now on, in place of whatever credentials there were.

        Parameters
        ----------
        token : str
            The token; white space around it is trimmed.

        Raises
        ------
        ValueError
            If the token is empty, or has a line break or a non-ASCII character in it.
        """
        if self.session.sources is not None:
            self.session.sources.warn_if_plain()
        self.session.credentials = Token(token)

    def clear_token(self) -> None:
        """Forget all credentials: requests are anonymous from now on."""
        self.session.credentials = Anonymous()

    def resource(self, template: str, /, **variables: object) -> Resource[M]:
        """Give a node for any path of the API.

        Parameters
        ----------
        template : str
            A URI template (RFC 6570) below `base_api_url`.
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
        timeout: float | None = None,
    ) -> Flow[httpx.Response]:
        """Send any request.

        Parameters
        ----------
        method : str
            The HTTP method.
        path : str
            A path below `base_api_url`, or an absolute URL; credentials go to the server's own
            origin alone.
        params, json, data, files, content, headers, timeout
            As httpx has them.

        Returns
        -------
        httpx.Response
            The response, read.

        Raises
        ------
        Error
            If the server answers with an error status, or the network fails.
        """
        response: httpx.Response = yield Send(
            method=check_method(method),
            path=self.session.with_scheme(path),
            params=params,
            json=json,
            data=data,
            files=files,
            content=content,
            headers=headers,
            timeout=None if timeout is None else check_timeout(timeout),
        )
        return response

    @endpoint("GET")
    def get_json(
        self, send: Sender, path: str, *, params: Mapping[str, Any] | None = None
    ) -> Flow[Any]:
        """Get the JSON at any path.

        Parameters
        ----------
        path : str
            A path below `base_api_url`.
        params : Mapping, optional
            The query.

        Returns
        -------
        object
            The JSON.

        Raises
        ------
        DecodeError
            If the answer is no JSON.
        """
        result: Any = yield from send.json(
            object, path=self.session.with_scheme(path), params=params
        )
        return result

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self.base_api_url}>"


class BlockingClient(Root[Blocking]):
    """What the blocking client of an API has besides its tree."""

    _driver_class = BlockingDriver
    _transport_class = httpx.BaseTransport

    def close(self) -> None:
        """Close the connections; the client can't send any more."""
        self.driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AwaitingClient(Root[Awaiting]):
    """What the awaiting client of an API has besides its tree."""

    _awaits = True
    _driver_class = AwaitingDriver
    _transport_class = httpx.AsyncBaseTransport

    async def aclose(self) -> None:
        """Close this event loop's connections; the client can't send any more."""
        await self.driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def check_base_url(base_url: object) -> str:
    """Check a base URL, and take the slash off its end; the message shows no password."""
    if not isinstance(base_url, str | httpx.URL):
        raise TypeError(f"base_url must be a str, not {type(base_url).__name__}")
    text = str(base_url).strip()
    # What may hold a password or a token is not shown.
    shown = "what was given" if re.search("[@?#]", text) else repr(text)
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError(f"base_url is no URL: {shown}") from None
    if url.userinfo:
        raise ValueError(
            "base_url holds a user name or password; give them as user= and password="
        )
    if url.scheme not in ("http", "https") or not has_address(url):
        raise ValueError(
            f"base_url is {shown}, where an http or https URL is needed, "
            "like 'https://archive.example.org'"
        )
    if url.query or url.fragment or text.endswith(("?", "#")):
        raise ValueError(
            "base_url is more than an address: a base URL has no query and no fragment"
        )
    return str(url).rstrip("/")


def check_verify(verify: object) -> ssl.SSLContext | bool:
    """Check how certificates are to be checked."""
    if not isinstance(verify, ssl.SSLContext | bool):
        raise TypeError(f"verify must be a bool or an ssl.SSLContext, not {verify!r}")
    return verify


def check_proxy(proxy: object) -> httpx.Proxy | httpx.URL | str | None:
    """Check a proxy; the message shows no password."""
    if proxy is None or isinstance(proxy, httpx.Proxy):
        return proxy
    if not isinstance(proxy, str | httpx.URL):
        raise TypeError(f"proxy must be a str or a httpx.Proxy, not {type(proxy).__name__}")
    try:
        url = httpx.URL(proxy)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https", "socks5", "socks5h") or not url.host:
        raise ValueError("proxy is no URL of a proxy, where one like 'http://host:3128' is needed")
    return proxy


def check_timeout(timeout: object) -> float:
    """Check a time-out: a finite number of seconds above 0."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout is {timeout!r}, where a number of seconds above 0 is needed")
    return float(min(timeout, _LONGEST_TIMEOUT))


def check_whole(name: str, value: object, least: int) -> int:
    """Check a whole number that has a least value."""
    wrong = TypeError(f"{name} must be a whole number, not {value!r}")
    if isinstance(value, bool) or getattr(value, "dtype", "") == "bool":  # numpy's
        raise wrong
    try:
        number = operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise wrong from None
    if number < least:
        raise ValueError(f"{name} is {number}, but must be at least {least}")
    return number


def check_method(method: object) -> str:
    """Check an HTTP method, and give it in capitals."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {method!r}")
    if not (method.isascii() and method.isalpha()):
        raise ValueError(f"method is {method!r}, where one like 'GET' is needed")
    return method.upper()
