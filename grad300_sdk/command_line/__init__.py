"""The command line, ``grad300``.

Commands write data to standard output and messages, one line each, to standard error.
"""

from grad300_sdk.command_line.application import run

__all__ = ["run"]
