"""Settings: the configured values, or else the defaults."""

from __future__ import annotations

import sys
from typing import Any

from grad300_sdk.defaults import DEFAULTS, configuration_file

__all__ = ["setting"]


def setting(name: str) -> Any:
    """Return the value that a setting has now.

    The configuration is loaded only where it can differ from the defaults, since importing
    astropy's configuration takes longer than importing httpx.
    """
    if "astropy.config" in sys.modules or configuration_file() is not None:
        from grad300_sdk.configuration import conf

        return getattr(conf, name)
    return DEFAULTS[name][0]
