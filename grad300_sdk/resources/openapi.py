"""``/openapi.json``: the server's own description of itself."""

from __future__ import annotations

from typing import Any

from grad300_sdk.engine import Flow, M, Node, Sender, endpoint

__all__ = ["OpenAPI"]


class OpenAPI(Node[M], template="{+parent}/openapi.json"):
    """The server's own description of itself."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[dict[str, Any]]:
        """Get the OpenAPI document.

        Sends ``GET /openapi.json``.

        Returns
        -------
        dict
            The document, as the server sends it.

        Examples
        --------
        >>> with Client(sandbox.url) as client:
        ...     "/api/v1/login/access-token" in client.openapi.get()["paths"]
        True
        """
        return (yield from send.json(dict[str, Any]))
