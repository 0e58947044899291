"""The defaults of a client, and when the configuration may say something else."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["DEFAULTS", "setting"]

DEFAULTS: dict[str, tuple[Any, str]] = {
    "base_url": ("https://grad300.lam.fr", "URL of the archive's server."),
    "api_prefix": ("/api/v1", "Path on the server below which its API stands."),
    "timeout": (30.0, "Seconds for each wait on the network."),
    "default_page_size": (100, "Rows that are asked for at once in a listing."),
    "retries": (3, "How often a request that changes nothing is sent again after a failure."),
    "max_connections": (8, "How many connections one client may have open at once."),
    "max_json_bytes": (64 * 1024**2, "Bytes that a JSON answer may have at most, decoded."),
    "ra_unit": ("hourangle", "Unit of the right ascensions that the server sends."),
}


def setting(name: str) -> Any:
    """Give the value that a setting has now.

    Importing astropy's configuration takes longer than importing httpx: it is left out where it
    could only repeat the defaults.
    """
    if "astropy.config" in sys.modules or any(path.is_file() for path in _files()):
        from grad300_sdk.configuration import conf

        return getattr(conf, name)
    return DEFAULTS[name][0]


def _files() -> list[Path]:
    """Give the places where astropy looks for a package's configuration file."""
    directories = [Path.home() / ".config" / "astropy", Path.home() / ".astropy" / "config"]
    if xdg := os.environ.get("XDG_CONFIG_HOME"):
        directories.append(Path(xdg) / "astropy")
    if own := os.environ.get("ASTROPY_CONFIG_DIR"):
        directories.append(Path(own))
    return [directory / "grad300_sdk.cfg" for directory in directories]
