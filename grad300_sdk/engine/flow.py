"""What a call wants done, said without doing it.

A *flow* is a generator: it yields effects, and is sent what came of them. It does no I/O, so
one and the same flow serves the blocking client and the awaiting one; the drivers in
:mod:`grad300_sdk.engine.drivers` perform its effects.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import httpx

    from grad300_sdk.engine.errors import APIError

__all__ = [
    "Chunks",
    "Course",
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
    "first_response",
    "first_send",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Sink(Protocol):
    """What a body can be streamed into."""

    def headers(self) -> Mapping[str, str]:
        """Give the headers to ask with, before each attempt: of what is still to come, for one."""
        ...

    def begin(self, response: httpx.Response) -> object:
        """Make ready for the body of a response that is no error."""
        ...

    def write(self, data: bytes) -> object:
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
        The body, as JSON, as a form, as a multipart upload, as bytes. A file is a `FileContent`,
        or ``(name, FileContent)``.
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
    json: Any = field(default=None, repr=False)
    data: Mapping[str, Any] | None = field(default=None, repr=False)
    files: Any = field(default=None, repr=False)
    content: bytes | str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
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

    The flows are drawn only when there is room for one more. After the first failure the others
    are stopped wherever they are, and it is raised once none of them runs any more.
    """

    flows: Iterable[Flow[Any]]
    limit: int

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"limit is {self.limit}, but must be at least 1")


@dataclass(frozen=True, slots=True)
class Chunks:
    """Send a request, and hand the pieces of its body to whoever iterates over the call."""

    send: Send


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
ItemsFlow: TypeAlias = Generator[Effect | Items[T] | Chunks, Any, None]


class Course(Generic[T]):
    """A flow under way: the effect that it waits for, and in the end its result.

    It runs to its first effect when it is made; `effect` is None once it has ended.
    """

    def __init__(self, flow: Generator[Any, Any, T]) -> None:
        self._flow = flow
        self.effect: Any = None
        self.result: T = cast("T", None)
        self._advance(next, flow)

    def answer(self, answer: object) -> None:
        """Give the flow what came of its effect."""
        self._advance(self._flow.send, answer)

    def fail(self, error: BaseException) -> None:
        """Raise in the flow what its effect raised."""
        self._advance(self._flow.throw, error)

    def close(self) -> None:
        """Leave the flow where it is: that is its end."""
        self._flow.close()
        self.effect = None

    def _advance(self, step: Callable[[Any], Any], value: object) -> None:
        try:
            self.effect = step(value)
        except StopIteration as stop:
            self.effect, self.result = None, stop.value


_SENDS_NOTHING = "with these arguments the call sends nothing"


def first_send(flow: Generator[Any, Any, Any]) -> Send:
    """Give the first request that a flow asks for, without anything being sent."""
    course = Course(flow)
    try:
        while (effect := course.effect) is not None:
            if isinstance(effect, Send | Chunks):
                return effect.send if isinstance(effect, Chunks) else effect
            if isinstance(effect, Exclusive):
                return first_send(effect.flow)
            for inner in effect.flows if isinstance(effect, Together) else ():
                return first_send(inner)  # the first of them alone
            course.answer([])
    finally:
        course.close()
    raise ValueError(_SENDS_NOTHING)


def first_response(flow: Generator[Any, Any, Any]) -> Flow[httpx.Response]:
    """Run a flow up to the first response that is no error, and give that response."""
    course = Course(flow)
    failure: Exception = ValueError(_SENDS_NOTHING)
    try:
        while (effect := course.effect) is not None:
            for inner in effect.flows if isinstance(effect, Together) else ():
                return (yield from first_response(inner))  # the first of them alone
            if isinstance(effect, Exclusive):
                effect = Exclusive(first_response(effect.flow))
            if isinstance(effect, Together | Items):
                course.answer([])
                continue
            effect = effect.send if isinstance(effect, Chunks) else effect
            if isinstance(effect, Send):
                effect = replace(effect, sink=None)
            try:
                answer = yield effect
            except Exception as error:  # the flow decides, as it does when it runs to its end
                failure = error
                course.fail(error)
            else:
                if isinstance(effect, Send | Exclusive):
                    return cast("httpx.Response", answer)
                course.answer(answer)
    finally:
        course.close()
    raise failure
