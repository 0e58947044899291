"""How to add an endpoint to the tree: the user who is logged in."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from grad300_sdk import AsyncClient, Client
from grad300_sdk.engine import Flow, M, Node, Sender, endpoint
from grad300_sdk.sandbox import Sandbox


class Users(Node[M], template="{+parent}/users"):
    """The users of the archive."""

    @endpoint("GET", "/me")
    def me(self, send: Sender) -> Flow[dict[str, Any]]:
        """Return the user who is logged in."""
        return send.json(dict[str, Any])


async def fetch_email(url: str, **account: Any) -> str:
    """Return the e-mail address of the user, with the asynchronous client."""
    async with AsyncClient(url, **account) as client:
        user = assert_type(await Users(client).me(), dict[str, Any])
        return str(user["email"])


def main() -> None:
    """Print the user, with both clients."""
    with Sandbox() as sandbox:
        account: Any = {"user": sandbox.user, "password": sandbox.password}
        with Client(sandbox.url, **account) as client:
            user = assert_type(Users(client).me(), dict[str, Any])
            print("sync: ", user["email"])
            print("async:", asyncio.run(fetch_email(sandbox.url, **account)))
            print(Users(client).me.curl().replace(sandbox.url, "https://..."))


if __name__ == "__main__":
    main()
