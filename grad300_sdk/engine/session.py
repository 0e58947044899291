"""What all requests of one client share, and how a `Send` becomes exchanges.

Retrying, redirects and logging in are flows like any other: no I/O here.
"""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

import httpx
from msgspec import to_builtins

from grad300_sdk.engine.body import decode_error, decode_json, text
from grad300_sdk.engine.credentials import Anonymous, Credentials
from grad300_sdk.engine.errors import APIError, DecodeError, Error, TransportError, from_status
from grad300_sdk.engine.flow import Exchange, Flow, Send, Sleep
from grad300_sdk.engine.retry import Attempt, changes_nothing, decide, retry_after
from grad300_sdk.engine.sources import Sources
from grad300_sdk.engine.template import SAFE, check_path, encode_query
from grad300_sdk.engine.upload import prepared

__all__ = [
    "SECRET_HEADERS",
    "Session",
    "bare",
    "check_headers",
    "emptied",
    "has_address",
    "linked",
    "shown",
    "without_secrets",
]

MAX_REDIRECTS = 5
_jitter = random.SystemRandom().random
_log = logging.getLogger(__name__)
# Headers that are left out of what a user is shown of a request.
SECRET_HEADERS = ("Authorization", "Proxy-Authorization", "Cookie")
_SECRET_NAMES = {name.lower().encode() for name in SECRET_HEADERS}
# RFC 9110, section 5: what a header's name and its value may be.
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(rb"(?:[^\x00-\x20\x7f]+(?:[ \t]+[^\x00-\x20\x7f]+)*)?")
_OF_A_BODY = {b"content-encoding", b"transfer-encoding"}
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def is_unauthorized(response: httpx.Response) -> bool:
    """Say whether a server refused the credentials themselves, as 401 does (RFC 9110)."""
    return response.status_code == 401


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
    sources : Sources or None
        Where they came from.
    is_refused : callable
        Says of a response whether the server refused the credentials themselves.
    """

    base_url: str
    user_agent: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    retries: int
    max_json_bytes: int
    credentials: Credentials = field(default_factory=Anonymous)
    sources: Sources | None = None
    is_refused: Callable[[httpx.Response], bool] = is_unauthorized

    def __post_init__(self) -> None:
        self._origin = _origin(httpx.URL(self.base_url))

    def send(self, send: Send) -> Flow[httpx.Response]:
        """Send a request, again where that may help, and follow its redirects."""
        url = self.url(send)
        _check_body(send)
        for _ in range(MAX_REDIRECTS + 1):
            response = yield from self._attempts(send, url)
            if response.is_success:
                return response
            target = _target(response) if changes_nothing(send.method) else None
            if target is None:
                raise _api_error(response, send, self.credentials.hidden)
            if _origin(target) != _origin(url):
                send = replace(send, headers=_for_others(send.headers))
            url = target
        error = TransportError(
            f"{send.method} {self.url(send)}: more than {MAX_REDIRECTS} redirects"
        )
        error.request = self.show(send)
        raise error

    def _attempts(self, send: Send, url: httpx.URL) -> Flow[httpx.Response]:
        if send.secrets and self.sources is not None:
            self.sources.warn_if_plain()
        credentials = self.credentials if self.is_authorized(send, url) else None
        is_renewed = False
        number = 0
        while True:
            auth = None if credentials is None else (yield from credentials.authorize())
            try:
                request = self.build(_with_headers_of_sink(send), url)
                response: httpx.Response = yield Exchange(send, request, auth)
            except TransportError as error:
                wait = self._decide(send, number, error)
                if wait is None:
                    raise
            else:
                if response.is_success:
                    return response
                if credentials and auth and not is_renewed and self.is_refused(response):
                    is_renewed = True
                    if (yield from credentials.renew(auth)):
                        continue
                wait = self._decide(send, number, response)
                if wait is None:
                    return response
            yield Sleep(wait)
            number += 1

    def _decide(
        self, send: Send, number: int, came: httpx.Response | TransportError
    ) -> float | None:
        """Give the seconds after which to send again, or None to leave it at what came."""
        if isinstance(came, TransportError):
            attempt = Attempt(
                method=send.method,
                number=number,
                is_transient=came.transient,
                is_unsent=came.unsent,
                is_log_in=send.anonymous,
            )
        else:
            attempt = Attempt(
                method=send.method,
                number=number,
                status=came.status_code,
                headers=came.headers,
            )
        now, jitter = datetime.now(UTC), _jitter()
        decision = decide(attempt, retries=self.retries, now=now, jitter=jitter)
        if decision.wait is None:
            _log.debug("%s %s failed: %s", send.method, send.path, decision.reason)
        else:
            again = (send.method, send.path, decision.wait, decision.reason)
            _log.debug("%s %s is sent again in %.1f s: %s", *again)
        return decision.wait

    def hide_secrets(self, error: Exception) -> None:
        """Cut the credentials out of an error, and what led to it: a server may repeat them."""
        secrets = [secret for secret in self.credentials.hidden if secret]
        one: BaseException | None = error
        while one is not None:
            one.args = tuple(
                _cut_out(secrets, str(argument))
                if isinstance(argument, str | Exception)  # httpcore's hold those of h11's
                else argument
                for argument in one.args
            )
            if isinstance(one, DecodeError) and one.response is not None:
                one.response = _without(one.response, secrets)
            # The context of an error of ours may be the caller's, that of h11's is its cause.
            one = one.__cause__ or (None if isinstance(one, Error) else one.__context__)

    def url(self, send: Send) -> httpx.URL:
        """Give the whole URL of a request, with its query."""
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
        try:
            if is_absolute:
                url = httpx.URL(text)
            else:
                slash = "" if path.startswith(("/", "?")) or not path else "/"
                url = httpx.URL(f"{self.base_url}{slash}{text}")
        except httpx.InvalidURL as error:
            raise ValueError(f"path {path!r} makes no URL: {error}") from None
        if url.userinfo:
            raise ValueError("the URL holds a user name or password; give them to the client")
        if not has_address(url):
            raise ValueError(f"path {path!r} makes no URL of a server")
        return url

    def with_scheme(self, path: str) -> str:
        """Give a path that a user wrote; ``//host`` is a URL of the server's scheme (RFC 3986)."""
        is_url = isinstance(path, str) and path.startswith("//")
        return f"{self._origin[0]}:{path}" if is_url else path

    def is_own(self, url: httpx.URL) -> bool:
        """Say whether a URL is of the server's own origin, which alone gets credentials."""
        return _origin(url) == self._origin

    def is_authorized(self, send: Send, url: httpx.URL) -> bool:
        """Say whether a request is sent with the credentials; a header of its own goes before."""
        own = {name.lower() for name in (send.headers or {})}
        return self.is_own(url) and not send.anonymous and "authorization" not in own

    def show(self, send: Send) -> httpx.Request:
        """Make the httpx request as a user may see it: without credentials and secrets."""
        _check_body(send)
        return shown(Exchange(send, self.build(send), None))

    def build(self, send: Send, url: httpx.URL | None = None) -> httpx.Request:
        """Make the httpx request, without credentials."""
        url = self.url(send) if url is None else url
        headers = {
            "User-Agent": self.user_agent,
            "Accept": "application/json" if send.expects_json else "*/*",
            "Accept-Encoding": "gzip, deflate" if send.expects_json else "identity",
        }
        if send.json is not None:
            headers["Content-Type"] = "application/json"
        for more in (self.headers if self.is_own(url) else None, check_headers(send.headers)):
            if more:
                headers = {**httpx.Headers(headers), **more}
        wait = send.timeout or self.timeout
        return httpx.Request(
            send.method,
            url,
            headers=headers,
            data=dict(send.data) if send.data is not None else None,
            files=None if send.files is None else prepared(send.files),
            content=send.content if send.json is None else _json(send.json),
            extensions={"timeout": httpx.Timeout(wait).as_dict()},
        )


