"""``python -m grad300_sdk``: run the command line ``grad300``, which needs the extra ``cli``."""

from __future__ import annotations

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
    for module in ("typer", "rich"):
        if find_spec(module) is None:
            sys.stderr.write(
                f'grad300: the command line needs {module}: pip install "grad300-sdk[cli]"\n'
            )
            return 1
    try:
        from grad300_sdk.command_line import run

        return run()
    except KeyboardInterrupt:  # during the import; `run` handles it later
        return 130


if __name__ == "__main__":  # pragma: no cover - runs in processes of its own
    sys.exit(main())
