"""Which versions of other packages the tests run with."""

from __future__ import annotations

from importlib.metadata import version

ASTROPY_7 = version("astropy").startswith("7.")