def _check_body(send: Send) -> None:
    """Refuse bodies that contradict each other, and those that httpx would stumble over."""
    forms = {"json": send.json, "content": send.content, "data or files": send.data or send.files}
    given = [name for name, value in forms.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"a request has one body: give {' or '.join(given)}")
    for name, value in (("data", send.data), ("headers", send.headers)):
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping, not {value!r:.80}")
    if not isinstance(send.content, bytes | str | None):
        raise TypeError(f"content must be bytes or str, not {type(send.content).__name__}")
    if send.files is not None:
        prepared(send.files)


def _json(value: object) -> bytes:
    """Encode JSON; dates and enums are written as they are read from an answer."""
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=to_builtins
    )
    return text.encode()


def shown(exchange: Exchange) -> httpx.Request:
    """Give the request of an exchange as a user may see it: without credentials and secrets."""
    request, send = exchange.request, exchange.send
    raw = request.headers.raw
    headers = [(name, value) for name, value in raw if name.lower() not in _SECRET_NAMES]
    if send.secrets:
        headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        data = dict(without_secrets(send).data or {})
        return httpx.Request(request.method, request.url, headers=headers, data=data)
    if len(headers) == len(raw):
        return request
    # Whoever gave the transport may still look at the request as it was sent: this is another.
    stream, extensions = request.stream, request.extensions
    copy = httpx.Request(
        request.method, request.url, headers=headers, stream=stream, extensions=extensions
    )
    if isinstance(stream, httpx.ByteStream):
        copy.read()
    return copy


