"""``/scans/{scan_type}/{scan_id}/download``: a scan's file."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from grad300_sdk.engine import (
    Flow,
    ItemsFlow,
    M,
    Node,
    Sender,
    decode_error,
    endpoint,
    excerpt,
    iterator,
)
from grad300_sdk.engine.errors import DecodeError

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.table import Table
    from matplotlib.figure import Figure

    from grad300_sdk.downloads import Progress

__all__ = ["ScanFile"]

T = TypeVar("T")


class ScanFile(Node[M], template="{+parent}/download"):
    """The FITS file of a scan."""

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[bytes]:
        """Return the bytes of the file, as the server sends them.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Returns
        -------
        bytes
            The file; it is neither checked nor repaired.

        Raises
        ------
        NotFoundError
            If the archive does not have the scan.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     content = client.scans["TPI"][1].file.get()
        ...     print(content[:9], len(content) == client.scans["TPI"][1].get()["size"])
        b'SIMPLE  =' True
        """
        return send.content()

    @endpoint("GET")
    def open(self, send: Sender, *, cached: bool = False) -> Flow[Table | HDUList]:
        """Return the contents of the file: the table of a TPI, the HDUs of any other.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Parameters
        ----------
        cached : bool
            Whether to read the file in the cache, which `local_path` downloads and revalidates;
            without a network, the file there is read as it is.

        Returns
        -------
        astropy.table.Table or astropy.io.fits.HDUList
            What `table`, or `fits`, returns.

        Raises
        ------
        DecodeError
            If the file can't be read.

        Warns
        -----
        Grad300Warning
            If the file is broken, and only a part of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     print(client.scans["TPI"][1].file.open()["JD", "LEFT_POL"].colnames)
        ...     print(type(client.scans["Images"][1].file.open()).__name__)
        ['JD', 'LEFT_POL']
        HDUList
        """
        from grad300_sdk.fits import open_file

        read = partial(open_file, scan_type=self._variables["scan_type"])
        return self._read(send, read, cached)

    @endpoint("GET")
    def table(self, send: Sender, *, cached: bool = False) -> Flow[Table]:
        """Return the table in the file, whichever HDU that is.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Parameters
        ----------
        cached : bool
            Whether to read the file in the cache, which `local_path` downloads and revalidates;
            without a network, the file there is read as it is.

        Returns
        -------
        astropy.table.Table
            The table, with astropy's units and the header in its ``meta``.

        Raises
        ------
        DecodeError
            If the file can't be read, or has no table (images have none).

        Warns
        -----
        Grad300Warning
            If the file is broken, and only a part of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     spectrum = client.scans["Spectrum"][1].file.table()
        ...     print(spectrum["LEFT_POL"].shape[1], spectrum["Azimuth"].unit)
        1024 deg
        """
        from grad300_sdk.fits import read_table

        return self._read(send, read_table, cached)

    @endpoint("GET")
    def fits(self, send: Sender, *, cached: bool = False) -> Flow[HDUList]:
        """Return the file as FITS.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``.

        Parameters
        ----------
        cached : bool
            Whether to read the file in the cache, which `local_path` downloads and revalidates;
            without a network, the file there is read as it is.

        Returns
        -------
        astropy.io.fits.HDUList
            The file, its cards repaired, all of it in memory.

        Raises
        ------
        DecodeError
            If the file can't be read.

        Warns
        -----
        Grad300Warning
            If the file is broken, and only a part of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     image = client.scans["Images"][1].file.fits()
        ...     print(image[0].header["CTYPE1"], image[0].data.ndim)
        RA 2
        """
        from grad300_sdk.fits import read_fits

        return self._read(send, read_fits, cached)

    @endpoint("GET")
    def plot(
        self, send: Sender, *, figure: Figure | None = None, cached: bool = False
    ) -> Flow[Figure]:
        """Return a picture of what is in the file.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``. `grad300_sdk.quicklook.plot` draws it.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            The figure to draw in; by default, a new one.
        cached : bool
            Whether to read the file in the cache, as `open` does.

        Returns
        -------
        matplotlib.figure.Figure
            The figure. A notebook shows a new one by itself; ``savefig`` writes it to a file.

        Raises
        ------
        ImportError
            If matplotlib is not installed; the extra ``plot`` installs it.
        TypeError
            If the file holds neither an image nor a table of the telescope, or if `figure` is not
            a figure, before anything is sent.
        DecodeError
            If what the server sent can't be read.

        Warns
        -----
        Grad300Warning
            If the file is broken, and only a part of it could be read.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     figure = client.scans["TPI"][1].file.plot()
        >>> figure.axes[0].get_ylabel()
        'Power (ct)'
        """
        from grad300_sdk.quicklook import check_figure, plot

        check_figure(figure)
        return plot((yield from self.open.flow(cached=cached)), figure=figure)

    @iterator("GET")
    def stream(self, send: Sender) -> ItemsFlow[bytes]:
        """Yield the bytes of the file, in the pieces in which they arrive.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``. The connection is in use until the
        iteration ends, or the iterator is closed.

        Yields
        ------
        bytes
            The next piece.

        Raises
        ------
        NotFoundError
            If the archive does not have the scan.
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
        """Save the file in a folder, as the server sends it, and return its path.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``. The body goes into a hidden file,
        which is moved into place when it is complete, so an incomplete file never has its name.
        After an interruption, the next call resumes if the server can prove that the file is the
        same.

        Parameters
        ----------
        destination_dir : str or Path
            The folder, which is created if it does not exist.
        file_name : str, optional
            The name of the file; by default the name that the server gives it, or else
            ``{scan_type}_{scan_id}.fits``.
        overwrite : bool
            Whether an existing file of that name is replaced.
        progress : callable or bool, optional
            True for a progress bar (it needs the extra ``progress``), False for none; by default
            a bar is shown on a terminal or in a notebook if that extra is installed. A callable
            is called with the number of bytes that have arrived, and with the size of the file,
            or None where the server does not say it.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        FileExistsError
            If a file of that name exists, and `overwrite` is not set.
        DownloadError
            If the body is cut, or is not a FITS file.
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
        from grad300_sdk.downloads import Download, fallback_name

        download = Download(
            f"{self.client.base_api_url}{self.path}",
            destination_dir,
            fallback_name(**self._variables),
            file_name=file_name,
            overwrite=overwrite,
            progress=progress,
        )
        return download.flow(send)

    @endpoint("GET")
    def local_path(self, send: Sender) -> Flow[Path]:
        """Return the path of the file in a cache on this machine, downloaded at its first use.

        Sends ``GET /scans/{scan_type}/{scan_id}/download``, at most once in a process; for a file
        in the cache it only asks whether that has changed, by its ``ETag``. If the server can't
        be reached, the file in the cache is used as it is.

        Returns
        -------
        Path
            The file, to be read and not to be changed. ``grad300_sdk.cache`` returns the folder
            and the size of the cache, and clears it.

        Raises
        ------
        DownloadError
            If the body is cut, or is not a FITS file.
        OSError
            If the cache can't be written.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     file = client.scans["TPI"][1].file
        ...     print(file.local_path().read_bytes() == file.get())
        True
        """
        return self._download_to_cache(send)

    def _download_to_cache(self, send: Sender) -> Flow[Path]:
        from grad300_sdk.cache import CachedDownload

        return CachedDownload(self.client.base_api_url, **self._variables).flow(send)

    def _read(self, send: Sender, read: Callable[[bytes], T], cached: bool) -> Flow[T]:
        """Read the file in the cache, or what the server sends."""
        if cached:
            from grad300_sdk.local_files import parse

            return parse((yield from self._download_to_cache(send)), read)
        response = yield from send.response()
        try:
            return read(response.content)
        except DecodeError as error:
            reason = str(error)
        # Not within `except`: that error may quote a secret, and would be this one's context.
        kind = excerpt(response.headers.get("Content-Type", "no content type"))
        raise decode_error(response, f"{kind}: {reason}")
