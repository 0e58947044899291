"""The settings as an astropy configuration namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from astropy import config

from grad300_sdk.defaults import DEFAULTS, configuration_file

__all__ = ["Conf", "conf"]


class ConfigItem(config.ConfigItem):  # type: ignore[misc]  # astropy has no types
    """A setting whose errors name the configuration file."""

    def __call__(self) -> Any:
        with _naming_file(f"{self.name}: "):
            return super().__call__()


def _item(name: str) -> ConfigItem:
    default, description = DEFAULTS[name]
    return ConfigItem(default, description, module="grad300_sdk")


@contextmanager
def _naming_file(setting: str = "") -> Iterator[None]:
    """Raise a ValueError that names the configuration file in place of what its parsers raise."""
    try:
        yield
    except (SyntaxError, UnicodeError, TypeError) as error:
        where = setting if isinstance(error, TypeError) else ""
        reason = " ".join(str(error).split())  # configobj's has several lines
        reason = reason.removeprefix("Configuration value not valid: ").rstrip(".")
        raise ValueError(f"{_file()} is wrong: {where}{reason}") from None


def _file() -> str:
    return f"the configuration file {configuration_file() or 'grad300_sdk.cfg'}"


def _check_file() -> None:
    """Raise a ValueError if the file can't be read, and warn of names that are not settings."""
    path = configuration_file()
    if path is not None and not os.access(path, os.R_OK):  # astropy would take the defaults
        raise ValueError(f"{_file()} can't be read: permission denied")
    with _naming_file():
        names = set(config.get_config("grad300_sdk"))
    for name in sorted(names - DEFAULTS.keys()):
        from grad300_sdk.engine import nearest, warn
        from grad300_sdk.errors import Grad300Warning

        warn(
            f"{_file()} has {name!r}, which is not a setting{nearest(name, DEFAULTS)}",
            Grad300Warning,
        )


class Conf(config.ConfigNamespace):  # type: ignore[misc]  # astropy has no types
    """The settings of ``grad300_sdk``, read when a client is made.

    They can be set in a program, or in the file ``grad300_sdk.cfg`` in astropy's configuration
    folder.

    Examples
    --------
    >>> from grad300_sdk import Client, conf
    >>> with conf.set_temp("base_url", "http://localhost:8000"):
    ...     Client().base_api_url
    'http://localhost:8000/api/v1'
    """

    base_url = _item("base_url")
    api_prefix = _item("api_prefix")
    timeout = _item("timeout")
    default_page_size = _item("default_page_size")
    retries = _item("retries")
    max_connections = _item("max_connections")
    max_json_bytes = _item("max_json_bytes")
    ra_unit = _item("ra_unit")

    def __repr__(self) -> str:
        """Return the settings and their values; an account in a URL is refused, and not shown."""
        lines = [f"  {name} = {item()!r}" for name, item in self.items()]
        return re.sub("//[^/\n]*@", "//***@", "\n".join(["<Conf", *lines])) + ">"

    def __setattr__(self, name: str, value: object) -> None:
        """Set a setting; a misspelt one is an error."""
        if name not in DEFAULTS:
            from grad300_sdk.engine import nearest

            raise AttributeError(f"conf has no setting {name!r}{nearest(name, DEFAULTS)}")
        super().__setattr__(name, value)


_check_file()
conf = Conf()
