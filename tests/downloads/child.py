"""What a process of its own does: ``python child.py MODE ACTION URL FOLDER [OPTIONS]``.

It prints its progress, a number a line, and in the end what came of it, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio

from grad300_sdk import AsyncClient, Client, cache

TOKEN = "a-token-of-the-user"
MODE, ACTION, URL, FOLDER = sys.argv[1:5]
OPTIONS: dict[str, Any] = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}


def tell(done: int, total: int | None) -> None:
    """Print the progress."""
    print(done, flush=True)


def save(client: Any) -> Any:
    return client.scans["TPI"][42].file.save(FOLDER, progress=tell, **OPTIONS)


def download(client: Any) -> Any:
    rows = [{"scan_type": "TPI", "id": number, "size": OPTIONS["size"]} for number in range(10)]
    return client.scans.download(rows, FOLDER, progress=tell)


def local_path(client: Any) -> Any:
    return client.scans["TPI"][42].file.local_path()


def save_on_a_full_disk(client: Any) -> Any:
    resource.setrlimit(resource.RLIMIT_FSIZE, (OPTIONS.pop("limit"), resource.RLIM_INFINITY))
    return save(client)


def save_where_nothing_can_be_written(client: Any) -> Any:
    """Save in a folder that even the administrator could not write to."""
    os.chdir(FOLDER)
    "host".encode("idna")  # what another user may not import any more
    if os.geteuid() == 0:
        os.setuid(65534)
    return client.scans["TPI"][42].file.save(".")


def save_around_a_fork(client: Any) -> Any:
    """Fork while another thread saves; the new process saves by itself."""
    file, begun = client.scans["TPI"][42].file, threading.Event()
    options = {"file_name": "parent.fits", "progress": lambda *_: begun.set()}
    thread = threading.Thread(target=file.save, args=(FOLDER,), kwargs=options)
    thread.start()
    begun.wait()
    if not (child := os.fork()):
        try:
            os._exit(file.save(FOLDER, file_name="child.fits").name != "child.fits")
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    thread.join()
    return status


def many(action: Callable[[Any], Any]) -> Callable[[Any], int]:
    """Return a function that does it in several processes, and returns how many failed."""

    def do(client: Any) -> int:
        cache.folder()  # what it imports is imported once
        children = []
        for _ in range(OPTIONS.pop("processes")):
            if not (child := os.fork()):
                try:
                    os._exit(action(client) is None)
                finally:
                    os._exit(2)
            children.append(child)
        return sum(os.waitpid(child, 0)[1] != 0 for child in children)

    return do


ACTIONS = {
    "save": save,
    "download": download,
    "local_path": local_path,
    "save_on_a_full_disk": save_on_a_full_disk,
    "save_where_nothing_can_be_written": save_where_nothing_can_be_written,
    "save_around_a_fork": save_around_a_fork,
    "save_many": many(save),
    "local_path_many": many(local_path),
}


def run() -> object:
    """Do it with the client of the mode."""
    settings: Any = {"token": TOKEN, "retries": 0, "timeout": 60}
    if MODE == "blocking":
        with Client(URL, **settings) as client:
            return ACTIONS[ACTION](client)

    async def wait() -> object:
        async with AsyncClient(URL, **settings) as client:
            return await ACTIONS[ACTION](client)

    return anyio.run(wait, backend=MODE)


def main() -> dict[str, Any]:
    """Do it, and return what came of it."""
    try:
        result = run()
    except KeyboardInterrupt:
        return {"interrupted": time.monotonic(), "threads": threading.active_count()}
    except OSError as error:
        return {"error": type(error).__name__, "errno": error.errno, "message": str(error)}
    statuses = list(result["status"]) if ACTION == "download" else None
    return {"result": statuses or (result if isinstance(result, int) else str(result))}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests ran under
    print(json.dumps(main()), flush=True)
