"""The errors and the warning of the SDK: the engine's, under GRAD300's names.

:mod:`grad300_sdk.engine.errors` shows their hierarchy.
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
