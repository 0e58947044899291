"""Credentials: their kinds, and where a client finds them."""

from .chain import CredentialChain, is_loopback
from .kinds import (
    Anonymous,
    Basic,
    Credentials,
    CredentialStore,
    Elsewhere,
    KeptLogin,
    KeptToken,
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
    "KeptLogin",
    "KeptToken",
    "Login",
    "Token",
    "TokenFile",
    "is_loopback",
]
