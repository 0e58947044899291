"""``/scans/{scan_type}/{scan_id}/download``: a scan's file."""

from __future__ import annotations

from grad300_sdk.engine import Flow, M, Node, Sender, endpoint

__all__ = ["ScanFile"]


class ScanFile(Node[M], template="{+parent}/download"):
    """The FITS file of a scan."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[bytes]:
        """Get the bytes of the file, as the server sends them.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Returns
        -------
        bytes
            The file. Nothing is looked at, and nothing is repaired.

        Raises
        ------
        NotFoundError
            If there is no such scan.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     for scan in client.scans["TPI"].search(max_results=1):
        ...         content = client.scans["TPI"][scan["id"]].file.get()
        ...         print(content[:9], len(content) == scan["size"])
        b'SIMPLE  =' True
        """
        return (yield from send.content())
