"""The proxies of the environment, and the servers that are reached without them."""

from __future__ import annotations

import ipaddress
import os
from functools import cache
from urllib.request import getproxies, proxy_bypass

import httpx

from ..checks import check_proxy
from ..credentials import is_loopback
from ..errors import TransportError

__all__ = ["EnvironmentProxies", "describe_proxy"]


class EnvironmentProxies:
    """The proxies of ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``ALL_PROXY``, or of the system.

    They are read when this object is created. A server on this machine is never reached through
    them, nor is one that ``NO_PROXY`` names: by its host, its domain, its address, or a network
    such as ``10.0.0.0/8`` or ``fd00::/8``.
    """

    def __init__(self) -> None:
        self._addresses = getproxies()
        self._networks = _networks(self._addresses.get("no", ""))

    def proxy(self, url: httpx.URL) -> httpx.Proxy | None:
        """Return the proxy for a URL.

        Raises
        ------
        TransportError
            If the environment names something that is not a proxy.
        """
        name = self._name(url)
        address = self._addresses.get(name)
        if not address or self._is_excluded(url):
            return None
        return _proxy(address, _variable(name))

    def source(self, url: httpx.URL) -> str:
        """Return the variable that names the proxy for a URL."""
        return _variable(self._name(url))

    def _name(self, url: httpx.URL) -> str:
        return url.scheme if self._addresses.get(url.scheme) else "all"

    def _is_excluded(self, url: httpx.URL) -> bool:
        if is_loopback(url.host):
            return True
        try:
            address = ipaddress.ip_address(url.host)
        except ValueError:
            return bool(proxy_bypass(url.netloc.decode("ascii")))
        return self._addresses.get("no") == "*" or any(address in n for n in self._networks)


def describe_proxy(proxy: httpx.Proxy) -> str:
    """Return the URL of a proxy, without its user and password."""
    return f"{proxy.url.scheme}://{proxy.url.netloc.decode('ascii')}"


@cache
def _proxy(address: str, source: str) -> httpx.Proxy:
    """Return the proxy at an address: always the same object, by which connections are kept."""
    try:
        proxy = check_proxy(address if "://" in address else f"http://{address}", source)
    except ValueError as error:
        raise TransportError(str(error)) from None
    if proxy is None:
        raise TransportError(f"{source} is empty")
    return proxy


def _variable(name: str) -> str:
    """Return the environment variable that a scheme's proxy comes from."""
    variable = f"{name}_proxy"
    for form in (variable, variable.upper()):
        if os.environ.get(form):
            return f"the environment variable {form}"
    return "the system's settings"


def _networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    networks = []
    for entry in text.split(","):
        try:
            networks.append(ipaddress.ip_network(entry.strip().strip("[]"), strict=False))
        except ValueError:  # a host or a domain
            continue
    return networks
