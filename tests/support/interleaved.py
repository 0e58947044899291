"""Flows performed without a network, whose concurrent requests are served in a chosen order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from grad300_sdk.engine import Flow, Gather, Items, Send
from grad300_sdk.engine.flow import RunningFlow


class Interleaved:
    """Performs flows one step at a time.

    Parameters
    ----------
    answer : callable
        Returns the response to a request.
    choose : callable
        Returns which of a number of requests under way is served next.

    Attributes
    ----------
    items : list
        What the flow passed on.
    rounds : list of int
        How many requests were served before each time that it had several sent at once.
    """

    def __init__(
        self, answer: Callable[[Send], httpx.Response], choose: Callable[[int], int]
    ) -> None:
        self.items: list[Any] = []
        self.rounds: list[int] = []
        self._served = 0
        self._answer_one = answer
        self._choose = choose

    def run(self, flow: Any) -> Any:
        """Run a flow to its end, and return its result."""
        running: RunningFlow[Any] = RunningFlow(flow)
        while running.effect is not None:
            match running.effect:
                case Send() as send:
                    running.answer(self._answer(send))
                case Items(items):
                    self.items += items
                    running.answer(None)
                case Gather() as gather:
                    self.rounds.append(self._served)
                    running.answer(self._gather(gather))
        return running.result

    def _answer(self, send: Send) -> httpx.Response:
        response = self._answer_one(send)
        self._served += 1
        return response

    def _gather(self, gather: Gather) -> list[Any]:
        flows = iter(gather.flows)
        started: list[RunningFlow[Any]] = []
        under_way: list[RunningFlow[Any]] = []

        def start(flow: Flow[Any]) -> None:
            started.append(RunningFlow(flow))
            under_way.append(started[-1])

        while True:
            while len(under_way) < gather.limit and (flow := next(flows, None)) is not None:
                start(flow)
            if not under_way:
                return [running.result for running in started]
            running = under_way[self._choose(len(under_way))]
            running.answer(self._answer(running.effect))
            if running.effect is None:
                under_way.remove(running)
