"""One response, read piece by piece."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import httpx

from ..flow import Exchange
from ..sending.response import (
    REDACTOR,
    BodyDecoder,
    RateGuard,
    decoded_headers,
    whole_response,
)
from ..sending.session import Session
from .base import Lease, Network
from .errors import map_httpx_errors

__all__ = ["IncomingResponse"]

_logger = logging.getLogger(__name__)


class IncomingResponse:
    """One response, from sending the request to the end of the body."""

    response: httpx.Response
    lease: Lease

    def __init__(
        self,
        exchange: Exchange,
        session: Session,
        network: Network,
        is_closed: Callable[[], bool],
    ) -> None:
        self._exchange = exchange
        self._session = session
        self._network = network
        self.mapping_errors = map_httpx_errors(exchange, is_closed, network.describe_route)

    async def open(self) -> None:
        """Send the request, and prepare for the body of the response."""
        guard = RateGuard(self._exchange, self._session.clock)
        self._began = time.perf_counter()
        with self.mapping_errors:
            opened = await self._network.open(self._exchange.request, guard)
            self.response, self.lease = opened
            self._pieces = self._network.pieces(self.response)
            try:
                self._prepare(self.response, guard)
            except BaseException as error:
                await self.aclose(error)
                raise

    def _prepare(self, response: httpx.Response, guard: RateGuard) -> None:
        request, send = self._exchange.request, self._exchange.send
        response.request = request
        redactor = response.extensions[REDACTOR] = self._exchange.redactor
        reason = response.reason_phrase
        if reason != httpx.codes.get_reason_phrase(response.status_code):  # redacting takes time
            response.extensions["reason_phrase"] = redactor.text(reason).encode()
        if _logger.isEnabledFor(logging.INFO):
            status = f"{response.http_version} {response.status_code} {response.reason_phrase}"
            _logger.info('HTTP Request: %s %s "%s"', request.method, request.url, status)
        is_json = send.expects_json or "json" in response.headers.get("Content-Type", "").lower()
        limit = self._session.max_json_bytes if is_json else None
        if limit is None:
            guard.allow_long_body()
        self._guard = guard
        self._headers = response.headers
        self._decoder = BodyDecoder(response, limit)
        response.headers = decoded_headers(response.headers)
        self._decoded: Iterator[bytes] = iter(())

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        with self.mapping_errors:
            return await self._next()

    async def _next(self) -> bytes:
        while True:
            for part in self._decoded:
                return part
            if self._decoder.is_done:
                raise StopAsyncIteration
            if not self._guard.is_watched:  # by the stream below httpx
                self._guard.wait()
            try:
                piece = await anext(self._pieces)
            except StopAsyncIteration:
                self._decoder.finish()
                raise
            if not self._guard.is_watched:
                self._guard.received(len(piece))
            self._decoded = self._decoder.feed(piece)

    async def read(self) -> httpx.Response:
        """Return the response with its whole body."""
        return self.whole(b"".join([piece async for piece in self]))

    def whole(self, content: bytes | None) -> httpx.Response:
        """Return the response for users to see; `content` is None if a sink received the body."""
        self.response.headers = self._headers
        whole = whole_response(self.response, content, self._exchange)
        whole.elapsed = timedelta(seconds=time.perf_counter() - self._began)
        return whole

    async def __aenter__(self) -> IncomingResponse:
        return self

    async def __aexit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> None:
        await self.aclose(error)

    async def aclose(self, error: BaseException | None = None) -> None:
        """Close the response, and return its connection."""
        with self.mapping_errors:
            try:
                await self._network.close(self.response, self._pieces)
            except BaseException as failure:
                error = failure
                raise
            finally:
                await self.lease.release(error)
