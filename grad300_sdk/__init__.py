"""A Python SDK for the archive of the GRAD300 radio telescope.

Python objects mirror the URLs of the archive's API:

>>> from grad300_sdk import Client
>>> client = Client()
>>> client.scans["TPI"][42].file.get.path
'/scans/TPI/42/download'
"""

import os
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
    from grad300_sdk.local_files import read, read_fits, read_table, repair
    from grad300_sdk.records import ScanRecord, ScanType
    from grad300_sdk.version import __version__

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
    "read",
    "read_fits",
    "read_table",
    "repair",
]

# The modules that define the public names, except for errors: those are in grad300_sdk.errors.
_MODULES = {
    "AsyncClient": "client",
    "Client": "client",
    "Conf": "configuration",
    "Grad300": "flat",
    "Grad300Client": "flat",
    "ScanRecord": "records",
    "ScanType": "records",
    "__version__": "version",
    "conf": "configuration",
    "read": "local_files",
    "read_fits": "local_files",
    "read_table": "local_files",
    "repair": "local_files",
}
# Of these, `import grad300_sdk` is enough.
_PUBLIC_MODULES = {"cache", "quicklook", "sandbox", "sky", "spectra"}


def _let_astropy_start() -> None:
    """Name a folder for astropy's configuration where there is no home, as in containers.

    astropy 8 can't be imported there. It finds no configuration in this folder.
    """
    named = map(os.environ.get, ("ASTROPY_CONFIG_DIR", "XDG_CONFIG_HOME"))
    if os.path.expanduser("~") == "~" and not any(name and os.path.isdir(name) for name in named):
        os.environ["ASTROPY_CONFIG_DIR"] = os.path.dirname(__file__)


_let_astropy_start()

if not TYPE_CHECKING:  # so that type checkers still report misspelt names

    def __getattr__(name: str) -> Any:
        """Import a public name on first use, so that importing the package is fast."""
        if name in _PUBLIC_MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in __all__:
            from grad300_sdk.engine import nearest  # needed only for a misspelt name

            hint = "" if name.startswith("_") else nearest(name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=name)
        module = import_module(f"{__name__}.{_MODULES.get(name, 'errors')}")
        value = globals()[name] = getattr(module, name)
        return value

    def __dir__() -> list[str]:
        return __all__
