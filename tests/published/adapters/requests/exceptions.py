"""The error of a status, under the name that requests has for it."""

from grad300_sdk.engine.errors import APIError as HTTPError

__all__ = ["HTTPError"]
