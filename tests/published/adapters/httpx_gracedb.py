"""httpx-gracedb's names for a session, each a client of the first server that it is asked for."""

from __future__ import annotations

from typing import Any

import httpx
from gracedb import AsyncGraceDB, GraceDB

from grad300_sdk.engine import Basic

__all__ = ["AsyncClient", "Client"]


class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Sends requests, and keeps the last one with the credentials that responses do not show."""

    sent: httpx.Request

    def __init__(self, replacement: Any) -> None:
        self._replacement = replacement  # what a test calls in place of the network
        self._sync, self._async = httpx.HTTPTransport(), httpx.AsyncHTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent = request
        if self._replacement is None:
            return self._sync.handle_request(request)
        self._replacement(request)
        return httpx.Response(200)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent = request
        return await self._async.handle_async_request(request)

    def close(self) -> None:
        self._sync.close()

    async def aclose(self) -> None:
        await self._async.aclose()


class Session:
    """What both kinds of sessions have."""

    make: Any
    _send_handling_redirects: Any = None  # tests replace it

    def __init__(self, url: str | None = None, **options: Any) -> None:
        self._options = options
        self._is_bound = url is not None
        self._connect(url or "https://example.org/")

    def _connect(self, url: str) -> None:
        self._recorder = Recorder(self._send_handling_redirects)
        self._client = self.make(url, transport=self._recorder, **self._options)

    def _bind(self, url: str) -> Any:
        if not self._is_bound:
            self._connect(url)
            self._is_bound = True
        return self._client

    def _shown(self, response: httpx.Response) -> httpx.Response:
        response.request = self._recorder.sent
        return response

    @property
    def auth(self) -> httpx.BasicAuth | None:
        """The credentials of a user, in httpx's class."""
        is_basic = isinstance(self._client.session.credentials, Basic)
        return httpx.BasicAuth("", "") if is_basic else None


class Client(Session):
    """A blocking session."""

    make = GraceDB

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def get(self, url: str) -> httpx.Response:
        """Get what is at a URL."""
        return self._shown(self._bind(url).request("GET", url))


class AsyncClient(Session):
    """An asynchronous session."""

    make = AsyncGraceDB

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def get(self, url: str) -> httpx.Response:
        """Get what is at a URL."""
        return self._shown(await self._bind(url).request("GET", url))
