"""What downloads cost beside plain httpx: ``python -m tests.benchmarks.downloads``.

A file of 256 MiB to disk: both sides in processes of their own, in turn; the best of each counts,
and the most memory that each has used. Then the processor's time for a small file, and 200 small
files from a server that is 20 ms away, all at once and one after another.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx

from grad300_sdk import Client
from tests.benchmarks.requests import seconds
from tests.support.wire import Received, Step, Wire, answer

LARGE = 256 * 2**20  # bytes
SMALL = 8802  # bytes, as the median image of the archive has
AWAY = 0.02  # seconds
FILES = 200

# Each prints its seconds, and the most memory that it has used, in KiB.
MEASURED = """
import re, time
start = time.perf_counter()
{code}
took = time.perf_counter() - start
with open("/proc/self/status") as status:
    print(took, re.search(r"VmHWM:\\s+([0-9]+) kB", status.read())[1])
"""
PLAIN = """
import httpx
start = time.perf_counter()
with httpx.Client() as client, open("{folder}/plain.fits", "wb") as file:
    with client.stream("GET", "{url}/api/v1/scans/TPI/42/download") as response:
        for piece in response.iter_bytes():
            file.write(piece)
"""
SDK = """
from grad300_sdk import Client
start = time.perf_counter()
with Client("{url}") as client:
    client.scans["TPI"][42].file.save("{folder}")
"""


def step(request: Received) -> Step:
    """Answer with the large file for the scan 42, else with a small one; images are far away."""
    if "/42/" in request.target:
        return [*answer(b"SIMPLE".ljust(2**20), length=LARGE, ETag='"1"'), *pieces()]
    return small_file(AWAY if "/Images/" in request.target else 0)


def pieces() -> Iterator[bytes]:
    """Yield the rest of the large file."""
    piece = bytes(2**20)
    yield from (piece for _ in range(LARGE // len(piece) - 1))


def small_file(wait: float) -> Iterator[bytes]:
    """Yield a small file, after a while."""
    time.sleep(wait)  # not under the server's lock, as in `step`
    yield from answer(b"SIMPLE".ljust(SMALL), ETag='"1"')


def serve() -> None:
    """Serve until the standard input ends."""
    with Wire(answerer=step) as wire:
        print(wire.url, flush=True)
        sys.stdin.read()


@contextmanager
def server() -> Iterator[str]:
    """Run a server in another process, and yield its URL."""
    command = [sys.executable, "-m", "tests.benchmarks.downloads", "serve"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def measure(code: str, url: str) -> tuple[float, float]:
    """Download the large file in a process of its own; return its seconds and MiB."""
    with tempfile.TemporaryDirectory() as folder:
        filled = MEASURED.format(code=code.format(url=url, folder=folder))
        command = [sys.executable, "-c", filled]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        (file,) = Path(folder).iterdir()
        assert file.stat().st_size == LARGE
    took, memory = output.split()
    return float(took), float(memory) / 1024


def large(url: str) -> dict[str, float]:
    """A large file to disk."""
    plain, sdk = [], []
    for _ in range(8):
        plain.append(measure(PLAIN, url))
        sdk.append(measure(SDK, url))
    more = median(memory for _, memory in sdk) - median(memory for _, memory in plain)
    return {
        "256 MiB to disk (1.1, aim 0.95)": min(sdk)[0] / min(plain)[0],
        "256 MiB to disk, MiB of memory more (12, aim 3)": more,
        "256 MiB to disk, plain, in seconds": min(plain)[0],
    }


def small(url: str, folder: str) -> dict[str, float]:
    """Many small files."""
    rows = [{"scan_type": "Images", "id": 1000 + index, "size": SMALL} for index in range(FILES)]

    def one_after_another() -> None:
        with httpx.Client() as client:
            for row in rows:
                response = client.get(f"{url}/api/v1/scans/Images/{row['id']}/download")
                (Path(folder) / f"plain_{row['id']}.fits").write_bytes(response.content)

    def at_once() -> None:
        with Client(url) as client, tempfile.TemporaryDirectory(dir=folder) as new:
            report = client.scans.download(rows, new)
        assert set(report["status"]) == {"saved"}

    at_once()  # what it imports is imported
    runs = [(seconds(at_once, 1), seconds(one_after_another, 1)) for _ in range(5)]
    sdk, plain = (min(column) for column in zip(*runs, strict=True))
    return {
        "200 files 20 ms away, beside one after another (0.2, aim 0.13)": sdk / plain,
        "200 files 20 ms away, one after another, in seconds": plain,
    }


def processor_time(url: str, folder: str) -> dict[str, float]:
    """The processor's time for a small file, without what the server takes."""
    rows = [{"scan_type": "TPI", "id": 1000 + index, "size": SMALL} for index in range(FILES)]
    best = dict.fromkeys(("read", "saved", "saved by download()"), float("inf"))
    with Client(url) as client:
        tpi = client.scans["TPI"]
        calls: dict[str, Callable[[str], object]] = {
            "read": lambda new: [tpi[row["id"]].file.get() for row in rows],
            "saved": lambda new: [tpi[row["id"]].file.save(new) for row in rows],
            "saved by download()": lambda new: client.scans.download(rows, new, max_concurrency=1),
        }
        for _ in range(5):
            for name, call in calls.items():
                with tempfile.TemporaryDirectory(dir=folder) as new:
                    start = time.process_time()
                    call(new)
                    took = (time.process_time() - start) / FILES * 1000
                best[name] = min(best[name], took)
    return {f"processor's time for a small file, {name}, in ms": best[name] for name in best}


def main() -> None:
    """Print the figures, with the most that they may be."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        figures = {**large(url), **processor_time(url, folder), **small(url, folder)}
    for name, figure in figures.items():
        print(f"{figure:6.2f}  {name}")


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
