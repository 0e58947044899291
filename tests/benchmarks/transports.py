"""What other transports take beside the built-in one: ``python -m tests.benchmarks.transports``.

Each figure is a ratio of the processor time of this process, and of the elapsed time: the same
work with a transport and without, in turn, against one sandbox in a process of its own; of many
rounds the median counts. Below 1 the other transport is faster.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import Any

import anyio
from httpx_aiohttp import AiohttpTransport
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport

from grad300_sdk import AsyncClient, Client
from tests.benchmarks.requests import server

ROUNDS = 9

# The transports, each made anew by the function that uses it.
SYNC: dict[str, Callable[[], Any]] = {
    "pyreqwest": lambda: SyncHttpxTransport(SyncClientBuilder().follow_redirects(False).build()),
}
ASYNC: dict[str, Callable[[], Any]] = {
    "httpx-aiohttp": AiohttpTransport,
    "pyreqwest": lambda: HttpxTransport(ClientBuilder().follow_redirects(False).build()),
}


def used(function: Callable[[], object]) -> tuple[float, float]:
    """Return the processor time and the elapsed time of a call, in seconds."""
    processor, elapsed = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - processor, time.perf_counter() - elapsed


def ratios(other: Callable[[], object], built_in: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of other / built-in over rounds in which each goes first in turn."""
    rounds = []
    for index in range(ROUNDS + 1):
        if index % 2:
            one, base = used(other), used(built_in)
        else:
            base, one = used(built_in), used(other)
        rounds.append((one[0] / base[0], one[1] / base[1]))
    processor, elapsed = zip(*rounds[1:], strict=True)
    return median(processor), median(elapsed)


def sync_work(url: str, token: str) -> dict[str, Callable[[Any], None]]:
    """Return what the blocking client does."""

    def requests(transport: Any) -> None:
        with Client(url, token=token, transport=transport) as client:
            for _ in range(200):
                client.scans["TPI"][1].get()

    def file(transport: Any) -> None:
        with Client(url, token=token, transport=transport) as client:
            largest = max(client.scans["TPI"].get(limit=1000), key=lambda scan: scan["size"])
            for _ in range(5):
                client.scans["TPI"][largest["id"]].file.get()

    return {"200 requests, one after the other": requests, "a file of some MB, 5 times": file}


def async_work(url: str, token: str) -> dict[str, Callable[[Any], Awaitable[None]]]:
    """Return what the asynchronous client does."""

    async def requests(transport: Any) -> None:
        async with AsyncClient(url, token=token, transport=transport) as client:
            for _ in range(200):
                await client.scans["TPI"][1].get()

    async def together(transport: Any) -> None:
        remaining = iter(range(400))

        async def work() -> None:
            for _ in remaining:
                await client.scans["TPI"][1].get()

        async with (
            AsyncClient(url, token=token, transport=transport) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(8):
                tasks.start_soon(work)

    async def file(transport: Any) -> None:
        async with AsyncClient(url, token=token, transport=transport) as client:
            scans = await client.scans["TPI"].get(limit=1000)
            largest = max(scans, key=lambda scan: scan["size"])
            for _ in range(5):
                await client.scans["TPI"][largest["id"]].file.get()

    return {
        "200 requests, one after the other": requests,
        "400 requests, 8 at a time": together,
        "a file of some MB, 5 times": file,
    }


def main() -> None:
    """Print the ratios."""
    with server(scans=200) as (url, user, password), Client(url) as client:
        token = client.login(user, password)

        def run(work: Callable[[Any], None], make: Callable[[], Any]) -> None:
            work(make())

        def run_async(work: Callable[[Any], Awaitable[None]], make: Callable[[], Any]) -> None:
            async def within() -> None:
                await work(make())  # a transport of aiohttp is made within its event loop

            anyio.run(within)

        print("processor elapsed")
        for name, work in sync_work(url, token).items():
            for kind, make in SYNC.items():
                figures = ratios(partial(run, work, make), partial(work, None))
                print("{:9.2f} {:7.2f}".format(*figures), f" Client, {kind}: {name}")
        for name, awaited in async_work(url, token).items():
            for kind, make in ASYNC.items():
                figures = ratios(
                    partial(run_async, awaited, make), partial(run_async, awaited, lambda: None)
                )
                print("{:9.2f} {:7.2f}".format(*figures), f" AsyncClient, {kind}: {name}")


if __name__ == "__main__":
    main()
