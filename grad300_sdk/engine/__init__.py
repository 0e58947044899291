"""What the client of any REST API needs: a tree of resources, described once, called two ways.

GRAD300's tree is declared on it, and another API's is declared in the same way: a class of nodes
for each piece of its URLs, a method for each request. It knows no API by name.
"""

from . import errors
from . import light_httpx as light_httpx  # first, before anything else imports httpx
from .checks import check_base_url, check_integer, check_positive, expand_user
from .client import ClientOptions, Root
from .credentials import (
    Anonymous,
    Basic,
    CredentialChain,
    Credentials,
    KeptLogin,
    Login,
    Token,
    TokenFile,
    is_loopback,
)
from .declaring.callable import CallableNode, call_attributes
from .declaring.calls import Call
from .declaring.endpoints import endpoint, iterator
from .declaring.nodes import Async, M, Node, RootNode, Sync, child
from .declaring.resource import Resource
from .declaring.send import Sender, drop_none
from .exploring.branches import TreeLine
from .exploring.openapi import Comparison, OpenAPIDocument
from .exploring.tree import Tree
from .flow import Chunks, Exclusive, Flow, Gather, Items, ItemsFlow, Send, Sink, Sleep
from .keywords import public
from .sending.redact import without_body
from .sending.response import decode_error, decode_json, describe, describe_bytes, redact
from .sending.session import OnRetry
from .sending.upload import FileContent
from .template import check_path
from .text import excerpt, nearest, printable
from .tracebacks import show_full_tracebacks, warn

__all__ = [
    "Anonymous",
    "Async",
    "Basic",
    "Call",
    "CallableNode",
    "Chunks",
    "ClientOptions",
    "Comparison",
    "CredentialChain",
    "Credentials",
    "Exclusive",
    "FileContent",
    "Flow",
    "Gather",
    "Items",
    "ItemsFlow",
    "KeptLogin",
    "Login",
    "M",
    "Node",
    "OnRetry",
    "OpenAPIDocument",
    "Resource",
    "Root",
    "RootNode",
    "Send",
    "Sender",
    "Sink",
    "Sleep",
    "Sync",
    "Token",
    "TokenFile",
    "Tree",
    "TreeLine",
    "call_attributes",
    "check_base_url",
    "check_integer",
    "check_path",
    "check_positive",
    "child",
    "decode_error",
    "decode_json",
    "describe",
    "describe_bytes",
    "drop_none",
    "endpoint",
    "errors",
    "excerpt",
    "expand_user",
    "is_loopback",
    "iterator",
    "nearest",
    "printable",
    "public",
    "redact",
    "show_full_tracebacks",
    "warn",
    "without_body",
]
