"""The settings of a client: their defaults, what each means, and the file that changes them."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["DEFAULTS", "configuration_file"]

DEFAULTS: dict[str, tuple[Any, str]] = {
    "base_url": ("https://grad300.lam.fr", "URL of the archive's server."),
    "api_prefix": ("/api/v1", "Path on the server below which its API stands."),
    "timeout": (30.0, "Maximum time of each wait on the network, in seconds."),
    "default_page_size": (100, "Number of rows that a listing requests at once."),
    "retries": (3, "Maximum number of retries of a request that changes nothing."),
    "max_connections": (8, "Maximum number of simultaneous connections of a client."),
    "max_json_bytes": (64 * 1024**2, "Maximum size of a decoded JSON response, in bytes."),
    "ra_unit": (
        "hourangle",
        "Unit of the right ascensions that the server sends: an angle of astropy's.",
    ),
}

_BELOW_HOME = ((".config", "astropy"), (".astropy", "config"))


def configuration_file() -> str | None:
    """Return the path of the configuration file, if there is one where astropy looks for it."""
    folders = [os.environ.get("ASTROPY_CONFIG_DIR")]
    if xdg := os.environ.get("XDG_CONFIG_HOME"):
        folders.append(os.path.join(xdg, "astropy"))
    home = os.path.expanduser("~")
    if home != "~":  # as it stays in a container whose user has no home
        folders += [os.path.join(home, *path) for path in _BELOW_HOME]
    paths = [os.path.join(folder, "grad300_sdk.cfg") for folder in folders if folder]
    return next(filter(os.path.isfile, paths), None)
