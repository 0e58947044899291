"""GRAD300's names for the engine's errors and its warning.

The tree of them is drawn in :mod:`grad300_sdk.engine.errors`.
"""

from grad300_sdk.engine.errors import APIError as Grad300APIError
from grad300_sdk.engine.errors import (
    AuthenticationError,
    DecodeError,
    DownloadError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    ValidationError,
)
from grad300_sdk.engine.errors import EngineWarning as Grad300Warning
from grad300_sdk.engine.errors import Error as Grad300Error

__all__ = [
    "AuthenticationError",
    "DecodeError",
    "DownloadError",
    "Grad300APIError",
    "Grad300Error",
    "Grad300Warning",
    "NotFoundError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "TransportError",
    "ValidationError",
]
