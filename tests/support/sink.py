"""A file in memory that a body is streamed into."""

from __future__ import annotations

import io

import httpx


class MemorySink(io.BytesIO):
    """Counts how often a body was begun."""

    begun = 0

    def headers(self) -> dict[str, str]:
        """Ask without headers of its own."""
        return {}

    def begin(self, response: httpx.Response) -> None:
        """Begin with nothing."""
        assert response.status_code == 200
        self.begun += 1
        self.seek(0)
        self.truncate()
