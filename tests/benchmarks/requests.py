"""What the SDK costs beside plain httpx: ``python -m tests.benchmarks.requests``.

Each figure is a ratio: both sides do the same work, in turn, in one run, against one sandbox in a
process of its own; of many rounds the median of the ratios counts. Below 1 the SDK is faster.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import anyio
import httpx

from grad300_sdk import AsyncClient, Client

PLAIN_PAGE = """
import httpx
with httpx.Client(headers={{"Authorization": "Bearer {token}"}}) as client:
    rows = client.get("{url}/api/v1/scans/TPI/", params={{"limit": 100}}).json()
assert len(rows) == 100
"""
SDK_PAGE = """
from grad300_sdk import Client
with Client("{url}", token="{token}") as client:
    rows = client.scans["TPI"].get(limit=100)
assert len(rows) == 100
"""


@contextmanager
def server(*options: str, scans: int = 1000) -> Iterator[tuple[str, str, str]]:
    """Run a sandbox in another process, and yield its URL, user and password."""
    command = [sys.executable, "-m", "grad300_sdk.sandbox", "--scans", str(scans), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, user, password = (process.stdout.readline().split()[-1] for _ in range(3))
        try:
            yield url, user, password
        finally:
            process.terminate()


def seconds(function: Callable[[], object], times: int) -> float:
    """Time a function, so many calls together."""
    start = time.perf_counter()
    for _ in range(times):
        function()
    return time.perf_counter() - start


def ratio(
    sdk: Callable[[], object], plain: Callable[[], object], rounds: int, times: int = 1
) -> float:
    """Give the median of sdk / plain over rounds in which each goes first in turn."""
    ratios = []
    for index in range(rounds + 1):
        if index % 2:
            one, other = seconds(sdk, times), seconds(plain, times)
        else:
            other, one = seconds(plain, times), seconds(sdk, times)
        ratios.append(one / other)
    return median(ratios[1:])


def process(code: str) -> Callable[[], object]:
    """Give a function that runs code as a whole Python process."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def import_ratio() -> float:
    """Importing the package, less what an empty process takes."""
    codes = ("pass", "import httpx", "import grad300_sdk")
    runs = [[seconds(process(code), 1) for code in codes] for _ in range(21)]
    empty, plain, sdk = (median(column) for column in zip(*runs, strict=True))
    return (sdk - empty) / (plain - empty)


def warm_ratio(url: str, token: str, limit: int) -> float:
    """One request with its JSON on a connection that is open already."""
    path = f"{url}/api/v1/scans/TPI/"
    with (
        Client(url, token=token) as client,
        httpx.Client(headers={"Authorization": f"Bearer {token}"}) as plain,
    ):
        return ratio(
            lambda: client.scans["TPI"].get(limit=limit),
            lambda: plain.get(path, params={"offset": 0, "limit": limit}).json(),
            rounds=40,
            times=10,
        )


def awaited_ratio(url: str, token: str) -> float:
    """400 awaited requests, eight at a time."""
    path = f"{url}/api/v1/scans/TPI/"

    async def together(get: Callable[[], object]) -> None:
        remaining = iter(range(400))

        async def work() -> None:
            for _ in remaining:
                await get()  # type: ignore[misc]

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(work)

    async def sdk() -> None:
        async with AsyncClient(url, token=token) as client:
            await together(lambda: client.scans["TPI"].get(limit=20))

    async def plain() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(headers=headers) as client:

            async def get() -> object:
                return (await client.get(path, params={"offset": 0, "limit": 20})).json()

            await together(get)

    return ratio(lambda: anyio.run(sdk), lambda: anyio.run(plain), rounds=6)


def main() -> None:
    """Print the ratios, with the most that they may be."""
    with server() as (url, user, password), Client(url) as client:
        token = client.login(user, password)
        first = {"url": url, "token": token}
        figures = {
            "import grad300_sdk (0.2)": import_ratio(),
            "first page of JSON, as a whole process (1.0, aim 0.8)": ratio(
                process(SDK_PAGE.format(**first)), process(PLAIN_PAGE.format(**first)), rounds=15
            ),
            "warm request, 100 rows (0.95, aim 0.85)": warm_ratio(url, token, 100),
            "warm request, 1 row": warm_ratio(url, token, 1),
            "400 awaited requests, 8 at a time (0.65, aim 0.5)": awaited_ratio(url, token),
        }
    for name, figure in figures.items():
        print(f"{figure:6.2f}  {name}")


if __name__ == "__main__":
    main()
