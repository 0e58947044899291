"""The settings of a client: their defaults, and what each means."""

from __future__ import annotations

from typing import Any

__all__ = ["DEFAULTS"]

DEFAULTS: dict[str, tuple[Any, str]] = {
    "base_url": ("https://grad300.lam.fr", "URL of the archive's server."),
    "api_prefix": ("/api/v1", "Path on the server below which its API stands."),
    "timeout": (30.0, "Seconds for each wait on the network."),
    "default_page_size": (100, "Rows that a listing asks for in one request."),
    "retries": (3, "How often a request that changes nothing is sent again after a failure."),
    "max_connections": (8, "Connections that one client may have open at once."),
    "max_json_bytes": (64 * 1024**2, "Bytes that a JSON answer may have at most, decoded."),
    "ra_unit": ("hourangle", "Unit of the right ascensions that the server sends."),
}
