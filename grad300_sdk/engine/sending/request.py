"""Requests built from a `Send`: the URL, the headers and the body, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
from msgspec import to_builtins

from ..checks import Timeouts, check_headers, check_timeout, has_address
from ..flow import Send
from ..template import SAFE, check_path, encode_query
from .upload import prepare_files

__all__ = ["Origin", "RequestBuilder", "check_body", "origin"]

# Scheme, host and port of a server.
Origin: TypeAlias = tuple[str, str, int | None]

_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_EMPTY = httpx.ByteStream(b"")


# A parsed URL is immutable; parsing one takes a twentieth of a request's time.
_parsed = lru_cache(maxsize=256)(httpx.URL)


class RequestBuilder:
    """Builds the requests of one client, without credentials.

    Parameters
    ----------
    base_url : str
        The URL below which the tree stands, without a trailing slash.
    user_agent : str
        The value of the ``User-Agent`` header.
    headers : Mapping
        Headers of every request to the server's own origin, with their names in lower case.
    timeouts : dict
        The time-outs in seconds.
    """

    def __init__(
        self, base_url: str, user_agent: str, headers: Mapping[str, str], timeouts: Timeouts
    ) -> None:
        self.base_url = base_url
        self.user_agent = user_agent
        self.headers = headers
        self.timeouts = timeouts
        self.origin = origin(httpx.URL(base_url))
        self._prepared: dict[Any, httpx.Headers] = {}

    def url(self, send: Send) -> httpx.URL:
        """Return the whole URL of a request, with its query."""
        path = send.path
        if not isinstance(path, str):
            raise TypeError(f"path must be a str, not {type(path).__name__}")
        if "#" in path:
            raise ValueError(f"path {path!r}: what follows a '#' is never sent; write '%23'")
        check_path(path)
        is_absolute = path[:8].lower().startswith(("http://", "https://"))
        text = _STRAY_PERCENT.sub("%25", quote(path, safe=f"{SAFE}[]" if is_absolute else SAFE))
        query = encode_query(send.params) if send.params else ""
        if query:
            text = f"{text}{'&' if '?' in text else '?'}{query}"
        if not is_absolute:
            slash = "" if path.startswith(("/", "?")) or not path else "/"
            text = f"{self.base_url}{slash}{text}"
        try:
            url = _parsed(text)
        except httpx.InvalidURL as error:
            raise ValueError(f"path {path!r} does not make a URL: {error}") from None
        if url.userinfo:
            raise ValueError("the URL holds a user name or password; pass them to the client")
        if is_absolute and not has_address(url):
            raise ValueError(f"path {path!r} does not make the URL of a server")
        return url

    def with_scheme(self, path: str) -> str:
        """Return a path, or a URL with the server's scheme for ``//host/path`` (RFC 3986)."""
        is_url = isinstance(path, str) and path.startswith("//")
        return f"{self.origin[0]}:{path}" if is_url else path

    def is_own(self, url: httpx.URL) -> bool:
        """Return whether a URL has the server's own origin, the only one that gets credentials."""
        return origin(url) == self.origin

    def build(self, send: Send, url: httpx.URL) -> httpx.Request:
        """Return the request, without credentials."""
        headers = self._headers(send, url)
        timeouts = self.timeouts if send.timeout is None else check_timeout(send.timeout)
        extensions = {"timeout": timeouts}
        if send.has_body or send.method not in ("GET", "HEAD"):
            return httpx.Request(
                send.method,
                url,
                headers=headers,
                data=dict(send.data) if send.data is not None else None,
                files=None if send.files is None else prepare_files(send.files),
                content=send.content if send.json is None else _encode_json(send.json),
                extensions=extensions,
            )
        request = httpx.Request(
            send.method, url, headers=headers, stream=_EMPTY, extensions=extensions
        )
        request.read()
        return request

    def _headers(self, send: Send, url: httpx.URL) -> httpx.Headers:
        """Return the headers of a request; those that many requests share are prepared once."""
        kind = url.netloc, url.scheme, send.expects_json, send.json is not None
        if kind not in self._prepared:
            headers = {
                "Host": url.netloc.decode("ascii"),
                "User-Agent": self.user_agent,
                "Accept": "application/json" if send.expects_json else "*/*",
                "Accept-Encoding": "gzip, deflate" if send.expects_json else "identity",
            }
            if send.json is not None:
                headers["Content-Type"] = "application/json"
            if self.is_own(url):
                headers = {**httpx.Headers(headers), **self.headers}
            self._prepared[kind] = httpx.Headers(headers)
        prepared = self._prepared[kind]
        if not send.headers:
            return prepared
        return httpx.Headers({**prepared, **check_headers(send.headers)})


def origin(url: httpx.URL) -> Origin:
    """Return the origin of a URL."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def check_body(send: Send) -> None:
    """Raise an error for more than one body, or one that httpx can't send."""
    if not (send.has_body or send.headers):
        return
    forms = {"json": send.json, "content": send.content, "data or files": send.data or send.files}
    bodies = [name for name, value in forms.items() if value is not None]
    if len(bodies) > 1:
        raise ValueError(f"a request has one body: pass {' or '.join(bodies)}")
    for name, value in (("data", send.data), ("headers", send.headers)):
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping, not {type(value).__name__}")
    if not isinstance(send.content, bytes | str | None):
        raise TypeError(f"content must be bytes or str, not {type(send.content).__name__}")
    if send.files is not None:
        prepare_files(send.files)


def _encode_json(value: object) -> bytes:
    """Return a value as JSON, with dates and enumerations as they are decoded."""
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=to_builtins
    )
    return text.encode()
