"""The flat client, for existing scripts: each method is a short call on the tree."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grad300_sdk.client import Client
from grad300_sdk.engine import decode_json, public, redact
from grad300_sdk.filters import DateLike
from grad300_sdk.records import ScanRecord, ScanType, make_records
from grad300_sdk.resources.scans import ScanCollection, Scans, describe_listing

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.table import Row, Table

    from grad300_sdk.engine import Sync

__all__ = ["Grad300", "Grad300Client"]


class Grad300Client(Client):
    """A synchronous client that has flat methods in addition to the tree.

    It takes the parameters of `Client`. If you pass `user` and `password`, it logs in immediately.
    A ``scan_type`` of None selects all four types.

    Raises
    ------
    AuthenticationError
        If the login fails.

    Examples
    --------
    >>> with Grad300Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
    ...     scans = client.query_source("casa", scan_type="TPI", max_results=2)
    ...     data = client.download(scans[0])
    ...     print(len(scans), data["JD"].unit)
    2 d
    """

    _logs_in_on_creation = True

    @public
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
        """Return one page of a listing as a table.

        Takes the parameters of ``client.scans[scan_type].get`` and sends the same request.
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
        response = scans.get.response(**asked)
        rows = decode_json(response, list[Any])
        meta = describe_listing(scans, asked)
        return make_table(rows, scans.scan_type, meta, partial(redact, response))

    @public
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
        """Return one page of a listing as records, with the parameters of `list`."""
        scans = self.scans[ScanType(scan_type)]
        response = scans.get.response(
            offset=offset,
            limit=limit,
            source=source,
            scan_name=scan_name,
            date_from=date_from,
            date_to=date_to,
        )
        rows = decode_json(response, list[Any])
        return make_records(rows, scans.scan_type, partial(redact, response))

    @public
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
        """Return the scans that match as a table, like ``client.scans.table``."""
        return self._scans_of(scan_type).table(
            source=source,
            scan_name=scan_name,
            date_from=date_from,
            date_to=date_to,
            page_size=page_size,
            max_results=max_results,
        )

    @public
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
        """Return the scans that match as records, like ``client.scans.records``."""
        return self._scans_of(scan_type).records(
            source=source,
            scan_name=scan_name,
            date_from=date_from,
            date_to=date_to,
            page_size=page_size,
            max_results=max_results,
        )

    @public
    def query_source(
        self,
        source: str,
        *,
        scan_type: ScanType | str | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """Return the scans whose source name contains a string."""
        return self.query(
            source=source, scan_type=scan_type, page_size=page_size, max_results=max_results
        )

    @public
    def query_scan_name(
        self,
        scan_name: str,
        *,
        scan_type: ScanType | str | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """Return the scans whose file name contains a string."""
        return self.query(
            scan_name=scan_name, scan_type=scan_type, page_size=page_size, max_results=max_results
        )

    @public
    def query_date_range(
        self,
        *,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        scan_type: ScanType | str | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> Table:
        """Return the scans between two dates, both inclusive."""
        return self.query(
            date_from=date_from,
            date_to=date_to,
            scan_type=scan_type,
            page_size=page_size,
            max_results=max_results,
        )

    @public
    def download(
        self,
        record: ScanRecord | Mapping[str, Any] | Row,
        *,
        destination_dir: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Table | HDUList | Path:
        """Download the file of a scan, and read it or, with `destination_dir`, save it.

        Parameters
        ----------
        record : ScanRecord, mapping or table row
            The scan, with its ``scan_type``, its ``id`` and, optionally, its ``file_name``.
        destination_dir : str or Path, optional
            Folder to save the file in; created if it does not exist.
        overwrite : bool
            Whether to replace an existing file of that name.

        Returns
        -------
        astropy.table.Table or astropy.io.fits.HDUList or Path
            The result of ``file.open()``, or the path of the file with `destination_dir`.

        Raises
        ------
        TypeError
            If the record has no ``scan_type`` or no ``id``.
        FileExistsError
            If a file of that name exists, and `overwrite` is False.
        """
        from grad300_sdk.downloads import DownloadItem, log_stale_sizes

        if hasattr(record, "iterrows"):
            raise TypeError(
                "download() takes one scan, not a table; pass a row, or save all of them with "
                "client.scans.download(table, folder)"
            )
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

    @public
    def download_by_id(
        self,
        *,
        scan_type: ScanType | str,
        scan_id: int,
        destination_dir: str | os.PathLike[str] | None = None,
        file_name: str | None = None,
        overwrite: bool = False,
    ) -> Table | HDUList | Path:
        """Download the file of the scan with an id, like `download`."""
        file = self.scans[ScanType(scan_type)][scan_id].file
        if destination_dir is None:
            return file.open()
        return file.save(destination_dir, file_name=file_name, overwrite=overwrite)

    @public
    def download_by_scan_name(
        self,
        scan_name: str,
        *,
        scan_type: ScanType | str | None = None,
        destination_dir: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Table | HDUList | Path:
        """Download the file with exactly this name, like `download`.

        Raises
        ------
        LookupError
            If no file, or more than one, has that name.
        """
        records = self.query_records(scan_name=scan_name, scan_type=scan_type)
        found = [record for record in records if record.file_name == scan_name]
        if not found:
            raise LookupError(
                f"no scan has the file name {scan_name!r}; use query_scan_name() to search for "
                "similar names"
            )
        if len(found) > 1:
            raise LookupError(
                f"{len(found)} scans have the file name {scan_name!r}; pass a scan_type, or use "
                "download_by_id()"
            )
        return self.download(found[0], destination_dir=destination_dir, overwrite=overwrite)

    @public
    def test_token(self) -> dict[str, Any]:
        """Return the user whose token this client uses, like ``client.login.test_token``."""
        return self.login.test_token()

    def _scans_of(self, scan_type: ScanType | str | None) -> Scans[Sync] | ScanCollection[Sync]:
        return self.scans if scan_type is None else self.scans[ScanType(scan_type)]


class Grad300(Grad300Client):
    """A shorter name for `Grad300Client`."""
