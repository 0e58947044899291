"""``python -m grad300_sdk``, the same as ``grad300``: needs the extra ``cli``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> int:
    """Run the command that the command line names.

    Returns
    -------
    int
        The exit status, as `grad300_sdk.command_line.run` has it.
    """
    for module in ("typer", "rich"):
        if find_spec(module) is None:
            sys.stderr.write(
                f"grad300: the command line needs {module}, which its extra brings: "
                'pip install "grad300-sdk[cli]"\n'
            )
            return 1
    try:
        from grad300_sdk.command_line import run

        return run()
    except KeyboardInterrupt:  # while it loads; later, `run` sees it
        return 130


if __name__ == "__main__":  # pragma: no cover - runs in processes of its own
    sys.exit(main())
