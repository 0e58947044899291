"""The two modes: what belongs to the other one says so, and names what to use."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Any

import httpx
import pytest

from grad300_sdk.engine import M, Root
from grad300_sdk.engine.network.driver import AsyncDriver, SyncDriver
from tests.support.library import AwaitingLibrary, BlockingLibrary, Library
from tests.support.wire import answer


def wrong(client: str, alternative: str) -> str:
    """Return the pattern of an error that names an alternative."""
    return re.escape(f"this is not for {client}: use {alternative}")


def test_a_blocking_client_is_not_awaited(wire: Any) -> None:
    server = wire(answer(b"{}"))
    client: Any = BlockingLibrary(server.url)

    async def main() -> None:
        with pytest.raises(TypeError, match=wrong("BlockingLibrary", "client.close()")):
            await client.aclose()
        with pytest.raises(TypeError, match=wrong("BlockingLibrary", "'with'")):
            async with client:
                pass

    asyncio.run(main())
    assert client.books["1"].get() == {}  # it is still open
    client.close()


def test_an_awaited_client_does_not_block(wire: Any) -> None:
    server = wire(answer(b"{}"))
    client: Any = AwaitingLibrary(server.url)
    with pytest.raises(TypeError, match=wrong("AwaitingLibrary", "await client.aclose()")):
        client.close()
    with pytest.raises(TypeError, match=wrong("AwaitingLibrary", "'async with'")), client:
        pass

    async def main() -> None:
        async with client:
            assert await client.books["1"].get() == {}

    asyncio.run(main())


def test_the_other_way_to_close_is_not_listed() -> None:
    blocking, awaiting = dir(BlockingLibrary()), dir(AwaitingLibrary())
    assert "close" in blocking
    assert "aclose" not in blocking
    assert "aclose" in awaiting
    assert "close" not in awaiting


@pytest.mark.parametrize("cls", [Library, Root])
def test_a_tree_without_a_mode_is_not_a_client(cls: type[Any]) -> None:
    name = cls.__name__
    message = f"{name} is not a client; declare one as class Client({name}[Sync])"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        cls("http://library.test", **({"user_agent": "x/1"} if cls is Root else {}))


def test_a_mode_is_inherited() -> None:
    class Branch(BlockingLibrary):
        """A client with something of its own."""

    class Tree(Root[M]):
        """A tree without a mode."""

        def __init__(self) -> None:
            super().__init__("http://tree.test", user_agent="tree/1")

    with Branch() as branch:
        assert isinstance(branch.driver, SyncDriver)
    assert isinstance(AwaitingLibrary().driver, AsyncDriver)
    with pytest.raises(TypeError, match="Tree is not a client"):
        Tree()


def test_a_transport_of_the_other_mode() -> None:
    for make, transport, needed in (
        (BlockingLibrary, httpx.AsyncHTTPTransport(), "an httpx.BaseTransport"),
        (AwaitingLibrary, httpx.HTTPTransport(), "an httpx.AsyncBaseTransport"),
    ):
        message = f"transport of {make.__name__} must be {needed}, not <"
        with pytest.raises(TypeError, match=re.escape(message)):
            make(transport=transport)


# Coroutines of blocking clients


def test_a_blocking_client_works_within_an_event_loop(wire: Any) -> None:
    server = wire(answerer=lambda request: answer(b"[1, 2]"))

    async def main() -> None:
        with BlockingLibrary(server.url) as client:
            before = sys.get_asyncgen_hooks()
            assert client.books.get() == [1, 2]
            assert list(client.books.search(pages=3)) == [1, 2] * 3
            items = client.books.search(pages=3)
            assert next(items) == 1
            items.close()
            assert sys.get_asyncgen_hooks() == before

    asyncio.run(main())
