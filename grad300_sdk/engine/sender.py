"""How an endpoint sends its request, and says what it makes of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast

import msgspec

from grad300_sdk.engine.body import decode_error, decode_json
from grad300_sdk.engine.flow import Chunks, Flow, Items, ItemsFlow, Send, Sink
from grad300_sdk.engine.session import linked

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.errors import APIError

__all__ = ["SendOptions", "Sender", "given"]

T = TypeVar("T")


class SendOptions(TypedDict, total=False):
    """What an endpoint may say of its request; see `Send`."""

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
    timeout: float | None
    sink: Sink | None
    expects_json: bool


class Sender:
    """Sends the requests of one call: its method and its path are known already.

    Calling it, and each method but `chunks`, gives a flow, for ``yield from``. What they take
    besides are the parts of the request, as `Send` has them: ``params``, ``json``, ``data``,
    ``files`` and others.
    """

    __slots__ = ("_defaults",)

    def __init__(self, method: str, path: str) -> None:
        self._defaults: dict[str, Any] = {"method": method, "path": path}

    def __call__(self, **options: Unpack[SendOptions]) -> Flow[None]:
        """Send a request whose answer holds nothing of use."""
        yield Send(**{**self._defaults, **options})

    def response(self, **options: Unpack[SendOptions]) -> Flow[httpx.Response]:
        """Send a request and give the response."""
        response: httpx.Response = yield Send(**{**self._defaults, **options})
        return response

    def content(self, **options: Unpack[SendOptions]) -> Flow[bytes]:
        """Send a request and give the bytes of the answer, as they came."""
        response = yield from self.response(**options)
        return response.content

    def chunks(self, **options: Unpack[SendOptions]) -> Chunks:
        """Give the effect that sends a request and hands over its body piece by piece."""
        return Chunks(Send(**{**self._defaults, **options}))

    def json(
        self, kind: type[T], *, key: str | None = None, **options: Unpack[SendOptions]
    ) -> Flow[T]:
        """Send a request and give the JSON of the answer, which must be of a kind.

        Parameters
        ----------
        kind : type
            What the JSON must be, as msgspec understands types: ``list[Any]``, for one.
        key : str, optional
            Where in an object it stands; the rest of the object is left out. ``data.items`` is
            ``items`` within ``data``.
        **options
            The parts of the request, as `Send` has them.

        Returns
        -------
        object
            What was asked for.

        Raises
        ------
        DecodeError
            If the answer is not JSON of that kind.
        """
        response = yield Send(**{**self._defaults, **options, "expects_json": True})
        return _content(response, kind, key, secret=bool(options.get("secrets")))

    def pages(
        self, kind: type[T], *, key: str, link: str, **options: Unpack[SendOptions]
    ) -> ItemsFlow[T]:
        """Give the items of a list whose pages each have a link to the next one.

        Parameters
        ----------
        kind : type
            What each item must be, as msgspec understands types.
        key : str
            Where in a page the items stand, as for `json`.
        link : str
            Where in a page the link stands: ``links.next`` is ``next`` within ``links``. The
            page where it is missing, null or empty is the last one.
        **options
            The parts of the first request, as `Send` has them.

        Yields
        ------
        Items
            Those of one page.

        Raises
        ------
        DecodeError
            If a page is not such JSON, or a link leads to another server, or to a page that
            was there already.
        """
        send = Send(**{**self._defaults, **options, "expects_json": True})
        seen: set[str] = set()
        while True:
            response: httpx.Response = yield send
            seen |= {send.path, str(response.url)}
            yield Items(_content(response, list[kind], key))  # type: ignore[valid-type]  # for msgspec
            place = decode_json(response)
            for name in link.split("."):
                place = place.get(name) if isinstance(place, dict) else None
            if not place:
                return
            send = replace(send, path=linked(response, place), params=None)
            if send.path in seen:
                raise decode_error(response, f"a link to a page that was there: {send.path!r}")


def _content(
    response: httpx.Response, kind: type[T], key: str | None, *, secret: bool = False
) -> T:
    """Give the JSON of an answer, or what stands in it at a key."""
    names = () if key is None else tuple(key.split("."))
    wanted: Any = kind
    result: Any = decode_json(response, _envelope(wanted, names), secret=secret)
    for _ in names:
        result = result.content
    return cast("T", result)


@cache
def _envelope(kind: Any, names: tuple[str, ...]) -> Any:
    """Make the type of JSON objects in one another, of which the value in the last is wanted."""
    for name in reversed(names):
        kind = msgspec.defstruct("Envelope", [("content", kind)], rename={"content": name})
    return kind


def given(**values: Any) -> dict[str, Any]:
    """Give those of some values that are not None: the fields of a form, or of a JSON object.

    Examples
    --------
    >>> from grad300_sdk.engine import given
    >>> given(title="Dune", year=None, pages=0)
    {'title': 'Dune', 'pages': 0}
    """
    return {name: value for name, value in values.items() if value is not None}
