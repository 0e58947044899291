"""A node for any path, for what a tree does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grad300_sdk.engine.body import decode_json
from grad300_sdk.engine.endpoints import endpoint
from grad300_sdk.engine.errors import DecodeError
from grad300_sdk.engine.flow import Flow
from grad300_sdk.engine.node import M, Node
from grad300_sdk.engine.sender import Sender
from grad300_sdk.engine.template import compiled

__all__ = ["Resource"]


class Resource(Node[M]):
    """Any path of an API; ``client.resource(template, **variables)`` makes one."""

    def __init__(self, parent: Node[M], template: str, variables: Mapping[str, object]) -> None:
        super().__init__(parent)
        if not isinstance(template, str):
            raise TypeError(f"a template must be a str, not {type(template).__name__}")
        self._own = compiled(template if template.startswith("/") else f"/{template}")
        self._path = parent.path + self._own.expand(variables)

    @property
    def path(self) -> str:
        """The path below the client's `base_api_url`, expanded and percent-encoded."""
        return self._path

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        assert self.parent is not None
        return self.parent.template + self._own.text

    def _any(
        self,
        send: Sender,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Flow[Any]:
        """Send a request with this method to the resource.

        Parameters
        ----------
        params : Mapping, optional
            The query: None is left out, ``0`` and ``False`` are sent, a list is repeated.
        json, data, files, content : object, optional
            The body, as JSON, as a form, as a multipart upload, as bytes. A file is given by its
            bytes, by its path, or open; ``(name, file)`` sends it under that name.
        headers : Mapping, optional
            Headers besides the client's own.

        Returns
        -------
        object
            The decoded JSON of the answer, or its bytes where it is no JSON.

        Raises
        ------
        Error
            If the server answers with an error status, or the network fails.
        """
        response = yield from send.response(
            params=params,
            json=json,
            data=data,
            files=files,
            content=content,
            headers=headers,
            expects_json=True,
        )
        try:
            return decode_json(response)
        except DecodeError:
            return response.content

    get = endpoint("GET")(_any)
    post = endpoint("POST")(_any)
    put = endpoint("PUT")(_any)
    patch = endpoint("PATCH")(_any)
    delete = endpoint("DELETE")(_any)
