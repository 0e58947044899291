"""What a call wants done, said without doing it.

A *flow* is a generator: it yields effects, and is sent what came of them. It does no I/O, so
one and the same flow serves the blocking client and the awaiting one; the drivers in
:mod:`grad300_sdk.engine.drivers` perform its effects.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.errors import APIError

__all__ = [
    "Effect",
    "Exchange",
    "Exclusive",
    "Flow",
    "Items",
    "ItemsFlow",
    "Send",
    "Sink",
    "Sleep",
    "Together",
    "collect",
    "first_response",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Sink(Protocol):
    """What a body can be streamed into: an open binary file, for one."""

    def write(self, data: bytes, /) -> object:
        """Take the next piece of the body."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send one request and give its response; an error status is raised.

    Attributes
    ----------
    method : str
        The HTTP method.
    path : str
        A path below the client's base URL, or an absolute URL.
    params : Mapping or None
        The query: None is left out, a list is repeated.
    json, data, files, content : object
        The body, as JSON, as a form, as a multipart upload, as bytes.
    headers : Mapping or None
        Headers besides the client's own.
    expects_json : bool
        Whether JSON is asked for; its size is then bounded.
    anonymous : bool
        Whether the client's credentials are left out.
    secrets : tuple of str
        The form fields whose values must not be shown.
    errors : Mapping
        The error classes of statuses that mean something else here than everywhere.
    timeout : float or None
        Seconds for each wait on the network; None for the client's.
    sink : Sink or None
        Where the body goes, piece by piece, in place of the response.
    """

    method: str
    path: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    data: Mapping[str, Any] | None = None
    files: Any = None
    content: bytes | str | None = None
    headers: Mapping[str, str] | None = None
    expects_json: bool = False
    anonymous: bool = False
    secrets: tuple[str, ...] = ()
    errors: Mapping[int, type[APIError]] = field(default_factory=dict)
    timeout: float | None = None
    sink: Sink | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Send a request as it stands and give whatever is answered: no retry, no redirect."""

    send: Send
    request: httpx.Request
    auth: httpx.Auth | None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Together:
    """Run several flows, at most `limit` at once, and give their results in order.

    The flows are drawn only when there is room for one more. The first failure is raised once
    none of them runs any more.
    """

    flows: Iterable[Flow[Any]]
    limit: int


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Run a flow while no other exclusive flow of this client runs, and give its result."""

    flow: Flow[Any]


@dataclass(frozen=True, slots=True)
class Items(Generic[T_co]):
    """Hand these items to whoever iterates over the call."""

    items: Iterable[T_co]


Effect: TypeAlias = Send | Exchange | Sleep | Together | Exclusive
Flow: TypeAlias = Generator[Effect, Any, T]
ItemsFlow: TypeAlias = Generator[Effect | Items[T], Any, None]


def collect(flow: ItemsFlow[T]) -> Flow[list[T]]:
    """Run a flow of items to its end and give all of them."""
    items: list[T] = []
    answer = None
    try:
        while True:
            effect = flow.send(answer)
            answer = None
            if isinstance(effect, Items):
                items.extend(effect.items)
            else:
                answer = yield effect
    except StopIteration:
        return items
    finally:
        flow.close()


def first_response(flow: Generator[Any, Any, Any]) -> Flow[httpx.Response]:
    """Run a flow up to the first response that is no error, and give that response."""
    try:
        effect = next(flow)
        while True:
            try:
                answer = yield effect
            except Exception as error:  # the flow decides, as it does when it runs to its end
                effect = flow.throw(error)
            else:
                if isinstance(effect, Send):
                    return answer  # type: ignore[no-any-return]
                effect = flow.send(answer)
    finally:
        flow.close()
