"""Flows and effects: what a call does, described without doing it.

A *flow* is a generator that yields effects and receives their results. It does no I/O, so the same
flow serves both clients; the driver, :mod:`.network.driver`, performs its effects.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

from msgspec import Struct

from .errors import APIError

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Chunks",
    "Effect",
    "Exchange",
    "Exclusive",
    "Flow",
    "Gather",
    "Items",
    "ItemsFlow",
    "RunningFlow",
    "Send",
    "Sink",
    "Sleep",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Redactor(Protocol):
    """Masks the secrets of one exchange."""

    def text(self, text: str) -> str:
        """Return a text with each secret masked."""
        ...

    def response(self, response: httpx.Response) -> httpx.Response:
        """Return a response with each secret masked."""
        ...


class Sink(Protocol):
    """An object that a body can be streamed into."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next attempt, which may request only the rest of a file."""
        ...

    def begin(self, response: httpx.Response) -> object:
        """Prepare for the body of a successful response."""
        ...

    def write(self, data: bytes) -> object:
        """Receive the next piece of the body."""
        ...


class Send(Struct, frozen=True, kw_only=True):
    """Send one request and return its response; an error status is raised.

    Attributes
    ----------
    method : str
        The HTTP method.
    path : str
        A path below the client's base URL, or an absolute URL.
    params : Mapping or None
        The query: None is left out, a list repeats its name.
    json, data, files, content : object
        The body, as JSON, as a form, as a multipart upload, or as bytes. A file is a
        `FileContent`, or ``(name, FileContent)``.
    headers : Mapping or None
        Headers in addition to the client's.
    expects_json : bool
        Whether to request JSON, and limit its size.
    anonymous : bool
        Whether the client's credentials are left out.
    secrets : tuple of str
        The form fields whose values must not be shown.
    errors : Mapping
        The error classes of statuses that have a special meaning for this request.
    timeout : float, httpx.Timeout or None
        Maximum time of each wait on the network, in seconds; None for the client's.
    sink : Sink or None
        Object that receives the body, piece by piece, instead of the response.
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
    errors: Mapping[int, type[APIError]] = {}
    timeout: Any = None
    sink: Sink | None = None

    def __repr__(self) -> str:  # bodies and headers may hold secrets
        return f"Send(method={self.method!r}, path={self.path!r}, params={self.params!r})"

    @property
    def has_body(self) -> bool:
        """Whether the request has a body."""
        return not (self.json is self.data is self.files is self.content is None)


class Exchange(Struct, frozen=True):
    """Send a request once and return its response, whatever its status."""

    send: Send
    request: httpx.Request
    redactor: Redactor

    def __repr__(self) -> str:
        return f"Exchange({self.send!r})"


class Sleep(Struct, frozen=True):
    """Wait.

    Attributes
    ----------
    seconds : float
        For how long, in seconds.
    """

    seconds: float


class Gather(Struct, frozen=True):
    """Run several flows, at most `limit` at once, and return their results in order.

    A flow is taken from `flows` only when it can start. After the first failure the others are
    cancelled, and the failure is raised once all of them have ended.
    """

    flows: Iterable[Flow[Any]]
    limit: int

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"limit must be at least 1, not {self.limit}")


class Chunks(Struct, frozen=True):
    """Send a request, and pass the pieces of the response's body to the caller who iterates."""

    send: Send


class Exclusive(Struct, frozen=True):
    """Run a flow while no other exclusive flow of this client runs, and return its result."""

    flow: Flow[Any]


class Items(Struct, Generic[T_co], frozen=True):
    """Pass these items to the caller who iterates."""

    items: Iterable[T_co]


Effect: TypeAlias = Send | Exchange | Sleep | Gather | Exclusive
Flow: TypeAlias = Generator[Effect, Any, T]
ItemsFlow: TypeAlias = Generator[Effect | Items[T] | Chunks, Any, None]


class RunningFlow(Generic[T]):
    """A flow in progress: the effect that it is waiting for, and finally its result.

    It runs to its first effect when it is created; `effect` is None once it has ended.
    """

    def __init__(self, flow: Generator[Any, Any, T]) -> None:
        self._flow = flow
        self.effect: Any = None
        self.result: T = cast("T", None)
        self._advance(flow.send, None)

    def answer(self, answer: object) -> None:
        """Send the flow the result of its effect."""
        self._advance(self._flow.send, answer)

    def fail(self, error: BaseException) -> None:
        """Raise in the flow the error of its effect."""
        self._advance(self._flow.throw, error)

    def close(self) -> None:
        """Close the flow before its end."""
        self._flow.close()
        self.effect = None

    def _advance(self, step: Callable[[Any], Any], value: object) -> None:
        try:
            self.effect = step(value)
        except StopIteration as stop:
            self.effect, self.result = None, stop.value
