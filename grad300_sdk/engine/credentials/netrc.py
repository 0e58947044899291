"""Accounts in netrc files."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

__all__ = ["netrc_account"]

_COMMENT = re.compile(rb"^\s*#.*", re.MULTILINE)
_MACHINE = re.compile(rb'(?:^|\s)machine\s+"?([^\s"]+)')


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

    hosts: dict[str, Any] | None = None
    line = None
    try:
        hosts = safe_netrc(str(path)).hosts
    except OSError:
        return None
    except (NetrcParseError, UnicodeError) as error:
        # The parser's message may show a password: its error must not be the context of ours.
        line = getattr(error, "lineno", None)
    if hosts is None:
        if host in _read_hosts(path):
            raise ValueError(f"the netrc file {path}{_problem(path, host, line)}")
        return None
    entry = {name.lower(): entry for name, entry in hosts.items()}.get(host)
    return (entry[0], entry[2]) if entry and entry[0] and entry[2] else None


def _problem(path: Path, host: str, line: int | None) -> str:
    """Return why a file that names a host was not read."""
    status = path.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return f" has an entry for {host}, but belongs to another user"
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return (
            f" has a password for {host} and can be read by others: "
            f"run 'chmod 600 {path}', and change the password if they may have seen it"
        )
    return f", line {line or '?'}: it can't be read, and has an entry for {host}"


def _read_hosts(path: Path) -> set[str]:
    """Return the hosts that a file names, whatever else is in it."""
    found = _MACHINE.findall(_COMMENT.sub(b"", path.read_bytes()))
    return {name.decode(errors="replace").lower() for name in found}
