"""Servers that fail as they are told."""

from tests.engine.conftest import _no_backoff, wire

__all__ = ["_no_backoff", "wire"]
