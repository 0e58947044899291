"""How an endpoint sends its requests and decodes the responses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast

import msgspec
from msgspec.structs import replace

from ..flow import Chunks, Flow, Items, ItemsFlow, Send, Sink
from ..sending.response import decode_error, decode_json, next_link, resolve_link

if TYPE_CHECKING:
    import httpx

    from ..errors import APIError

__all__ = ["SendOptions", "Sender", "drop_none"]

T = TypeVar("T")
_MOST_EMPTY_PAGES = 100


class SendOptions(TypedDict, total=False):
    """The parts of a request that an endpoint may choose; see `Send`."""

    method: str
    path: str
    params: Mapping[str, Any] | None
    json: Any
    data: Mapping[str, Any] | None
    files: Any
    content: bytes | str | None
    headers: Mapping[str, str] | None
    anonymous: bool
    secrets: tuple[str, ...]
    errors: Mapping[int, type[APIError]]
    timeout: float | httpx.Timeout | None
    sink: Sink | None
    expects_json: bool


class Sender:
    """Sends the requests of one call, by default with the method and path of the call.

    Calling it, and each method but `chunks`, returns a flow: an endpoint returns it, or continues
    with its result after ``yield from``. The keywords are the parts of the request, as in `Send`:
    ``params``, ``json``, ``data``, ``files`` and others.
    """

    __slots__ = ("_defaults",)

    def __init__(self, method: str, path: str) -> None:
        self._defaults: dict[str, Any] = {"method": method, "path": path}

    def __call__(self, **options: Unpack[SendOptions]) -> Flow[None]:
        """Send a request, and ignore the body of its response."""
        yield Send(**{**self._defaults, **options})

    def response(self, **options: Unpack[SendOptions]) -> Flow[httpx.Response]:
        """Send a request and return the response."""
        response: httpx.Response = yield Send(**{**self._defaults, **options})
        return response

    def content(self, **options: Unpack[SendOptions]) -> Flow[bytes]:
        """Send a request and return the bytes of the response."""
        response = yield from self.response(**options)
        return response.content

    def chunks(self, **options: Unpack[SendOptions]) -> Chunks:
        """Return the effect that sends a request and passes on the body piece by piece."""
        return Chunks(Send(**{**self._defaults, **options}))

    def json(
        self, kind: type[T], *, key: str | None = None, **options: Unpack[SendOptions]
    ) -> Flow[T]:
        """Send a request and return the JSON of the response, which must be of a type.

        Parameters
        ----------
        kind : type
            The type of the JSON, as msgspec understands it, such as ``list[Any]``.
        key : str, optional
            The key of the wanted value in an object, whose other keys are ignored. ``data.items``
            is ``items`` within ``data``.
        **options
            The parts of the request, as in `Send`.

        Returns
        -------
        object
            The JSON.

        Raises
        ------
        DecodeError
            If the response is not JSON of that type.
        """
        response = yield Send(**{**self._defaults, **options, "expects_json": True})
        return _content(response, kind, key, secret=bool(options.get("secrets")))

    def pages(
        self,
        kind: type[T],
        *,
        key: str | None = None,
        link: str | None = None,
        **options: Unpack[SendOptions],
    ) -> ItemsFlow[T]:
        """Yield the items of a list whose pages each link to the next one.

        Parameters
        ----------
        kind : type
            The type of each item, as msgspec understands it.
        key : str, optional
            The key of the items in a page, as for `json`; by default the page is their list.
        link : str, optional
            The key of the link in a page: ``links.next`` is ``next`` within ``links``. By default,
            the link is in the ``Link`` header, with the relation ``next`` (RFC 8288). The page in
            which it is missing, null or empty is the last one.
        **options
            The parts of the first request, as in `Send`.

        Yields
        ------
        Items
            The items of one page.

        Raises
        ------
        DecodeError
            If a page is not such JSON, if a link leads to another server or to an earlier page, or
            if a hundred pages in a row are empty.
        """
        send = Send(**{**self._defaults, **options, "expects_json": True})
        seen: set[str] = set()
        empty = 0
        while True:
            response: httpx.Response = yield send
            seen |= {send.path, str(response.url)}
            items: list[T] = _content(response, list[kind], key)  # type: ignore[valid-type]  # for msgspec
            yield Items(items)
            target = next_link(response.headers) if link is None else _find(response, link)
            if not target:
                return
            empty = 0 if items else empty + 1
            if empty == _MOST_EMPTY_PAGES:
                raise decode_error(response, f"an empty page, like the {empty - 1} before it")
            send = replace(send, path=resolve_link(response, target), params=None)
            if send.path in seen:
                raise decode_error(response, f"a link to an earlier page: {send.path!r}")


def _find(response: httpx.Response, key: str) -> Any:
    """Return the value at a key in the JSON of a response, or None."""
    value = decode_json(response)
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _content(
    response: httpx.Response, kind: type[T], key: str | None, *, secret: bool = False
) -> T:
    """Return the JSON of a response, or the part of it at a key."""
    names = () if key is None else tuple(key.split("."))
    wanted: Any = kind
    result: Any = decode_json(response, _envelope(wanted, names), secret=secret)
    for _ in names:
        result = result.content
    return cast("T", result)


@cache
def _envelope(kind: Any, names: tuple[str, ...]) -> Any:
    """Return a type of nested JSON objects, of which only the innermost value is read."""
    for name in reversed(names):
        kind = msgspec.defstruct("Envelope", [("content", kind)], rename={"content": name})
    return kind


def drop_none(**values: Any) -> dict[str, Any]:
    """Return the values that are not None: the fields of a form, or of a JSON object.

    Examples
    --------
    >>> from grad300_sdk.engine import drop_none
    >>> drop_none(title="Dune", year=None, pages=0)
    {'title': 'Dune', 'pages': 0}
    """
    return {name: value for name, value in values.items() if value is not None}
