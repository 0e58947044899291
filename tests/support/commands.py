"""The command line as users run it: in pipes and on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

COMMAND = [sys.executable, "-W", "error", "-m", "grad300_sdk"]
# Runs a command on a pseudo-terminal whose width is the first argument, and copies what the
# terminal shows to standard output.
ON_TERMINAL = [
    sys.executable,
    "-c",
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
    *("sh", "-c", 'stty rows 24 cols "$0"; exec "$@"'),
]
HOSTILE = "<script>\x1b[31m[red]\x07\u202e\xad\U000e0041\x85x\ny\rz"

posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals need POSIX")


@dataclass
class Done:
    """The outcome of a command."""

    status: int
    output: str
    errors: str

    @property
    def error(self) -> str:
        """The one line of the error message."""
        assert self.output == ""
        assert self.errors.startswith("grad300: ")
        assert self.errors.count("\n") == 1
        return self.errors.removeprefix("grad300: ").rstrip("\n")


def piped(*arguments: object, given: str = "", **environment: str) -> Done:
    """Run a command in a process of its own, with pipes."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=given.encode(),
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def shown(
    *arguments: object, columns: int = 80, answers: tuple[tuple[str, str], ...] = ()
) -> tuple[int, str]:
    """Run a command on a terminal; `answers` pairs prompts with what the user types."""
    process = subprocess.Popen(
        [*ON_TERMINAL, str(columns), *COMMAND, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"TERM": "xterm", **os.environ},
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        for prompt, typed in answers:
            while not seen.endswith(prompt.encode()):
                piece = process.stdout.read(1)
                assert piece, f"{prompt!r} is not in {seen!r}"
                seen += piece
            process.stdin.write(typed.encode())
            process.stdin.flush()
        rest, _ = process.communicate(timeout=60)
    return process.returncode, (seen + rest).decode().replace("\r\n", "\n")


def is_harmless(text: str, *, keeps: str = "\n") -> bool:
    """Return whether a terminal can safely show a text unchanged."""
    return all(letter in keeps or letter.isprintable() for letter in text)
