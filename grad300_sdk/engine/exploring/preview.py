"""The first request of a flow: to look at it without sending it, or to see its bare response."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from ..flow import Chunks, Effect, Exclusive, Flow, Gather, Items, RunningFlow, Send

if TYPE_CHECKING:
    import httpx

__all__ = ["first_response", "first_send"]

_SENDS_NOTHING = "with these arguments the call sends nothing"


def first_send(flow: Generator[Any, Any, Any]) -> Send:
    """Return the first request that a flow asks for; nothing is sent."""
    with closing(RunningFlow(flow)) as running:
        while (effect := running.effect) is not None:
            match effect:
                case Send():
                    return effect
                case Chunks():
                    return effect.send
                case Exclusive():
                    return first_send(effect.flow)
                case Gather() if first := next(iter(effect.flows), None):
                    return first_send(first)
                case _:
                    running.answer([])
    raise ValueError(_SENDS_NOTHING)


def first_response(flow: Generator[Any, Any, Any]) -> Flow[httpx.Response]:
    """Run a flow up to its first successful response, and return that response.

    After an unsuccessful response the flow decides what to do, as in a normal run.
    """
    failure: Exception = ValueError(_SENDS_NOTHING)
    with closing(RunningFlow(flow)) as running:
        while (effect := running.effect) is not None:
            match effect:
                case Gather() if first := next(iter(effect.flows), None):
                    return (yield from first_response(first))
                case Gather() | Items():
                    running.answer([])
                    continue
                case Exclusive():
                    request: Effect = Exclusive(first_response(effect.flow))
                case Chunks():
                    request = effect.send
                case Send():
                    request = replace(effect, sink=None)
                case _:
                    running.answer((yield effect))
                    continue
            try:
                return cast("httpx.Response", (yield request))
            except Exception as error:  # the flow may answer it, as it answers the network's
                failure = error
                running.fail(error)
    raise failure
