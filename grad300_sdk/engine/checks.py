"""Checks of arguments: each returns the value in the form that the engine uses.

No message shows a password or a header's value.
"""

from __future__ import annotations

import math
import operator
import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import SupportsIndex, TypeAlias, cast

import httpx

from .text import excerpt

__all__ = [
    "Timeouts",
    "check_base_url",
    "check_headers",
    "check_integer",
    "check_method",
    "check_positive",
    "check_proxy",
    "check_timeout",
    "check_verify",
    "expand_user",
    "has_address",
]


# The time-outs in seconds, by httpx's names; None for no limit.
Timeouts: TypeAlias = dict[str, float | None]

# Seconds: a socket waits no longer than 24 days.
_LONGEST_TIMEOUT = 2_000_000.0
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
# RFC 9110, section 5: what a header's name and its value may be.
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(rb"(?:[^\x00-\x20\x7f]+(?:[ \t]+[^\x00-\x20\x7f]+)*)?")


def check_base_url(base_url: object) -> str:
    """Return a base URL without a trailing slash."""
    if not isinstance(base_url, str | httpx.URL):
        raise TypeError(f"base_url must be a str, not {type(base_url).__name__}")
    text = str(base_url).strip()
    # A URL that may contain a password or a token is not shown.
    given = "what you passed" if re.search(r"[@?#]|:[^/\d]", text) else repr(text)
    url = None
    with suppress(httpx.InvalidURL):  # its message may show a part of the URL
        url = httpx.URL(text)
    if url is None:
        raise ValueError(f"base_url is not a URL: {given}")
    if url.userinfo:
        raise ValueError("base_url holds a user name or password; pass user= and password=")
    if url.scheme not in ("http", "https") or not has_address(url):
        raise ValueError(
            f"base_url must be an http or https URL such as 'https://archive.example.org', "
            f"not {given}"
        )
    if url.query or url.fragment or text.endswith(("?", "#")):
        raise ValueError("base_url must not have a query or a fragment")
    return str(url).rstrip("/")


def has_address(url: httpx.URL) -> bool:
    """Return whether sockets accept the host and the port of a URL."""
    labels = url.raw_host.removesuffix(b".").split(b".")
    return all(0 < len(label) < 64 for label in labels) and (url.port or 0) < 65536


def check_verify(verify: object) -> ssl.SSLContext | bool | str:
    """Return how to verify certificates; a path is that of a CA file or folder."""
    if isinstance(verify, ssl.SSLContext | bool):
        return verify
    if not isinstance(verify, str | os.PathLike):
        raise TypeError(
            "verify must be a bool, the path of a CA file or folder, or an ssl.SSLContext, "
            f"not {verify!r}"
        )
    path = os.path.expanduser(os.fspath(verify))
    if not isinstance(path, str) or not os.path.exists(path):
        raise ValueError(f"verify is {path!r}, but there is no such CA file or folder")
    return path


def expand_user(name: str, path: str | os.PathLike[str]) -> Path:
    """Return a path whose ``~`` or ``~user`` is replaced by that user's home directory."""
    try:
        expanded = Path(path).expanduser()
    except TypeError:
        raise TypeError(f"{name} must be a path, not {path!r}") from None
    except RuntimeError:
        raise ValueError(
            f"{name} is {str(path)!r}, but that home directory can't be found; "
            "write the whole path"
        ) from None
    if "\0" in str(expanded):
        raise ValueError(f"{name} contains a null character")
    return expanded


def check_proxy(proxy: object, source: str = "proxy") -> httpx.Proxy | None:
    """Return a proxy; `source` is the argument or the variable that it comes from."""
    if proxy is None:
        return None
    if not isinstance(proxy, httpx.Proxy):
        proxy = httpx.Proxy(_proxy_url(proxy, source))
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ValueError(f"{source} is a SOCKS proxy, which needs: pip install 'httpx[socks]'")
    return proxy


def _proxy_url(proxy: object, source: str) -> httpx.URL:
    if not isinstance(proxy, str | httpx.URL):
        raise TypeError(f"{source} must be a str or an httpx.Proxy, not {type(proxy).__name__}")
    user, at, _ = str(proxy).partition("://")[2].rpartition("@")
    if at and re.search("[/?#]", user):
        raise ValueError(
            f"{source} has a '/', '?' or '#' in its user or password; write %2F, %3F or %23"
        )
    try:
        url = httpx.URL(proxy)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in _PROXY_SCHEMES or not url.host:
        schemes = ", ".join(_PROXY_SCHEMES)
        raise ValueError(f"{source} must be a URL such as 'http://host:3128' (one of {schemes})")
    return url


def check_timeout(timeout: object) -> Timeouts:
    """Return the time-outs in seconds: to connect, read, write, and get a free connection."""
    if isinstance(timeout, httpx.Timeout):
        return {
            name: None if wait is None else _seconds(wait)
            for name, wait in timeout.as_dict().items()
        }
    return dict.fromkeys(("connect", "read", "write", "pool"), _seconds(timeout))


def _seconds(timeout: object) -> float:
    seconds = _positive("timeout", timeout, "number of seconds or an httpx.Timeout")
    return float(min(seconds, _LONGEST_TIMEOUT))


def check_positive(name: str, value: object) -> float | None:
    """Return a finite number above 0 as a float, or None.

    Parameters
    ----------
    name : str
        The name of the argument, for error messages.
    value : object
        The argument.

    Returns
    -------
    float or None
        The number; None if the argument is None.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not finite, or not above 0.

    Examples
    --------
    >>> from grad300_sdk.engine import check_positive
    >>> check_positive("every", 60)
    60.0
    """
    return None if value is None else float(_positive(name, value, "number"))


def _positive(name: str, value: object, kind: str) -> float:
    """Return a finite number above 0 as it is: a large integer may not fit a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a {kind}, not {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")
    return value


def check_integer(name: str, value: object, minimum: int) -> int:
    """Return an integer of at least `minimum`; NumPy's integers are accepted too."""
    wrong = TypeError(f"{name} must be an integer, not {excerpt(repr(value))}")
    if isinstance(value, bool) or getattr(value, "dtype", "") == "bool":  # numpy's
        raise wrong
    try:
        number = operator.index(cast("SupportsIndex", value))
    except TypeError:
        raise wrong from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, not {number}")
    return number


def check_method(method: object) -> str:
    """Return an HTTP method in upper case."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {method!r}")
    if not (method.isascii() and method.isalpha()):
        raise ValueError(f"method must be an HTTP method such as 'GET', not {method!r}")
    return method.upper()


def check_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return headers with their names in lower case."""
    if not headers:
        return {}
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a mapping, not {type(headers).__name__}")
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            kinds = f"{type(name).__name__} and {type(value).__name__}"
            raise TypeError(f"headers: a name and its value must be str, not {kinds}")
        if not (name + value).isascii():
            raise ValueError("headers: only ASCII characters can be sent")
        if not _HEADER_NAME.fullmatch(name.encode()):
            begin = name.partition(":")[0]  # of a whole line, the rest may be a secret
            raise ValueError(f"headers: {begin!r} is not a valid name")
        if not _HEADER_VALUE.fullmatch(value.encode()):
            raise ValueError(f"headers: the value of {name!r} can't be sent")
        checked[name.lower()] = value
    return checked
