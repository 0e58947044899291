"""``/openapi.json``: the server's own description of itself."""

from __future__ import annotations

from typing import Any

from grad300_sdk.engine import Comparison, Flow, M, Node, OpenAPIDocument, Sender, endpoint

__all__ = ["OpenAPI"]

_NOTES = {
    ("GET", "/openapi.json"): "a FastAPI server does not list its own description",
    ("POST", "/login/test-token"): "sent by client.login.test_token() where GET is refused",
    ("GET", "/users/me"): "client.login.test_token() returns the same",
    ("GET", "/utils/health-check/"): "for monitoring the server",
}


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
        return send.json(dict[str, Any])

    @endpoint("GET")
    def compare(self, send: Sender) -> Flow[Comparison]:
        """Compare the server's description of itself with this client's tree.

        Sends ``GET /openapi.json``.

        Returns
        -------
        Comparison
            The paths that both have, that only the server has, and that only the tree has, each
            with the calls that request it. Printing it shows a table, iterating over it yields
            the rows, and ``both``, ``only_server`` and ``only_tree`` are its parts.

        Raises
        ------
        DecodeError
            If the response is not an OpenAPI document.

        Examples
        --------
        >>> with Client(sandbox.url) as client:
        ...     for row in client.openapi.compare().only_server:
        ...         print(row.method, row.path, row.calls[0])
        POST /login/test-token client.resource('/login/test-token').post()
        GET /users/me client.resource('/users/me').get()
        GET /utils/health-check/ client.resource('/utils/health-check/').get()
        """
        document = yield from send.json(OpenAPIDocument)
        return self.client.tree().compare(document, self.client.base_api_url, _NOTES)
