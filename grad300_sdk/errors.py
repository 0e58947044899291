"""The errors and the warning of the SDK: the engine's, under GRAD300's names.

:mod:`grad300_sdk.engine.errors` shows their hierarchy.
"""

from grad300_sdk.engine.errors import APIError as Grad300APIError
from grad300_sdk.engine.errors import (
    AuthenticationError,
    DecodeError,
    DownloadError,
    EngineWarning,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    ValidationError,
)
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


class Grad300Warning(EngineWarning):
    """Something that you should know, although the call succeeds."""
