"""``grad300 config``: the settings of every client of the user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, BadParameter, Context, Option

from grad300_sdk.command_line.errors import CommandError
from grad300_sdk.command_line.output import one_line, write_file, write_message, write_output

__all__ = ["config"]


def complete_setting() -> list[tuple[str, str]]:
    """Return the names of the settings, each with what it means."""
    from grad300_sdk.defaults import DEFAULTS

    return [(name, description) for name, (_, description) in DEFAULTS.items()]


def config(
    context: Context,
    name: Annotated[
        str | None,
        Argument(
            metavar="NAME",
            help="Name of a setting; by default, all are shown.",
            autocompletion=complete_setting,
            show_default=False,
        ),
    ] = None,
    value: Annotated[
        str | None,
        Argument(metavar="VALUE", help="New value of the setting.", show_default=False),
    ] = None,
    unset: Annotated[bool, Option("--unset", help="Return to the default value.")] = False,
) -> None:
    """Show or change the settings in the configuration file.

    They are the defaults of all commands and of Client(): the same as grad300_sdk.conf has.
    """
    from grad300_sdk.defaults import DEFAULTS

    if name is not None and name not in DEFAULTS:
        from grad300_sdk.engine import nearest

        hint = nearest(name, DEFAULTS) or f"; there are {', '.join(DEFAULTS)}"
        raise BadParameter(f"{name!r} is not a setting{hint}")
    if unset and (name is None or value is not None):
        raise ValueError("--unset needs the name of a setting, and no value")
    if name is None:
        write_output("".join(f"{name} = {_shown(name)}\n" for name in DEFAULTS))
    elif value is None and not unset:
        write_output(f"{_shown(name)}\n")
    else:
        path = _change(name, value)
        if not context.obj.is_quiet:
            what = f"{name} = {one_line(value)}" if value is not None else f"{name} is unset"
            write_message(f"{what} in {path}")


def _shown(name: str) -> str:
    """Return the value of a setting, without an account in a URL."""
    from grad300_sdk.settings import setting

    return re.sub("//[^/]*@", "//***@", one_line(str(setting(name))))


def _change(name: str, value: str | None) -> Path:
    """Write a setting to the configuration file, or remove it; return the file's path."""
    from astropy.config import get_config

    if value is not None:
        _check(name, value)
    content: Any = get_config("grad300_sdk", reload=True)
    path = Path(content.filename or "")
    if content.filename is None or path.parent == Path(__file__).parents[1]:
        raise CommandError(
            "there is no home directory for the configuration file: "
            "set XDG_CONFIG_HOME to a folder of yours"
        )
    if value is None:
        content.pop(name, None)
    else:
        content[name] = value
    content.filename = None  # so that the lines are returned, not written
    lines = content.write()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, "".join(f"{line}\n" for line in lines).encode())
    return path


def _check(name: str, value: str) -> None:
    """Raise a ValueError if a client could not work with a setting."""
    from grad300_sdk.client import Client
    from grad300_sdk.configuration import conf
    from grad300_sdk.defaults import DEFAULTS
    from grad300_sdk.engine import check_integer
    from grad300_sdk.records import ra_unit

    default, _ = DEFAULTS[name]
    try:
        setattr(conf, name, value)
    except TypeError:
        kind = {int: "an integer", float: "a number"}[type(default)]
        raise ValueError(f"{name} must be {kind}, not {value!r}") from None
    check_integer("default_page_size", conf.default_page_size, 1)
    Client(force_noauth=True).close()
    ra_unit()
