"""Another small tree: variables in suffixes, envelopes, pages with links, shared parameters."""

from __future__ import annotations

from enum import Enum
from typing import Any, TypedDict, Unpack

from grad300_sdk.engine import (
    Async,
    Flow,
    ItemsFlow,
    M,
    Node,
    Root,
    Sender,
    Sync,
    child,
    drop_none,
    endpoint,
    iterator,
)


class Mark(Enum):
    """What a reader thinks of a book."""

    GOOD = "good"


class Title(TypedDict):
    """What must be said of a book."""

    title: str


class Marks(Title, total=False):
    """What can be said of a book."""

    pages: int | None


class Tag(Node[M], template="{+parent}{name}"):
    """A tag."""

    name: str


class Tags(Node[M], template="{+parent}/tags/"):
    """Tags."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[list[str]]:
        """Get them."""
        return (yield from send.json(list[str], key="tags"))

    @endpoint("PUT", "{tag}{?strict}")
    def create(self, send: Sender, tag: object, *, strict: bool | None = None) -> Flow[None]:
        """Add one."""
        yield from send()

    @endpoint("DELETE", "{tag}")
    def delete(self, send: Sender, tag: object = None) -> Flow[None]:
        """Take one away."""
        yield from send()

    @iterator("GET", "by/{reader}")
    def search(self, send: Sender, *, reader: str, page: int | None = None) -> ItemsFlow[int]:
        """Iterate over them."""
        yield from send.pages(int, key="items", link="links.next", params={"page": page})


class Shelf(Root[M]):
    """A tree."""

    def __init__(self, url: str = "http://shelf.test/v1", **options: Any) -> None:
        super().__init__(url, user_agent="shelf/1", retries=0, **options)

    tags = child(Tags[M])

    @endpoint("POST", "/books")
    def add(self, send: Sender, shelf: int, /, **marks: Unpack[Marks]) -> Flow[Any]:
        """Add a book."""
        return (yield from send.json(object, json={"shelf": shelf, **drop_none(**marks)}))

    @endpoint("POST", "/any")
    def anything(self, send: Sender, **fields: int) -> Flow[Any]:
        """Add anything."""
        return (yield from send.json(object, json=fields))


class BlockingShelf(Shelf[Sync]):
    """The blocking client."""


class AwaitingShelf(Shelf[Async]):
    """The awaiting client."""


CLIENTS = (BlockingShelf, AwaitingShelf)
