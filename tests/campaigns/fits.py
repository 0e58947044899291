"""Read mutated FITS files for minutes: ``python -m tests.campaigns.fits --minutes 10``.

The files, and what must hold, are those of ``tests/test_mutated_fits.py``. Each child process
reads new ones within a limit of memory, and leaves the last one behind if a signal ends it.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.support.fits_files import check_reading, mutated_files

MOST_BYTES = 2 * 1024**3
FILES_A_CHILD = 2000


def read_files(number: int, folder: Path) -> int:
    """Read files in this process, the child, and return how many failed."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    current = folder / f"{number}.fits"
    failed = 0

    @seed(number)
    @settings(
        max_examples=FILES_A_CHILD,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated_files())
    def check(content: bytes) -> None:
        nonlocal failed
        current.write_bytes(content)
        try:
            check_reading(content)
        except Exception:  # whatever it is, it is a finding
            failed += 1
            kept = current.rename(folder / f"{number}_{failed}.fits")
            print(f"{kept}: {traceback.format_exc(-2)}", file=sys.stderr)

    check()
    return failed


def main() -> None:
    """Start children until the time is over, and print what they found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--first-seed", type=int, default=int(time.time()))
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.mkdtemp()))
    options = parser.parse_args()
    if options.child is not None:
        sys.exit(min(read_files(options.child, options.folder), 99))
    number, failed = options.first_seed, 0
    started = time.monotonic()
    while time.monotonic() - started < 60 * options.minutes:
        command = [sys.executable, "-m", "tests.campaigns.fits", "--child", str(number)]
        command += ["--folder", str(options.folder)]
        status = subprocess.run(command, check=False).returncode
        if status < 0:  # a signal
            print(f"{options.folder / f'{number}.fits'}: status {status}")
        failed += abs(status)
        number += 1
    minutes = (time.monotonic() - started) / 60
    read = FILES_A_CHILD * (number - options.first_seed)
    print(f"{read} files in {minutes:.1f} minutes, {failed} failed")


if __name__ == "__main__":
    main()
