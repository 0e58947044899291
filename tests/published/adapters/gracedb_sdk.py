"""gracedb-sdk's name for the client, which talks to a server in this process."""

from __future__ import annotations

import httpx
from fake_gracedb import FakeGraceDB
from gracedb import GraceDB

__all__ = ["Client"]


class Client(GraceDB):
    """A client of a GraceDB that starts empty."""

    def __init__(self, url: str, *, fail_if_noauth: bool) -> None:
        super().__init__(url, force_noauth=True, transport=httpx.MockTransport(FakeGraceDB()))
