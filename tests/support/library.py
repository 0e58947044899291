"""A small tree of another API, declared on the engine: a lending library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grad300_sdk.engine import (
    Async,
    Flow,
    Gather,
    Items,
    ItemsFlow,
    M,
    Node,
    Root,
    Sender,
    Sync,
    endpoint,
    iterator,
)
from grad300_sdk.engine.credentials import Credentials, Login
from grad300_sdk.engine.errors import AuthenticationError
from grad300_sdk.engine.flow import Sink


class Text(Node[M], template="{+parent}/text"):
    """The text of a book."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[bytes]:
        """Get the whole text."""
        return (yield from send.content())

    @endpoint("GET")
    def write_to(self, send: Sender, sink: Sink) -> Flow[int]:
        """Write the text into an open file, and give the status."""
        response = yield from send.response(sink=sink)
        return response.status_code


class Book(Node[M], template="{+parent}/{book_id}"):
    """One book."""

    book_id: str

    @property
    def text(self) -> Text[M]:
        """The text of the book."""
        return Text(self)

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[dict[str, Any]]:
        """Get what is known of the book."""
        return (yield from send.json(dict[str, Any]))

    @endpoint("POST", "/loan")
    def lend(self, send: Sender, *, reader: str = "me") -> Flow[dict[str, Any]]:
        """Lend the book to a reader.

        This is not in the tree's line.
        """
        return (yield from send.json(dict[str, Any], json={"reader": reader}))


class Books(Node[M], template="{+parent}/books"):
    """All books."""

    @endpoint("GET")
    def get(self, send: Sender, *, page: int = 0, title: str | None = None) -> Flow[list[Any]]:
        """Get one page of the list."""
        return (yield from send.json(list[Any], params={"page": page, "title": title}))

    @iterator("GET")
    def search(self, send: Sender, *, pages: int = 1, at_once: int = 2) -> ItemsFlow[Any]:
        """Iterate over the first pages."""
        if pages < 1:
            raise ValueError("pages must be at least 1")
        yield Items((yield from self.get.flow(page=0)))
        rest = [self.get.flow(page=page) for page in range(1, pages)]
        for page in (yield Gather(rest, at_once)):
            yield Items(page)

    def __getitem__(self, book_id: str) -> Book[M]:
        return Book(self, book_id=book_id)


def log_in(user: str, password: str) -> Flow[str]:
    """Ask for a token."""
    answer = yield from Sender("POST", "/login").json(
        dict[str, Any],
        data={"user": user, "password": password},
        secrets=("password",),
        anonymous=True,
        errors={400: AuthenticationError},
    )
    return str(answer["token"])


class Library(Root[M]):
    """The tree."""

    def __init__(
        self,
        base_url: str = "http://library.test/v1",
        *,
        timeout: float = 60.0,
        retries: int = 0,
        max_connections: int = 4,
        max_json_bytes: int = 1_000_000,
        credentials: Credentials | None = None,
        headers: Mapping[str, str] | None = None,
        transport: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            base_url,
            user_agent="library/1",
            timeout=timeout,
            retries=retries,
            max_connections=max_connections,
            max_json_bytes=max_json_bytes,
            credentials=credentials,
            headers=headers,
            transport=transport,
            **options,
        )

    @property
    def books(self) -> Books[M]:
        """All books."""
        return Books(self)

    @endpoint("POST", "/login")
    def log_in(self, send: Sender, user: str, password: str, /) -> Flow[str]:
        """Log in, and use the token from now on."""
        token = yield from log_in(user, password)
        self.set_token(token)
        return token


class BlockingLibrary(Library[Sync]):
    """The blocking client."""


class AwaitingLibrary(Library[Async]):
    """The awaiting client."""


CLIENTS = (BlockingLibrary, AwaitingLibrary)


def account(log_in: Callable[[str, str], Flow[str]] = log_in) -> Login:
    """Return credentials that log in."""
    return Login(user="ann", password="s3cret-password", log_in=log_in)
