"""Servers that are not what they should be: what an error says, and what to do."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.commands import piped
from tests.support.tls import make_certificate
from tests.support.wire import CLOSE, Wire, answer

PAGE = b"<!doctype html><html><title>Portal</title></html>"
NO_ARCHIVE = "; this may not be a GRAD300 archive: check --base-url"
