"""A Python SDK for the archive of the GRAD300 radio telescope.

The tree of the archive's API is a tree of Python objects:

>>> from grad300_sdk import Client
>>> client = Client()
>>> client.scans["TPI"][42].file.get.path
'/scans/TPI/42/download'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grad300_sdk.client import AsyncClient, Client
    from grad300_sdk.configuration import Conf, conf
    from grad300_sdk.errors import (
        AuthenticationError,
        DecodeError,
        DownloadError,
        Grad300APIError,
        Grad300Error,
        Grad300Warning,
        NotFoundError,
        RateLimitError,
        RequestTimeoutError,
        ServerError,
        TransportError,
        ValidationError,
    )
    from grad300_sdk.flat import Grad300, Grad300Client
    from grad300_sdk.records import ScanRecord, ScanType

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "Client",
    "Conf",
    "DecodeError",
    "DownloadError",
    "Grad300",
    "Grad300APIError",
    "Grad300Client",
    "Grad300Error",
    "Grad300Warning",
    "NotFoundError",
    "RateLimitError",
    "RequestTimeoutError",
    "ScanRecord",
    "ScanType",
    "ServerError",
    "TransportError",
    "ValidationError",
    "__version__",
    "conf",
]

# What is not an error is loaded from these modules; every error from grad300_sdk.errors.
_HOMES = {
    "AsyncClient": "client",
    "Client": "client",
    "Conf": "configuration",
    "Grad300": "flat",
    "Grad300Client": "flat",
    "ScanRecord": "records",
    "ScanType": "records",
    "conf": "configuration",
}

if not TYPE_CHECKING:  # a type checker must still see a misspelt name

    def __getattr__(name: str) -> Any:
        """Load a public name when it is first used: importing the package costs almost nothing."""
        if name == "cache":
            return import_module(f"{__name__}.cache")
        if name not in __all__:
            from difflib import get_close_matches  # only a mistake needs it

            near = [] if name.startswith("_") else get_close_matches(name, __all__, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
        home = import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
        value = globals()[name] = getattr(home, name)
        return value

    def __dir__() -> list[str]:
        return __all__
