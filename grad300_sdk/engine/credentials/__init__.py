"""Credentials: their kinds, and where a client finds them."""

from .chain import CredentialChain, is_loopback
from .kinds import (
    Anonymous,
    Basic,
    Credentials,
    CredentialStore,
    Elsewhere,
    Login,
    Token,
    TokenFile,
)

__all__ = [
    "Anonymous",
    "Basic",
    "CredentialChain",
    "CredentialStore",
    "Credentials",
    "Elsewhere",
    "Login",
    "Token",
    "TokenFile",
    "is_loopback",
]
