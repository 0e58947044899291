"""TLS contexts, each made once per process."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import httpx

from ..errors import TransportError

__all__ = ["plain_context", "tls_context"]


@cache
def plain_context() -> ssl.SSLContext:
    """Return a context that trusts nothing, for connections without TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def tls_context(verify: bool | str, trust_env: bool) -> ssl.SSLContext:
    """Return the context that `verify` or the environment asks for, made once per process."""
    if isinstance(verify, str):
        return _trusting(verify, "verify=")
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR") if verify and trust_env else ():
        if path := os.environ.get(variable):
            return _trusting(path, f"the environment variable {variable}")
    return _default_context(verify)


@cache
def _default_context(verify: bool) -> ssl.SSLContext:
    with _naming_key_log():
        return httpx.create_ssl_context(verify=verify, trust_env=False)


@cache
def _trusting(path: str, source: str) -> ssl.SSLContext:
    """Return a context that trusts the certificates in a file or folder."""
    cafile, capath = (None, path) if os.path.isdir(path) else (path, None)
    try:
        with _naming_key_log():
            return ssl.create_default_context(cafile=cafile, capath=capath)
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise TransportError(
            f"the certificates in {path} ({source}) can't be loaded: {reason}"
        ) from None


@contextmanager
def _naming_key_log() -> Iterator[None]:
    """Raise an error that names ``SSLKEYLOGFILE`` if its file can't be written."""
    try:
        yield
    except OSError as error:
        path = os.environ.get("SSLKEYLOGFILE")
        if path is None or error.filename != path:
            raise
        raise TransportError(
            f"the environment variable SSLKEYLOGFILE names {path}, which can't be written: "
            f"{error.strerror}"
        ) from None


if hasattr(os, "register_at_fork"):
    for made in (plain_context, _default_context, _trusting):
        # Another thread of the parent process may have held one of OpenSSL's locks.
        os.register_at_fork(after_in_child=made.cache_clear)
