"""Requests, responses and messages without secrets: the one place that decides what is shown."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cached_property, lru_cache
from urllib.parse import quote, quote_plus

import httpx
from msgspec import Struct
from msgspec.structs import replace

from ..flow import Exchange, Send
from ..text import excerpt

__all__ = [
    "Redactor",
    "is_secret_header",
    "redacted_request",
    "redacted_send",
    "secret_values",
    "without_body",
]

# Words in the names of headers whose values are secret, such as X-Api-Key.
_SECRET_WORDS = re.compile(
    "authoriz|authent|(^|-)auth(-|$)|api-?key|cookie|credential|passw|secret|signature|token",
    re.IGNORECASE,
)
# Headers that describe a body as it was sent.
_BODY_HEADERS = {b"content-encoding", b"transfer-encoding"}
_MASK = "***"
# A shorter secret may stand in any text by chance.
_SHORTEST = 4
# A message may quote only the beginning of a secret, which is masked from this length on.
_SHORTEST_BEGINNING = 8


@lru_cache
def is_secret_header(name: str) -> bool:
    """Return whether a header is left out of what a user is shown, going by its name."""
    return _SECRET_WORDS.search(name) is not None


def secret_values(request: httpx.Request) -> list[str]:
    """Return the values of the secret headers of a request, with and without their scheme."""
    headers = [(name.decode("latin-1"), value) for name, value in request.headers.raw]
    values = [value.decode("latin-1") for name, value in headers if is_secret_header(name)]
    return [part for value in values for part in (value, value.rpartition(" ")[2])]


class Redactor(Struct, dict=True, weakref=True):
    """Masks the secrets of one exchange in what a server or a library repeats.

    Attributes
    ----------
    secrets : tuple of str
        The secrets.
    """

    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Redactor()"

    @cached_property
    def _forms(self) -> list[str]:
        """The ways in which the secrets may be written, the longest first."""
        secrets = [secret for secret in self.secrets if len(secret) >= _SHORTEST]
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        return sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text with each secret, or its beginning, masked."""
        forms = [form for form in self._forms if form[:_SHORTEST_BEGINNING] in text]
        for length in range(len(forms[0]) if forms else 0, 0, -1):  # the longest first
            for form in forms:
                if min(len(form), _SHORTEST_BEGINNING) <= length <= len(form):
                    text = text.replace(form[:length], _MASK)
        return text

    def is_repeated(self, text: str) -> bool:
        """Return whether a text holds a whole secret, and hardly by chance."""
        return any(form in text for form in self._forms if len(form) >= _SHORTEST_BEGINNING)

    def response(self, response: httpx.Response) -> httpx.Response:
        """Return a response without secrets in its headers and body; the same one if possible."""
        forms = [form.encode() for form in self._forms]
        content = response.content
        headers = without_body(response, response.request).headers.raw
        shown = b" ".join((*sum(headers, ()), content))
        if not any(form in shown for form in forms):
            return response
        for form in forms:
            headers = [(name, value.replace(form, _MASK.encode())) for name, value in headers]
            content = content.replace(form, _MASK.encode())
        headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        redacted = httpx.Response(
            response.status_code,
            headers=headers,
            content=content,
            request=response.request,
            extensions=response.extensions,
        )
        with suppress(RuntimeError):  # it has no body, and so took no time
            redacted.elapsed = response.elapsed
        return redacted


def _forms(secret: str) -> tuple[str, ...]:
    """Return the ways to write a secret: as it is, in JSON, in a URL, a form, HTML or Python."""
    from html import escape  # with a table of entities that nothing else needs

    plain = json.dumps(secret, ensure_ascii=False)[1:-1]
    encoded = quote(secret), quote(secret, safe=""), quote_plus(secret)
    python = repr(secret)[1:-1]
    excerpts = excerpt(secret, len(secret)), excerpt(python, len(python))
    ascii_plain = json.dumps(secret)[1:-1]
    return secret, plain, ascii_plain, *encoded, escape(secret), python, *excerpts


def redacted_request(exchange: Exchange) -> httpx.Request:
    """Return the request of an exchange as a user may see it: without credentials and secrets."""
    request, send = exchange.request, exchange.send
    raw = request.headers.raw
    headers = [
        (name, value) for name, value in raw if not is_secret_header(name.decode("latin-1"))
    ]
    if send.secrets:
        headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        data = dict(redacted_send(send).data or {})
        return httpx.Request(request.method, request.url, headers=headers, data=data)
    if len(headers) == len(raw):
        return request
    # A transport that the user passed may still need the request as it was sent: this is a copy.
    stream, extensions = request.stream, request.extensions
    copy = httpx.Request(
        request.method, request.url, headers=headers, stream=stream, extensions=extensions
    )
    if isinstance(stream, httpx.ByteStream):
        copy.read()
    return copy


def redacted_send(send: Send) -> Send:
    """Return a `Send` with a shell variable in place of the value of each secret form field."""
    names = {name: f"${name.upper()}" for name in send.secrets}
    return replace(send, data={**send.data, **names}) if send.data is not None else send


def without_body(response: httpx.Response, request: httpx.Request) -> httpx.Response:
    """Return a response without its body, which is incomplete or was passed to a sink."""
    raw = response.headers.raw
    headers = [(name, value) for name, value in raw if name.lower() not in _BODY_HEADERS]
    return httpx.Response(response.status_code, headers=headers, request=request)
