"""The settings as an astropy configuration namespace."""

from __future__ import annotations

from astropy.config import ConfigItem, ConfigNamespace

from grad300_sdk.defaults import DEFAULTS

__all__ = ["Conf", "conf"]


def _item(name: str) -> ConfigItem:
    default, description = DEFAULTS[name]
    return ConfigItem(default, description, module="grad300_sdk")


class Conf(ConfigNamespace):  # type: ignore[misc]  # astropy has no types
    """The settings of `grad300_sdk`, read when a client is made.

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


conf = Conf()
