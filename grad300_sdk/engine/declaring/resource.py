"""A node for any path, for what the tree does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DecodeError
from ..flow import Flow
from ..sending.response import decode_json
from ..template import compiled
from .endpoints import endpoint
from .nodes import M, Node
from .send import Sender

__all__ = ["Resource"]


class Resource(Node[M]):
    """Any path of an API; ``client.resource(template, **variables)`` returns one."""

    parent: Node[M]

    def __init__(self, parent: Node[M], template: str, variables: Mapping[str, object]) -> None:
        super().__init__(parent)
        if not isinstance(template, str):
            raise TypeError(f"a template must be a str, not {type(template).__name__}")
        self._own = compiled(template if template.startswith("/") else f"/{template}")
        self._path = parent.path + self._own.expand(variables)

    @property
    def path(self) -> str:
        """The path below the client's ``base_api_url``, expanded and percent-encoded."""
        return self._path

    @property
    def template(self) -> str:
        """The URI template (RFC 6570) of the path, whole."""
        return self.parent.template + self._own.text

    def _python_path(self) -> str:
        """Return how the node is written in Python: ``client.resource('/users/me')``."""
        own = self.path.removeprefix(self.parent.path)
        return f"{self.parent._python_path()}.resource({own!r})"

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
            The query: None is left out, ``0`` and ``False`` are sent, a list repeats its name.
        json, data, files, content : object, optional
            The body, as JSON, as a form, as a multipart upload, or as bytes. A file is bytes, a
            path, or an open file; ``(name, file)`` sends it under that name.
        headers : Mapping, optional
            Headers in addition to the client's.

        Returns
        -------
        object
            The decoded JSON of the response, or its bytes if it is not JSON.

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
