"""Completion in real shells, at a prompt, as `grad300 --install-completion` sets it up."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import COMMAND, posix

pytestmark = posix

# How each shell starts without the files of the user, and how it takes a completion script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -D; source {script}"),
    "fish": (["fish", "--no-config", "-i"], "source {script}"),
}
COMPLETED = {
    "grad300 sc": "grad300 scans",
    "grad300 scans T": "grad300 scans TPI",
    "grad300 scans --format v": "grad300 scans --format votable",
    "grad300 scans --verb": "grad300 scans --verbose",
    "grad300 scans --columns id,da": "grad300 scans --columns id,date",
    "grad300 config ti": "grad300 config timeout",
    "grad300 show m": "grad300 show map.fits",
    "grad300 --token-file m": "grad300 --token-file map.fits",
}


# What a terminal obeys, and does not show.
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x07\x08]")


class Prompt:
    """A shell at a terminal."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.process, self.terminal = pty.fork()
        if not self.process:  # pragma: no cover - the shell's own process
            os.chdir(folder)
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb"})

    def send(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def read_until(self, expected: str, seconds: float = 30) -> str:
        """Return what the terminal shows until a text appears."""
        seen = ""
        end = time.monotonic() + seconds
        while expected not in seen:
            ready, _, _ = select.select([self.terminal], [], [], end - time.monotonic())
            assert ready, f"{expected!r} is not in {seen!r}"
            seen += os.read(self.terminal, 4096).decode(errors="replace")
            seen = _CONTROLS.sub("", seen)
        return seen

    def close(self) -> None:
        os.close(self.terminal)
        os.waitpid(self.process, 0)


@pytest.fixture(scope="module", params=SHELLS)
def prompt(request, tmp_path_factory) -> Iterator[Prompt]:
    command, set_up = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "map.fits").touch()
    (folder / "bin").mkdir()
    program = folder / "bin" / "grad300"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m grad300_sdk "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "_GRAD300_COMPLETE": f"source_{request.param}"}
    script = folder / "completion"
    script.write_bytes(subprocess.run(COMMAND, capture_output=True, env=environment).stdout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        shell = Prompt(command, folder)
    shell.send(f"{set_up.format(script=script)}; echo re''ady\n")
    shell.read_until("ready")
    yield shell
    shell.close()


@pytest.mark.parametrize("typed", COMPLETED)
def test_the_tab_key_completes(prompt: Prompt, typed: str) -> None:
    prompt.send(f"{typed}\t")
    prompt.read_until(COMPLETED[typed])
    prompt.send("\x15")  # erase the line