def bare(response: httpx.Response, exchange: Exchange) -> httpx.Response:
    """Take the credentials out of a response's requests: what was asked, what httpx would ask."""
    response.request = shown(exchange)
    response.next_request = None
    response.stream = httpx.ByteStream(b"")  # it was read, and would keep the response in memory
    return response


def emptied(response: httpx.Response, request: httpx.Request) -> httpx.Response:
    """Give a response without its body, which was of no use or went elsewhere."""
    headers = [(name, value) for name, value in response.headers.raw if name not in _OF_A_BODY]
    return httpx.Response(response.status_code, headers=headers, request=request)


def _target(response: httpx.Response) -> httpx.URL | None:
    """Give where a response redirects to, or None where that can't be followed."""
    if not response.has_redirect_location:
        return None
    try:
        url = response.url.join(response.headers["Location"])
    except (httpx.InvalidURL, ValueError):
        return None
    if url.scheme not in ("http", "https") or not has_address(url):
        return None
    return url.copy_with(userinfo=b"", fragment=None)


def linked(response: httpx.Response, link: object) -> str:
    """Give the URL of a link in an answer, which must lead to the server that answered."""
    url = httpx.URL()
    with suppress(httpx.InvalidURL, TypeError, ValueError):
        joined = response.url.join(cast("str", link))
        check_path(joined.path)
        url = joined
    if url.userinfo or _origin(url) != _origin(response.url):
        raise decode_error(response, f"a link that leads nowhere on this server: {link!r:.200}")
    return str(url.copy_with(fragment=None))


def has_address(url: httpx.URL) -> bool:
    """Say whether there can be a server at a URL; of others, sockets raise errors of their own."""
    labels = url.raw_host.removesuffix(b".").split(b".")
    return all(0 < len(label) < 64 for label in labels) and (url.port or 0) < 65536


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Check headers, and give them with their names in small letters; no message shows a value."""
    if not headers:
        return {}
    checked = None
    try:
        checked = httpx.Headers(headers)
    except UnicodeError:
        pass  # the error holds the value, and stays out of the context of ours
    except TypeError as error:
        raise TypeError(f"headers: {error}") from None
    if checked is None:
        raise ValueError("headers: only ASCII characters can be sent")
    for name, value in checked.raw:
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ValueError(f"headers: {name.decode()!r} is no name, or its value can't be sent")
    return dict(checked)


def _with_headers_of_sink(send: Send) -> Send:
    if send.sink is None:
        return send
    return replace(send, headers={**(send.headers or {}), **send.sink.headers()})


def _for_others(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Leave out of a call's headers what is for the server that was asked, and no other."""
    secret = {name.lower() for name in (*SECRET_HEADERS, "Host")}
    return {name: value for name, value in (headers or {}).items() if name.lower() not in secret}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _api_error(response: httpx.Response, send: Send, hidden: tuple[str | None, ...]) -> APIError:
    """Make the error of a response; a server that repeats a secret is not quoted with it."""
    fields = [str((send.data or {}).get(name)) for name in send.secrets]
    response = _without(response, [*fields, *filter(None, hidden)])
    body: Any
    try:
        body = decode_json(response)
    except DecodeError:
        body = text(response)
    error = from_status(response, body, send.errors)
    error.retry_after = retry_after(response.headers, datetime.now(UTC))
    return error


def _without(response: httpx.Response, secrets: list[str]) -> httpx.Response:
    forms = [form.encode() for form in _forms(secrets)]
    headers, content = emptied(response, response.request).headers.raw, response.content
    if not any(form in content or form in b" ".join(sum(headers, ())) for form in forms):
        return response
    for form in forms:
        headers = [(name, value.replace(form, b"***")) for name, value in headers]
        content = content.replace(form, b"***")
    headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return httpx.Response(
        response.status_code, headers=headers, content=content, request=response.request
    )


def _forms(secrets: list[str]) -> list[str]:
    """Give the ways in which secrets may be written; one of a few letters is in any text."""
    return [form for s in secrets if len(s) > 3 for form in (s, json.dumps(s)[1:-1], quote(s))]


def _cut_out(secrets: list[str], text: str) -> str:
    """Cut secrets out of a message, and those that it quotes only the beginning of."""
    for form in _forms(secrets):
        for length in range(len(form), min(len(form), 8) - 1, -1):
            text = text.replace(form[:length], "***")
    return text


def without_secrets(send: Send) -> Send:
    """Put a shell variable's name in place of the value of each secret form field."""
    shown = {name: f"${name.upper()}" for name in send.secrets}
    return replace(send, data={**send.data, **shown}) if send.data is not None else send
