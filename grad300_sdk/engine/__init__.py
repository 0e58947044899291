"""What the client of any REST API needs: a tree of resources, described once, called two ways.

Another API's tree is declared on it as GRAD300's is in :mod:`grad300_sdk.resources`.
"""

from grad300_sdk.engine.client import AwaitingClient, BlockingClient, Root
from grad300_sdk.engine.flow import Exclusive, Flow, Items, ItemsFlow, Send, Together
from grad300_sdk.engine.node import Awaiting, Blocking, Call, M, Node, Sender, endpoint, iterator
from grad300_sdk.engine.resource import Resource

__all__ = [
    "Awaiting",
    "AwaitingClient",
    "Blocking",
    "BlockingClient",
    "Call",
    "Exclusive",
    "Flow",
    "Items",
    "ItemsFlow",
    "M",
    "Node",
    "Resource",
    "Root",
    "Send",
    "Sender",
    "Together",
    "endpoint",
    "iterator",
]
