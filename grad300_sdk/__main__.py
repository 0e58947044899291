"""``python -m grad300_sdk``: run the command line ``grad300``, which needs the extra ``cli``."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit status, as returned by `grad300_sdk.command_line.run`.
    """
    _replace_closed_streams()
    for module in ("typer", "rich"):
        if find_spec(module) is None:
            hint = 'python -m pip install "grad300-sdk[cli]"'
            sys.stderr.write(f"grad300: the command line needs {module}: {hint}\n")
            return 1
    try:
        from grad300_sdk.command_line import run

        return run()
    except KeyboardInterrupt:  # during the import; `run` handles it later
        return 130


def _replace_closed_streams() -> None:
    """Open the null device for standard streams that are closed, as by ``>&-``.

    Otherwise the next file that is opened has a closed stream's number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - open until the end
            setattr(sys, name, stream)


if __name__ == "__main__":  # pragma: no cover - runs in processes of its own
    sys.exit(main())
