"""httpx, imported without its command line.

Where rich and click are installed, importing httpx imports them too, for the program ``httpx``
alone; that takes as long as the rest of httpx. With None in `sys.modules` the import of the
command line fails as it does where they are not installed, which httpx provides for. This needs
no private attribute of httpx's, and if it fails one day, it only costs time.
"""

from __future__ import annotations

import sys
from typing import Any

_COMMAND_LINE = "httpx._main"

if "httpx" in sys.modules:
    import httpx
else:
    modules: Any = sys.modules
    modules[_COMMAND_LINE] = None
    try:
        import httpx
    finally:
        del modules[_COMMAND_LINE]

    def _main() -> None:
        """Run httpx's command line, which is imported now."""
        from httpx._main import main

        main()

    setattr(httpx, "main", _main)  # noqa: B010 - which types forbid

__all__ = ["httpx"]
