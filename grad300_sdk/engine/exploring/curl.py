"""A request as a curl command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from ..sending.redact import is_secret_header
from ..sending.session import Session
from ..sending.upload import prepare_files

if TYPE_CHECKING:
    import httpx

    from ..flow import Send

__all__ = ["curl"]


def curl(session: Session, send: Send) -> str:
    """Return the curl command that sends what a `Send` describes.

    It contains no secret: a token is ``$TOKEN``, and the client's headers are shell variables too.
    """
    request = session.preview(send)
    url = request.url
    words = ["curl"]
    words += ["--head"] if send.method == "HEAD" else []
    body = list(_body(send, request))
    if body or send.method not in ("GET", "HEAD"):
        words += ["--request", send.method]
    words += ["--globoff"] if "[" in str(url) else []
    words.append(quote(str(url)))
    if session.credentials.curl_option and session.is_authorized(send, url):
        words.append(session.credentials.curl_option)
    for header in _headers(session, send, url):
        words += ["--header", header]
    return " ".join(words + body)


def _headers(session: Session, send: Send, url: httpx.URL) -> Iterator[str]:
    own = send.headers or {}
    taken = {name.lower() for name in own}
    for name in session.requests.headers if session.requests.is_own(url) else ():
        if name.lower() not in taken:
            yield _secret(name)
    for name, value in own.items():
        is_secret = is_secret_header(name)
        plain = f"{name}: {value}" if value else f"{name};"  # curl drops one that ends in ":"
        yield _secret(name) if is_secret else quote(plain)
    if "content-type" not in {name.lower() for name in own}:
        if send.json is not None:
            yield "'Content-Type: application/json'"
        elif send.content is not None:
            yield "Content-Type:"


def _secret(name: str) -> str:
    """Return a header with a shell variable as its value; its name is quoted if it must be."""
    value = f"${_variable(name)}"
    is_plain = not {*name} & {*"$`!"}
    return f'"{name}: {value}"' if is_plain else f'{quote(f"{name}: ")}"{value}"'


def _body(send: Send, request: httpx.Request) -> Iterator[str]:
    is_upload = send.files is not None
    for name, value in (send.data or {}).items():
        field = name if is_upload else quote_plus(name)
        for item in value if isinstance(value, list | tuple) else [value]:
            yield "--form-string" if is_upload else "--data-urlencode"
            secret = name in send.secrets
            yield f'"{field}=${_variable(name)}"' if secret else quote(f"{field}={_text(item)}")
    for name, (file_name, content, *_) in prepare_files(send.files or {}):
        path = getattr(content, "path", None) or file_name or name
        sent_as = f";filename={_quoted(file_name)}" if file_name != Path(path).name else ""
        yield "--form"
        yield quote(f"{name}=@{_quoted(path)}{sent_as}")
    if send.json is not None or send.content is not None:
        yield "--data-raw"
        yield quote(request.content.decode(errors="replace"))


def _quoted(name: str) -> str:
    """Return a file name for a form of curl's, quoted if a ``;`` or ``,`` would end it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if {*name} & {*';,"'} else name


def _text(value: object) -> str:
    """Return the value of a form's field as httpx writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _variable(name: str) -> str:
    word = "".join(c if c.isalnum() and c.isascii() else "_" for c in name.upper())
    return f"_{word}" if word[:1].isdigit() else word
