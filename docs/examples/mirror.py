"""Keep a folder as a copy of the archive of the GRAD300 radio telescope, in its own layout.

Bring the folder up to date once, for example from cron, with credentials from a netrc file::

    python docs/examples/mirror.py ~/grad300 --once

Or do so, and then save new files as they appear, looking for them every minute::

    python docs/examples/mirror.py ~/grad300 --every 60

A run can be interrupted at any time, and the next one resumes it. While one is at work, another
one on the same folder ends immediately.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from grad300_sdk import Client, Grad300Error

if sys.platform == "win32":
    import msvcrt

    def lock(file: IO[str]) -> None:
        """Lock a file, unless another process has locked it."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None

else:
    import fcntl

    def lock(file: IO[str]) -> None:
        """Lock a file, unless another process has locked it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


LAYOUT = "{file_path}/{file_name}"  # as on the telescope's own disk: 20250204/FITS/...
EARLIEST = "2000-01-01"  # no scan is older
PATIENCE = 300.0  # seconds that a request waits for a server that is down


def main() -> int:
    """Mirror the archive that the command line selects, and return the exit status."""
    options = parse_arguments()
    try:
        with (
            locked(options.folder),
            Client(options.base_url, token_file=options.token_file, patience=PATIENCE) as client,
        ):
            return 1 if mirror(client, options.folder, options.every) else 0
    except BlockingIOError:
        print(f"Another run is at work on {options.folder}.")
        return 0
    except (Grad300Error, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the next run resumes.", file=sys.stderr)
        return 130


def mirror(client: Client, folder: Path, every: float | None = None) -> list[Any]:
    """Bring a folder up to date, and keep it so with `every`; return the rows that failed."""
    # All scans, so as to miss none that is added in the meantime. Nothing is sent yet.
    scans = [] if every is None else client.scans.watch(every=every, since=EARLIEST)
    table = client.scans.table()
    failed = save(client, table, folder)
    known = {(row["scan_type"], row["id"]) for row in table}
    for scan in scans:
        if (scan["scan_type"], scan["id"]) not in known and isinstance(scan["id"], int):
            failed = save(client, [*failed, scan], folder)  # those that failed, once more
    return failed


def save(client: Client, rows: Iterable[Any], folder: Path) -> list[Any]:
    """Save the files that are not in the folder yet, and return the rows that failed."""
    rows = list(rows)
    report = client.scans.download(rows, folder, layout=LAYOUT, overwrite=True)
    for result in report:
        if result["status"] == "saved":
            print(f"saved   {Path(result['path']).relative_to(folder)}", flush=True)
        elif result["status"] == "failed":
            print(f"failed  {result['file_name']}: {result['error']}", file=sys.stderr)
    return [row for row, result in zip(rows, report, strict=True) if result["status"] == "failed"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, at most as long as this process lives."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".mirror.lock").open("a") as file:
        lock(file)
        yield


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Keep a folder as a copy of the archive.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base-url", help="URL of the server (default: the archive's)")
    parser.add_argument("--token-file", type=Path, help="file with a token")
    often = parser.add_mutually_exclusive_group(required=True)
    often.add_argument("--once", action="store_true", help="bring the folder up to date, and exit")
    often.add_argument(
        "--every", type=float, metavar="SECONDS", help="time between two looks for new scans"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
