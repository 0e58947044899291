"""What the client of any REST API needs: a tree of resources, described once, called two ways.

GRAD300's tree is declared on it, in :mod:`grad300_sdk.resources`, and another API's is in the same
way: a class of nodes for each piece of its URLs, a method for each request. No name in it knows of
any API.
"""

from grad300_sdk.engine.branches import child
from grad300_sdk.engine.calls import Call
from grad300_sdk.engine.client import AwaitingClient, BlockingClient, ClientOptions, Root
from grad300_sdk.engine.credentials import Anonymous, Basic, Credentials, Login, Token, TokenFile
from grad300_sdk.engine.endpoints import endpoint, iterator
from grad300_sdk.engine.flow import Exclusive, Flow, Items, ItemsFlow, Send, Together
from grad300_sdk.engine.node import Awaiting, Blocking, M, Node
from grad300_sdk.engine.resource import Resource
from grad300_sdk.engine.sender import Sender, given
from grad300_sdk.engine.sources import Sources
from grad300_sdk.engine.upload import FileContent

__all__ = [
    "Anonymous",
    "Awaiting",
    "AwaitingClient",
    "Basic",
    "Blocking",
    "BlockingClient",
    "Call",
    "ClientOptions",
    "Credentials",
    "Exclusive",
    "FileContent",
    "Flow",
    "Items",
    "ItemsFlow",
    "Login",
    "M",
    "Node",
    "Resource",
    "Root",
    "Send",
    "Sender",
    "Sources",
    "Together",
    "Token",
    "TokenFile",
    "child",
    "endpoint",
    "given",
    "iterator",
]
