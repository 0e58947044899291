"""OpenTelemetry's instrumentation of httpx sees each request of both clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness


@pytest.fixture
def tracing() -> Iterator[tuple[Any, InMemorySpanExporter]]:
    """Instrument httpx during a test; return a tracer, and what it has recorded."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield provider.get_tracer(__name__), exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_the_current_span_is_the_parent_of_each_request(
    harness: Harness, sandbox: Sandbox, tracing: tuple[Any, InMemorySpanExporter]
) -> None:
    tracer, exporter = tracing
    client = harness.client(sandbox.url, user=sandbox.user, password=sandbox.password)
    records = traced(harness, tracer, lambda: client.scans["TPI"].records(page_size=10))
    assert len(records) > 40
    *requests, outer = exporter.get_finished_spans()
    assert outer.name == "the caller's"
    assert len(requests) >= 5  # the log-in, and pages that several threads or tasks fetch
    assert all(span.parent.span_id == outer.context.span_id for span in requests)
    assert {span.attributes["http.status_code"] for span in requests} == {200}


def traced(harness: Harness, tracer: Any, call: Any) -> Any:
    """Make a call within a span; it is awaited there where it has to be."""
    if harness.mode == "blocking":
        with tracer.start_as_current_span("the caller's"):
            return call()

    async def within() -> Any:
        with tracer.start_as_current_span("the caller's"):
            return await call()

    return harness.run(within())
