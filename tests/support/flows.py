"""Flows performed without a network: a test says what each request is answered with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import httpx

from grad300_sdk.engine import Exclusive, Flow, Gather, ItemsFlow, Send
from grad300_sdk.engine.errors import TransportError
from grad300_sdk.engine.flow import Chunks, Exchange, RunningFlow, Sleep
from grad300_sdk.engine.sending.response import whole_response
from grad300_sdk.engine.sending.session import Session

Outcome: TypeAlias = httpx.Response | Exception
Answerer: TypeAlias = Callable[[httpx.Request], Outcome]


def get(path: str) -> Flow[Any]:
    """Get the JSON at a path."""
    response = yield Send(method="GET", path=path)
    return response.json()


def pieces(path: str = "/text") -> ItemsFlow[bytes]:
    """Yield a body piece by piece."""
    yield Chunks(Send(method="GET", path=path))


def json_response(value: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    """Return an answer; a header's name has its hyphens as underscores."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, headers=names, json={} if value is None else value)


def cut() -> TransportError:
    """Return the error of a connection that was cut: the request may have arrived."""
    error = TransportError("cut")
    error.transient = True
    return error


def refused() -> TransportError:
    """Return the error of a connection that was refused: nothing arrived."""
    error = cut()
    error.unsent = True
    return error


def answered(exchange: Exchange, response: httpx.Response) -> httpx.Response:
    """Return a response as a driver returns it for an exchange."""
    response.request = exchange.request
    response.extensions["redactor"] = exchange.redactor
    return whole_response(response, response.content, exchange)


class Script:
    """Performs the flows of one client: answers its requests from a script, and does not wait.

    Parameters
    ----------
    session : Session
        The client's; its clock is the script's from now on, and its jitter is 1.
    *outcomes : httpx.Response or Exception
        What comes of each request, in turn.
    answerer : callable, optional
        Returns what comes of a request, in place of `outcomes`.

    Attributes
    ----------
    requests : list of httpx.Request
        What was sent.
    waits : list of float
        The seconds of each wait.
    time : float
        The time of the client's clock, which each wait moves on.
    """

    def __init__(
        self, session: Session, *outcomes: Outcome, answerer: Answerer | None = None
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.time = 0.0
        self._session = session
        self._outcomes = iter(outcomes)
        self._answerer = answerer
        session.clock = lambda: self.time
        session.jitter = lambda: 1.0

    @property
    def paths(self) -> list[str]:
        """The path and the query of each request."""
        return [request.url.raw_path.decode() for request in self.requests]

    def sent(self, name: str) -> list[str | None]:
        """Return a header of each request."""
        return [request.headers.get(name) for request in self.requests]

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow to its end, and return its result."""
        running = RunningFlow(flow)
        while running.effect is not None:
            try:
                answer = self._perform(running.effect)
            except Exception as error:
                running.fail(error)
            else:
                running.answer(answer)
        return running.result

    def _perform(self, effect: Any) -> Any:
        match effect:
            case Exchange():
                return self._exchange(effect)
            case Send():
                return self.run(self._session.send(effect))
            case Sleep():
                self.waits.append(effect.seconds)
                self.time += effect.seconds
                return None
            case Exclusive():
                return self.run(effect.flow)
            case Gather():
                return [self.run(flow) for flow in effect.flows]
        raise AssertionError(f"no such effect: {effect!r}")

    def _exchange(self, exchange: Exchange) -> httpx.Response:
        self.requests.append(exchange.request)
        outcome = self._answerer(exchange.request) if self._answerer else next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return answered(exchange, outcome)
