"""A small archive behind httpx's mock transport, which gets wrong what it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

Row = dict[str, Any]


def scan(number: int, **changes: Any) -> Row:
    """A row of a listing."""
    return {
        "id": number,
        "file_name": f"20250204-{number:06}_TPI-GRAD300-SUN_01#_01#.fits",
        "object": "sun",
        "date": f"2025-02-04T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}",
        **changes,
    }


@dataclass
class FakeArchive:
    """An archive of one listing for every type of scan, without log-in.

    `cap` is the most rows that it gives at once; `inserted` are rows that appear at the front
    after each request.
    """

    rows: list[Any]
    cap: int | None = None
    ignores_offset: bool = False
    filters: bool = False
    inserted: list[Row] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        query = request.url.params
        offset = 0 if self.ignores_offset else int(query["offset"])
        limit = min(int(query["limit"]), self.cap or len(self.rows) + 1)
        rows = self.rows
        if self.filters:
            rows = [row for row in rows if query.get("source", "") in row["object"]]
            if "date_from" in query:
                start = datetime.fromisoformat(query["date_from"]).replace(tzinfo=None)
                rows = [row for row in rows if datetime.fromisoformat(row["date"]) >= start]
        page = rows[offset : offset + limit]
        if self.inserted:
            self.rows = [self.inserted.pop(), *self.rows]
        return httpx.Response(200, json=page)

    @property
    def asked(self) -> list[tuple[int, int]]:
        """The offset and the limit of each request."""
        return [(int(r.url.params["offset"]), int(r.url.params["limit"])) for r in self.requests]
