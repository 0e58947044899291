"""The statuses of HTTP, under the name that requests has for them."""

from httpx import codes

__all__ = ["codes"]
