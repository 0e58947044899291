"""The flat client, for scripts that were written for one: each method is a line on the tree."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grad300_sdk.client import Client
from grad300_sdk.filters import DateLike
from grad300_sdk.records import ScanRecord, ScanType, make_records
from grad300_sdk.resources.scans import ScanCollection, Scans, describe_listing

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.table import Row, Table

    from grad300_sdk.engine import Sync

__all__ = ["Grad300", "Grad300Client"]


class Grad300Client(Client):
    """A blocking client with flat methods besides the tree.

    It takes the parameters of `Client`. Made with `user` and `password`, it logs in at once.
    Wherever a scan type may be None, that means all four.

    Raises
    ------
    AuthenticationError
        If the log-in fails.

    Examples
    --------
    >>> with Grad300Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     scans = client.query_source("casa", scan_type="TPI", max_results=2)
    ...     data = client.download(scans[0])
    ...     print(len(scans), data["JD"].unit)
    2 d
    """

    _logs_in_at_once = True

    def list(
        self,
        scan_type: ScanType | str,
        *,
        offset: int = 0,
        limit: int | None = None,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
    ) -> Table:
        """Get one page of a listing as a table.

        The parameters are those of ``client.scans[scan_type].get``, and so is the request.
        """
        from grad300_sdk.tables import make_table

        scans = self.scans[ScanType(scan_type)]
        asked: dict[str, Any] = {
            "offset": offset,
            "limit": limit,
            "source": source,
            "scan_name": scan_name,
            "date_from": date_from,
            "date_to": date_to,
        }
        return make_table(scans.get(**asked), scans.scan_type, describe_listing(scans, asked))

    def list_records(
        self,
        scan_type: ScanType | str,
        *,
        offset: int = 0,
        limit: int | None = None,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
    ) -> builtins.list[ScanRecord]:
        """Get one page of a listing as records, as `list` does."""
        scans = self.scans[ScanType(scan_type)]
        rows = scans.get(
            offset=offset,
            limit=limit,
            source=source,
            scan_name=scan_name,
            date_from=date_from,
            date_to=date_to,
        )
        return make_records(rows, scans.scan_type)

    def query(
        self,
        *,
        scan_type: ScanType | str | None = None,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """List the scans that match as a table, as ``client.scans.table`` does."""
        return self._scans_of(scan_type).table(
            source=source,
            scan_name=scan_name,
            date_from=date_from,
            date_to=date_to,
            page_size=page_size,
            max_results=max_results,
        )

    def query_records(
        self,
        *,
        scan_type: ScanType | str | None = None,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> builtins.list[ScanRecord]:
        """List the scans that match as records, as ``client.scans.records`` does."""
        return self._scans_of(scan_type).records(
            source=source,
            scan_name=scan_name,
            date_from=date_from,
            date_to=date_to,
            page_size=page_size,
            max_results=max_results,
        )

    def query_source(
        self,
        source: str,
        *,
        scan_type: ScanType | str | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """List the scans whose source's name has this in it."""
        return self.query(
            source=source, scan_type=scan_type, page_size=page_size, max_results=max_results
        )

    def query_scan_name(
        self,
        scan_name: str,
        *,
        scan_type: ScanType | str | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """List the scans whose file's name has this in it."""
        return self.query(
            scan_name=scan_name, scan_type=scan_type, page_size=page_size, max_results=max_results
        )

    def query_date_range(
        self,
        *,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        scan_type: ScanType | str | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """List the scans between two dates, both included."""
        return self.query(
            date_from=date_from,
            date_to=date_to,
            scan_type=scan_type,
            page_size=page_size,
            max_results=max_results,
        )

    def download(
        self,
        record: ScanRecord | Mapping[str, Any] | Row,
        *,
        destination_dir: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Table | HDUList | Path:
        """Download the file of a scan: read it, or save it where a folder is given.

        Parameters
        ----------
        record : ScanRecord, mapping or table row
            The scan: its ``scan_type`` and ``id``, and its ``file_name`` where it has one.
        destination_dir : str or Path, optional
            The folder; it is made if it is missing.
        overwrite : bool
            Whether a file of that name is replaced.

        Returns
        -------
        astropy.table.Table or astropy.io.fits.HDUList or Path
            What ``file.open()`` gives; with `destination_dir`, the file.

        Raises
        ------
        TypeError
            If the record does not say its ``scan_type`` or its ``id``.
        FileExistsError
            If there is a file of that name, and `overwrite` is not set.
        """
        from grad300_sdk.downloads import DownloadItem, log_stale_sizes

        item = DownloadItem.from_row(record)
        result = self.download_by_id(
            scan_type=item.scan_type,
            scan_id=item.scan_id,
            destination_dir=destination_dir,
            file_name=item.file_name,
            overwrite=overwrite,
        )
        if isinstance(result, Path):
            item.path, item.size = result, result.stat().st_size
            log_stale_sizes([item])
        return result

    def download_by_id(
        self,
        *,
        scan_type: ScanType | str,
        scan_id: int,
        destination_dir: str | os.PathLike[str] | None = None,
        file_name: str | None = None,
        overwrite: bool = False,
    ) -> Table | HDUList | Path:
        """Download the file of the scan with this id, as `download` does."""
        file = self.scans[ScanType(scan_type)][scan_id].file
        if destination_dir is None:
            return file.open()
        return file.save(destination_dir, file_name=file_name, overwrite=overwrite)

    def download_by_scan_name(
        self,
        scan_name: str,
        *,
        scan_type: ScanType | str | None = None,
        destination_dir: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Table | HDUList | Path:
        """Download the file with just this name, as `download` does.

        Raises
        ------
        LookupError
            If no file, or more than one, has that name.
        """
        records = self.query_records(scan_name=scan_name, scan_type=scan_type)
        found = [record for record in records if record.file_name == scan_name]
        if len(found) != 1:
            raise LookupError(
                f"{len(found) or 'no'} scans have the file name {scan_name!r}, where one is "
                "needed; query_scan_name() lists those that are near"
            )
        return self.download(found[0], destination_dir=destination_dir, overwrite=overwrite)

    def test_token(self) -> dict[str, Any]:
        """See whose token this client uses, as ``client.login.test_token`` does."""
        return self.login.test_token()

    def _scans_of(self, scan_type: ScanType | str | None) -> Scans[Sync] | ScanCollection[Sync]:
        return self.scans if scan_type is None else self.scans[ScanType(scan_type)]


class Grad300(Grad300Client):
    """`Grad300Client` under a shorter name."""
