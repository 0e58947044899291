"""The settings that a client takes where it is not told: configured ones, else the defaults."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from grad300_sdk.defaults import DEFAULTS

__all__ = ["setting"]


def setting(name: str) -> Any:
    """Return the present value of a setting.

    The configuration is loaded only where it can differ from the defaults, since importing
    astropy's configuration takes longer than importing httpx.
    """
    if "astropy.config" in sys.modules or any(path.is_file() for path in _files()):
        from grad300_sdk.configuration import conf

        return getattr(conf, name)
    return DEFAULTS[name][0]


def _files() -> list[Path]:
    """Return the places where astropy looks for a package's configuration file."""
    directories = [Path.home() / ".config" / "astropy", Path.home() / ".astropy" / "config"]
    if xdg := os.environ.get("XDG_CONFIG_HOME"):
        directories.append(Path(xdg) / "astropy")
    if own := os.environ.get("ASTROPY_CONFIG_DIR"):
        directories.append(Path(own))
    return [directory / "grad300_sdk.cfg" for directory in directories]
