"""What all requests of one client share, and how a `Send` becomes exchanges.

Retrying, redirects and logging in are flows like any other: no I/O here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx

from grad300_sdk.engine import retry
from grad300_sdk.engine.body import decode_json
from grad300_sdk.engine.credentials import Anonymous, Credentials
from grad300_sdk.engine.errors import APIError, DecodeError, TransportError, from_status
from grad300_sdk.engine.flow import Exchange, Flow, Send, Sleep
from grad300_sdk.engine.template import SAFE, check_path, encode_query

__all__ = ["SECRET_HEADERS", "Session", "bare", "shown", "without_secrets"]

MAX_REDIRECTS = 5
_jitter = random.SystemRandom().random
# Headers that are left out of what a user is shown of a request.
SECRET_HEADERS = ("Authorization", "Proxy-Authorization", "Cookie")


@dataclass(kw_only=True, eq=False)
class Session:
    """What all requests of one client share.

    Parameters
    ----------
    base_url : str
        The URL below which the tree stands, without a slash at its end.
    user_agent : str
        What the requests say they come from.
    headers : Mapping
        Headers of every request to the server's own origin.
    timeout : float
        Seconds for each wait on the network.
    retries : int
        How often a request that changes nothing is sent again.
    max_json_bytes : int
        The most bytes that a JSON answer may have.
    credentials : Credentials
        What identifies the user; sent to the server's own origin alone.
    """

    base_url: str
    user_agent: str
    headers: Mapping[str, str]
    timeout: float
    retries: int
    max_json_bytes: int
    credentials: Credentials = field(default_factory=Anonymous)

    def __post_init__(self) -> None:
        self._origin = _origin(httpx.URL(self.base_url))

    def send(self, send: Send) -> Flow[httpx.Response]:
        """Send a request, again where that may help, and follow its redirects."""
        url = self.url(send)
        for _ in range(MAX_REDIRECTS + 1):
            response = yield from self._attempts(send, url)
            if response.is_success:
                return response
            if not (response.has_redirect_location and retry.changes_nothing(send.method)):
                raise _api_error(response, send)
            url = _target(response)
        error = TransportError(
            f"{send.method} {self.url(send)}: more than {MAX_REDIRECTS} redirects"
        )
        error.request = self.show(send)
        raise error

    def _attempts(self, send: Send, url: httpx.URL) -> Flow[httpx.Response]:
        for attempt in count():
            auth = None
            if not send.anonymous and self.is_own(url):
                auth = yield from self.credentials.authorize()
            try:
                response: httpx.Response = yield Exchange(send, self.build(send, url), auth)
            except TransportError as error:
                wait = self._wait_after_failure(send, attempt, error)
                if wait is None:
                    raise
            else:
                wait = self._wait(send, attempt, response)
                if wait is None:
                    return response
            yield Sleep(wait)
        raise AssertionError("unreachable")

    def _wait(self, send: Send, attempt: int, response: httpx.Response) -> float | None:
        """Give the seconds after which to send again, or None to leave it at this response."""
        asked = retry.retry_after(response.headers)
        if (
            attempt >= self.retries
            or not retry.changes_nothing(send.method)
            or not retry.is_repeatable(response.status_code)
            or (asked or 0.0) > retry.LONGEST_WAIT
        ):
            return None
        return asked if asked is not None else retry.backoff(attempt, _jitter())

    def _wait_after_failure(self, send: Send, attempt: int, error: TransportError) -> float | None:
        again = error.transient and (
            retry.changes_nothing(send.method)
            or (send.anonymous and error.unsent)  # a log-in that never arrived
        )
        return retry.backoff(attempt, _jitter()) if again and attempt < self.retries else None

    def url(self, send: Send) -> httpx.URL:
        """Give the whole URL of a request, with its query."""
        path = send.path
        if not isinstance(path, str):
            raise TypeError(f"path must be a str, not {type(path).__name__}")
        if "#" in path:
            raise ValueError(f"path {path!r}: what follows a '#' is never sent; write '%23'")
        check_path(path)
        is_absolute = path.startswith(("http://", "https://", "//"))
        text = quote(path, safe=f"{SAFE}[]" if is_absolute else SAFE)
        query = encode_query(send.params or {})
        if query:
            text = f"{text}{'&' if '?' in text else '?'}{query}"
        try:
            if is_absolute:
                url = httpx.URL(self.base_url).join(text)
            else:
                slash = "" if path.startswith(("/", "?")) or not path else "/"
                url = httpx.URL(f"{self.base_url}{slash}{text}")
        except httpx.InvalidURL as error:
            raise ValueError(f"path {path!r} makes no URL: {error}") from None
        if url.userinfo:
            raise ValueError("the URL holds a user name or password; give them to the client")
        return url

    def is_own(self, url: httpx.URL) -> bool:
        """Say whether a URL is of the server's own origin, which alone gets credentials."""
        return _origin(url) == self._origin

    def show(self, send: Send) -> httpx.Request:
        """Make the httpx request as a user may see it: without credentials and secrets."""
        return shown(Exchange(send, self.build(send), None))

    def build(self, send: Send, url: httpx.URL | None = None) -> httpx.Request:
        """Make the httpx request, without credentials."""
        url = self.url(send) if url is None else url
        headers = {
            "User-Agent": self.user_agent,
            "Accept": "application/json" if send.expects_json else "*/*",
            "Accept-Encoding": "gzip, deflate" if send.expects_json else "identity",
        }
        for more in (self.headers if self.is_own(url) else None, send.headers):
            if more:
                headers = dict(httpx.Headers({**httpx.Headers(headers), **httpx.Headers(more)}))
        wait = send.timeout or self.timeout
        return httpx.Request(
            send.method,
            url,
            headers=headers,
            json=send.json,
            data=dict(send.data) if send.data is not None else None,
            files=send.files,
            content=send.content,
            extensions={"timeout": httpx.Timeout(wait).as_dict()},
        )


def shown(exchange: Exchange) -> httpx.Request:
    """Give the request of an exchange as a user may see it: without credentials and secrets."""
    request, send = exchange.request, exchange.send
    for name in SECRET_HEADERS:
        if name in request.headers:
            del request.headers[name]
    if not send.secrets:
        return request
    return httpx.Request(request.method, request.url, data=without_secrets(send).data)


def bare(response: httpx.Response, exchange: Exchange) -> httpx.Response:
    """Take the credentials out of a response's request."""
    response.request = shown(exchange)
    return response


def _target(response: httpx.Response) -> httpx.URL:
    location = response.headers["Location"]
    try:
        url = response.url.join(location)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        error = TransportError(
            f"{response.request.method} {response.url}: a redirect to {location!r}, no http URL"
        )
        error.request, error.response = response.request, response
        raise error
    return url.copy_with(userinfo=b"", fragment=None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _api_error(response: httpx.Response, send: Send) -> APIError:
    body: Any
    try:
        body = decode_json(response)
    except DecodeError:
        body = response.text
    error = from_status(response, body, send.errors)
    error.retry_after = retry.retry_after(response.headers)
    return error


def without_secrets(send: Send) -> Send:
    """Put a shell variable's name in place of the value of each secret form field."""
    shown = {name: f"${name.upper()}" for name in send.secrets}
    return replace(send, data={**send.data, **shown}) if send.data is not None else send
