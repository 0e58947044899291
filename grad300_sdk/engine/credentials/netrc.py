"""Accounts in netrc files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

__all__ = ["netrc_account"]


def netrc_account(path: Path, host: str) -> tuple[str, str] | None:
    """Return the user and the password for a host; the default entry is ignored.

    Raises
    ------
    ValueError
        If the file names the host, and can be read by others or can't be parsed.
    """
    if not os.path.exists(path):
        return None
    from safe_netrc import NetrcParseError
    from safe_netrc import netrc as safe_netrc

    hosts: dict[str, Any] = {}
    problem = None
    try:
        hosts = safe_netrc(str(path)).hosts
    except OSError:
        return None
    except (NetrcParseError, UnicodeError) as error:
        # The parser's message may show a password: its error must not be the context of ours.
        problem = f"the netrc file {path}, line {getattr(error, 'lineno', '?')}: it can't be read"
    if problem is not None and _is_readable_by_others(path):
        if host not in _read_hosts(path):
            return None
        problem = (
            f"the netrc file {path} has a password for {host} and can be read by others: "
            f"run 'chmod 600 {path}', and change the password if they may have seen it"
        )
    if problem is not None:
        raise ValueError(problem)
    entry = {name.lower(): entry for name, entry in hosts.items()}.get(host)
    return (entry[0], entry[2]) if entry and entry[0] and entry[2] else None


def _is_readable_by_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _read_hosts(path: Path) -> set[str]:
    import netrc

    try:
        return {name.lower() for name in netrc.netrc(str(path)).hosts}
    except (netrc.NetrcParseError, UnicodeError):
        return set()
