"""``/scans/{scan_type}/{scan_id}/download``: a scan's file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from grad300_sdk.engine import Flow, ItemsFlow, M, Node, Sender, endpoint, iterator
from grad300_sdk.engine.errors import DecodeError, excerpt

if TYPE_CHECKING:
    import httpx
    from astropy.io.fits import HDUList
    from astropy.table import Table

    from grad300_sdk.resources.scans import Scan
    from grad300_sdk.saving import Progress

__all__ = ["ScanFile"]

T = TypeVar("T")


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
        ...     content = client.scans["TPI"][1].file.get()
        ...     print(content[:9], len(content) == client.scans["TPI"][1].get()["size"])
        b'SIMPLE  =' True
        """
        return (yield from send.content())

    @endpoint("GET")
    def open(self, send: Sender) -> Flow[Table | HDUList]:
        """Get the file and read it: a TPI as a table, any other as FITS.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Returns
        -------
        astropy.table.Table or astropy.io.fits.HDUList
            What `table`, or `fits`, gives.

        Raises
        ------
        DecodeError
            If what came can't be read.

        Warns
        -----
        Grad300Warning
            If the file is broken, and not all of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     print(client.scans["TPI"][1].file.open()["JD", "LEFT_POL"].colnames)
        ...     print(type(client.scans["Images"][1].file.open()).__name__)
        ['JD', 'LEFT_POL']
        HDUList
        """
        from grad300_sdk.fits import open_file

        scan_type = cast("Scan[M]", self.parent).scan_type
        response = yield from send.response()
        return _read(response, lambda content: open_file(content, scan_type))

    @endpoint("GET")
    def table(self, send: Sender) -> Flow[Table]:
        """Get the file and read its table, whichever HDU that is.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Returns
        -------
        astropy.table.Table
            The table, with astropy's units and the header in its ``meta``.

        Raises
        ------
        DecodeError
            If what came can't be read, or has no table, as an image has none.

        Warns
        -----
        Grad300Warning
            If the file is broken, and not all of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     spectrum = client.scans["Spectrum"][1].file.table()
        ...     print(spectrum["LEFT_POL"].shape[1], spectrum["Azimuth"].unit)
        1024 deg
        """
        from grad300_sdk.fits import read_table

        return _read((yield from send.response()), read_table)

    @endpoint("GET")
    def fits(self, send: Sender) -> Flow[HDUList]:
        """Get the file and read it as FITS.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Returns
        -------
        astropy.io.fits.HDUList
            The file, its cards repaired, all of it in memory.

        Raises
        ------
        DecodeError
            If what came can't be read.

        Warns
        -----
        Grad300Warning
            If the file is broken, and not all of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     image = client.scans["Images"][1].file.fits()
        ...     print(image[0].header["CTYPE1"], image[0].data.ndim)
        RA 2
        """
        from grad300_sdk.fits import read_fits

        return _read((yield from send.response()), read_fits)

    @iterator("GET")
    def stream(self, send: Sender) -> ItemsFlow[bytes]:
        """Iterate over the bytes of the file, in the pieces in which they come.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``. The connection is in use until the
        iteration ends, or its iterator is closed.

        Yields
        ------
        bytes
            The next piece.

        Raises
        ------
        NotFoundError
            If there is no such scan.
        TransportError
            If the body is cut.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     pieces = list(client.scans["TPI"][1].file.stream())
        ...     b"".join(pieces) == client.scans["TPI"][1].file.get()
        True
        """
        yield send.chunks()

    @endpoint("GET")
    def save(
        self,
        send: Sender,
        destination_dir: str | os.PathLike[str],
        *,
        file_name: str | None = None,
        overwrite: bool = False,
        progress: Progress | bool | None = None,
    ) -> Flow[Path]:
        """Save the file in a folder, as the server sends it.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``. The body goes into a hidden file,
        which is moved into place once it is whole: there never is half a file of that name.

        Parameters
        ----------
        destination_dir : str or Path
            The folder; it is made if it is missing.
        file_name : str, optional
            The name of the file; if not given, what the server calls it, or else
            ``{scan_type}_{scan_id}.fits``.
        overwrite : bool
            Whether a file of that name is replaced.
        progress : callable or bool, optional
            True for a progress bar (it needs the extra ``progress``), False for none; if not
            given, a bar on a terminal or in a notebook where that extra is installed. A callable
            is called with the bytes that have come, and those that there are, or None where the
            server does not say.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        FileExistsError
            If there is a file of that name, and `overwrite` is not set.
        DownloadError
            If the body is cut, or is no FITS file.
        OSError
            If the file can't be written.

        Examples
        --------
        >>> import tempfile
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client,
        ... ):
        ...     path = client.scans["TPI"][1].file.save(folder)
        ...     print(path.name)
        20250130-093000_TPI-PROJ01-SUN_01#_01#.fits
        """
        from grad300_sdk.resources.download import Download

        download = Download(
            self._url,
            destination_dir,
            self._fallback,
            file_name=file_name,
            overwrite=overwrite,
            progress=progress,
        )
        return (yield from download.flow(send))

    @endpoint("GET")
    def local_path(self, send: Sender) -> Flow[Path]:
        """Give the file in a cache on this machine, where it is kept at first use.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``, at most once in a process: of a file
        that is in the cache, only whether it has changed is asked, by its ``ETag``. If the server
        can't be reached, the file in the cache is given as it is.

        Returns
        -------
        Path
            The file, to be read and not to be changed. `grad300_sdk.cache` tells where it is, and
            clears it.

        Raises
        ------
        DownloadError
            If the body is cut, or is no FITS file.
        OSError
            If the cache can't be written.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     file = client.scans["TPI"][1].file
        ...     print(file.local_path().read_bytes() == file.get())
        True
        """
        from grad300_sdk.cache import Cached

        scan = cast("Scan[M]", self.parent)
        cached = Cached(self.client.session, scan.scan_type, scan.scan_id, self._fallback)
        return (yield from cached.flow(send))

    @property
    def _url(self) -> str:
        return f"{self.client.base_api_url}{self.path}"

    @property
    def _fallback(self) -> str:
        """What the file is called where nothing else says that."""
        scan = cast("Scan[M]", self.parent)
        return f"{scan.scan_type.value}_{scan.scan_id}.fits"


def _read(response: httpx.Response, reader: Callable[[bytes], T]) -> T:
    try:
        return reader(response.content)
    except DecodeError as error:
        request, kind = response.request, response.headers.get("Content-Type", "no content type")
        new = DecodeError(f"{request.method} {request.url} gave {excerpt(kind)}: {error}")
        new.request, new.response = request, response
        raise new from error
