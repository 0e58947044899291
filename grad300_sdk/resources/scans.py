"""``/scans``: the four kinds of scans, their listings, and single scans."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    SupportsIndex,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
)

from msgspec.structs import replace

from grad300_sdk.engine import (
    Flow,
    ItemsFlow,
    M,
    Node,
    Send,
    Sender,
    check_integer,
    child,
    decode_error,
    decode_json,
    endpoint,
    iterator,
    redact,
)
from grad300_sdk.errors import DecodeError
from grad300_sdk.filters import DateLike, Filters, to_utc
from grad300_sdk.pages import Page, PageReader, RecordReader, RowReader, Rows, Selectable
from grad300_sdk.records import ScanRecord, ScanType, drop_faults, make_record
from grad300_sdk.resources.files import ScanFile
from grad300_sdk.resources.paging import (
    PageSizes,
    Paginator,
    Row,
    Search,
    fetch_all,
    iterate,
)
from grad300_sdk.resources.watching import Watch
from grad300_sdk.settings import setting

if TYPE_CHECKING:
    from astropy.table import Table

    from grad300_sdk.downloads import Progress
    from grad300_sdk.tables import ScanTable

__all__ = ["ListingOptions", "Scan", "ScanCollection", "Scans", "describe_listing"]

S = TypeVar("S", bound=Selectable)
# Names that other interfaces have for these parameters.
_SYNONYMS = {"limit": "max_results", "name": "scan_name", "object": "source"}
_WATCH_SYNONYMS = {
    "date_from": "since",
    "interval": "every",
    "name": "scan_name",
    "object": "source",
}
ScanTypeLike: TypeAlias = ScanType | Literal["TPI", "Images", "Spectrum", "OnOff"]


class ListingOptions(TypedDict, total=False):
    """The arguments of `ScanCollection.search`, `records` and `table`."""

    source: str | None
    scan_name: str | None
    date_from: DateLike | None
    date_to: DateLike | None
    page_size: int | None
    max_results: int | None


class Scan(Node[M], template="{+parent}{scan_id}"):
    """One scan."""

    scan_id: int

    @property
    def scan_type(self) -> ScanType:
        """The type of the scan."""
        return cast("ScanCollection[M]", self.parent).scan_type

    file = child(ScanFile[M])

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[Row]:
        """Get the scan.

        Sends ``GET /scans/{scan_type}/{scan_id}``.

        Returns
        -------
        dict
            The scan, as the server sends it.

        Raises
        ------
        NotFoundError
            If there is no such scan.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     for row in client.scans["Images"].search(max_results=1):
        ...         client.scans["Images"][row["id"]].get() == row
        True
        """
        return send.json(dict[str, Any])

    @endpoint("GET")
    def record(self, send: Sender) -> Flow[ScanRecord]:
        """Get the scan as a record.

        Sends ``GET /scans/{scan_type}/{scan_id}``.

        Returns
        -------
        ScanRecord
            The scan; its dates are datetimes in UTC.

        Raises
        ------
        NotFoundError
            If there is no such scan.
        DecodeError
            If the scan lacks an id or a file name, or has a value of a wrong type.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     record = client.scans["TPI"][1].record()
        ...     print(record.source, record.date.isoformat())
        sun 2025-01-30T09:30:00+00:00
        """
        response = yield from send.response(expects_json=True)
        row = decode_json(response, dict[str, Any])
        try:
            return make_record(row, self.scan_type)
        except DecodeError as error:
            raise decode_error(response, f"a bad row: {error}") from None


class Listing(Node[M], ABC):
    """Scans that can be listed: those of one type, or of all types."""

    @property
    def _type(self) -> ScanType | None:
        return None

    def _search(self, send: Sender, **options: Unpack[ListingOptions]) -> ItemsFlow[Row]:
        """Iterate over all scans that match, page by page.

        Sends ``GET /scans/{scan_type}/``, once for each page. A page is requested when it is
        needed. The further the iteration goes, the more pages are requested ahead, up to the
        number of the client's connections.

        Parameters
        ----------
        source : str, optional
            A part of the source's name, in upper or lower case.
        scan_name : str, optional
            A part of the file's name, in upper or lower case.
        date_from, date_to : datetime, date, str or Time, optional
            The earliest and the latest date, both included. A datetime without an offset is in
            UTC. If `date_to` is only a day, that whole day is included.
        page_size : int, optional
            How many scans to fetch in one request; ``conf.default_page_size`` by default.
        max_results : int, optional
            The number of scans after which the search stops; by default, it finds all.

        Yields
        ------
        dict
            A scan as the server sends it. Each scan comes once, in the server's order. With
            ``client.scans.search``, each scan has its ``scan_type``, and the types follow one
            another.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong; the call raises it, before anything is sent.

        Warns
        -----
        Grad300Warning
            If the server ignores the offset and repeats a page of ten rows or more, so that scans
            may be missing.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     names = [scan["object"] for scan in client.scans["TPI"].search(source="SUN")]
        ...     set(names)
        {'sun'}
        """
        search = Search.from_arguments(**options)
        for paginator in self._paginators(search, RowReader):
            yield from iterate(paginator, self._sizes)

    def _records(self, send: Sender, **options: Unpack[ListingOptions]) -> Flow[list[ScanRecord]]:
        """List the scans that match, as records.

        Sends ``GET /scans/{scan_type}/``, once for each page and several at once.

        Parameters
        ----------
        source, scan_name, date_from, date_to, page_size, max_results
            As for `search`.

        Returns
        -------
        list of ScanRecord
            The scans, in the server's order.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, before anything is sent.

        Warns
        -----
        Grad300Warning
            If rows are left out because they lack an id or a file name, or have a value of a wrong
            type. Or if the server ignores the offset and repeats a page of ten rows or more.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     records = client.scans["TPI"].records(source="casa", max_results=2)
        ...     [record.source for record in records]
        ['casa', 'casa']
        """
        search = Search.from_arguments(**options)
        pages, _ = yield from self._fetch_all(search, RecordReader)
        return drop_faults(record for page in pages for record in page)

    def _table(self, send: Sender, **options: Unpack[ListingOptions]) -> Flow[ScanTable]:
        """List the scans that match, as a table.

        Sends ``GET /scans/{scan_type}/``, once for each page and several at once.

        Parameters
        ----------
        source, scan_name, date_from, date_to, page_size, max_results
            As for `search`.

        Returns
        -------
        astropy.table.Table
            One row for each scan, in the server's order: right ascension in ``conf.ra_unit``,
            declination in degrees, sizes in bytes, dates as `~astropy.time.Time` in UTC, missing
            values masked. Its ``meta`` holds the query, and ``meta["truncated"]`` tells whether
            the server repeated its rows, so that some may be missing.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, before anything is sent.

        Warns
        -----
        Grad300Warning
            If rows are left out because they lack an id or a file name, or have a value of a wrong
            type. Or if the server ignores the offset and repeats a page of ten rows or more.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     table = client.scans["TPI"].table(source="casa", max_results=2)
        ...     print(table["dec"].unit, table["date"].scale, len(table))
        deg utc 2
        """
        search = Search.from_arguments(**options)
        from grad300_sdk.columns import ColumnReader
        from grad300_sdk.tables import join_pages

        pages, truncated = yield from self._fetch_all(search, ColumnReader)
        meta = describe_listing(self, search.arguments, truncated)
        return join_pages(pages, self._type, meta)

    def _watch(
        self,
        send: Sender,
        *,
        every: float = 60.0,
        since: DateLike | None = None,
        source: str | None = None,
        scan_name: str | None = None,
    ) -> ItemsFlow[Row]:
        """Iterate over new scans without an end: look at the listing again and again.

        Sends ``GET /scans/{scan_type}/``, once for each page, at every look. If the server can't
        be reached, is restarted, or fails temporarily, the next look follows as if nothing had
        happened; wrong credentials and other errors end the iteration. No connection is in use
        between two looks.

        Parameters
        ----------
        every : float
            How many seconds to wait after each look.
        since : datetime, date, str or Time, optional
            The earliest date of a scan. The scans since then that are in the archive already come
            first. By default, only scans that are not there at the first look are new.
        source : str, optional
            A part of the source's name, in upper or lower case.
        scan_name : str, optional
            A part of the file's name, in upper or lower case.

        Yields
        ------
        dict
            A new scan as the server sends it, as soon as a look finds it. Each scan comes once, in
            the server's order. With ``client.scans.watch``, each also has its ``scan_type``.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong; the call raises it, before anything is sent.
        AuthenticationError, Grad300APIError
            If the server rejects the credentials, or answers with a status below 500 other than
            408 and 429.
        TransportError
            If the failure is not temporary, such as a refused certificate.
        DecodeError
            If the first look finds no listing. Later it is taken for an outage.

        Notes
        -----
        Scans are told apart by their type and id; a row without an id is left out. A look asks for
        the scans that are at most seven days older than the newest one. One that is inserted with
        an older date, or with none, is found by a look at the whole listing, once a day.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     for scan in client.scans["TPI"].watch(every=600, since="2025-01-30", source="sun"):
        ...         print(scan["object"], scan["date"])
        ...         break
        sun 2025-01-30T09:30:00
        """
        search = Search.from_arguments(source=source, scan_name=scan_name)
        start = None if since is None else to_utc("since", since)
        watch = Watch(replace(search.filters, date_from=start), every)

        def paginators(filters: Filters) -> Iterator[Paginator[Rows[Row]]]:
            return self._paginators(replace(search, filters=filters), RowReader)

        return watch.flow(paginators, self._sizes)

    @abstractmethod
    def _paginators(
        self, search: Search, reader: Callable[..., PageReader[S]]
    ) -> Iterator[Paginator[S]]:
        """Yield the paginators of the listings, each made when the one before it has ended."""

    def _fetch_all(
        self, search: Search, reader: Callable[..., PageReader[S]]
    ) -> Flow[tuple[list[S], bool]]:
        """Return the pages of all listings, and whether the server repeated itself."""
        paginators = self._paginators(search, reader)
        # Listings are fetched together, unless a limit may leave nothing for the later ones.
        together = [list(paginators)] if search.max_results is None else ([p] for p in paginators)
        pages: list[S] = []
        truncated = False
        for some in together:
            pages += yield from fetch_all(some, self._sizes, self.client.max_connections)
            truncated |= any(paginator.is_truncated for paginator in some)
        return pages, truncated

    @property
    def _sizes(self) -> PageSizes:
        return cast("PageSizes", self.client)


class ScanCollection(Listing[M], template="{+parent}/{scan_type}/"):
    """The scans of one type."""

    scan_type: ScanType

    @endpoint("GET", synonyms={"max_results": "limit", "page_size": "limit"})
    def get(
        self,
        send: Sender,
        *,
        offset: int = 0,
        limit: int | None = None,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
    ) -> Flow[list[Row]]:
        """Get one page of the listing, as the server sends it.

        Sends ``GET /scans/{scan_type}/``.

        Parameters
        ----------
        offset : int
            How many scans to skip.
        limit : int, optional
            How many scans to ask for; ``conf.default_page_size`` by default. The server may send
            fewer.
        source : str, optional
            A part of the source's name, in upper or lower case.
        scan_name : str, optional
            A part of the file's name, in upper or lower case.
        date_from, date_to : datetime, date, str or Time, optional
            The earliest and the latest date, both included. A datetime without an offset is in
            UTC. If `date_to` is only a day, that whole day is included.

        Returns
        -------
        list of dict
            The page. Unlike `search`, this call relies on the server to apply the filters.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, before anything is sent.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     len(client.scans["TPI"].get(limit=3))
        3
        """
        if limit is None:
            limit = setting("default_page_size")
        params = _page_params(
            check_integer("offset", offset, 0),
            check_integer("limit", limit, 1),
            Filters.from_arguments(source, scan_name, date_from, date_to),
        )
        return send.json(list[Any], params=params)

    search = iterator("GET", synonyms=_SYNONYMS)(Listing._search)
    records = endpoint("GET", synonyms=_SYNONYMS)(Listing._records)
    table = endpoint("GET", synonyms=_SYNONYMS)(Listing._table)
    watch = iterator("GET", synonyms=_WATCH_SYNONYMS)(Listing._watch)

    def __getitem__(self, scan_id: SupportsIndex) -> Scan[M]:
        if isinstance(scan_id, slice):
            raise TypeError("scans have ids, not positions; use search(max_results=...) for some")
        if _is_row(scan_id):
            raise TypeError("scans have integer ids; of a row or a record, pass its id")
        return Scan(self, scan_id=check_integer("scan_id", scan_id, 0))

    @property
    def _type(self) -> ScanType:
        return self.scan_type

    def _paginators(
        self, search: Search, reader: Callable[..., PageReader[S]]
    ) -> Iterator[Paginator[S]]:
        yield self._paginator(search, reader(self.scan_type, search.filters))

    def _paginator(self, search: Search, reader: PageReader[S], found: int = 0) -> Paginator[S]:
        def fetch(offset: int) -> Flow[Page[S]]:
            params = _page_params(offset, search.page_size, search.filters)
            response = yield Send(method="GET", path=self.path, params=params, expects_json=True)
            return reader.read(partial(decode_json, response), partial(redact, response))

        return Paginator(search, fetch, self.client.max_connections, found)


class Scans(Listing[M], template="{+parent}/scans"):
    """The scans of all types."""

    search = iterator("GET", "/{scan_type}/", for_each=("scan_type",), synonyms=_SYNONYMS)(
        Listing._search
    )
    records = endpoint("GET", "/{scan_type}/", for_each=("scan_type",), synonyms=_SYNONYMS)(
        Listing._records
    )
    table = endpoint("GET", "/{scan_type}/", for_each=("scan_type",), synonyms=_SYNONYMS)(
        Listing._table
    )
    watch = iterator("GET", "/{scan_type}/", for_each=("scan_type",), synonyms=_WATCH_SYNONYMS)(
        Listing._watch
    )

    @endpoint("GET", "/{scan_type}/{scan_id}/download", for_each=("scan_type", "scan_id"))
    def download(
        self,
        send: Sender,
        rows: Iterable[object],
        destination_dir: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        max_concurrency: int | None = None,
        progress: Progress | bool | None = None,
        layout: str = "{file_name}",
        dry_run: bool = False,
    ) -> Flow[Table]:
        """Save the files of many scans in a folder, several at once.

        Sends ``GET /scans/{scan_type}/{scan_id}/download`` for each file that is not there yet.
        Repeat the call to resume what was interrupted or failed.

        Parameters
        ----------
        rows : Table or iterable
            The scans: a table of them, or table rows, records, mappings (with ``scan_type`` and
            ``id``) or nodes like ``client.scans["TPI"][42]``, whose records are fetched first.
        destination_dir : str or Path
            The folder, which is created if it does not exist.
        overwrite : bool
            Whether an existing file is replaced if it has another size than the listing says.
        max_concurrency : int, optional
            The maximum number of files to download at once; by default, the number of the client's
            connections.
        progress : callable or bool, optional
            True for a progress bar (it needs the extra ``progress``), False for none; by default
            a bar is shown on a terminal or in a notebook if that extra is installed. A callable
            is called with the number of bytes that have arrived, and with their total, or None
            where it is not known.
        layout : str
            Where each file goes below `destination_dir`. A field is any column of the rows;
            dates take a format: ``"{source}/{date:%Y/%m}/{file_name}"``. With
            ``"{file_path}/{file_name}"``, the folders are those of the archive. Each part is made
            safe as a name; a value that is missing becomes ``unknown``.
        dry_run : bool
            Whether to return what would happen, without requesting or writing a file.

        Returns
        -------
        astropy.table.Table
            One row for each scan, in the order of `rows`: ``scan_type``, ``id``, ``file_name``,
            ``path``, ``size`` (in bytes), ``status`` and ``error``. The status is ``saved``
            (``would save`` in a dry run); ``skipped`` if a file of the listing's size is there
            already, for which nothing is sent; or ``failed``, and ``error`` then says why. Files
            whose paths collide are saved as ``{stem}_{scan_type}_{scan_id}.fits``.

        Raises
        ------
        TypeError, ValueError
            If an argument or a row is wrong, or the layout names a column that no row has,
            before anything is sent.
        NotADirectoryError
            If `destination_dir` is a file.

        Notes
        -----
        The failure of one file does not affect the others. If the server rejects the credentials,
        or nothing can be written to the folder, all remaining files fail, and nothing more is
        sent.

        Examples
        --------
        >>> import tempfile
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client,
        ... ):
        ...     table = client.scans["Images"].table(max_results=3)
        ...     report = client.scans.download(table, folder)
        ...     again = client.scans.download(table, folder)
        ...     print(*{*report["status"]}, *{*again["status"]})
        saved skipped
        """
        from grad300_sdk.downloads import BulkDownload

        download = BulkDownload(
            rows,
            destination_dir,
            client=self.client,
            find_scan=lambda scan_type, scan_id: self[scan_type][scan_id],
            overwrite=overwrite,
            max_concurrency=max_concurrency,
            progress=progress,
            layout=layout,
            dry_run=dry_run,
        )
        return download.flow()

    def __getitem__(self, scan_type: ScanTypeLike) -> ScanCollection[M]:
        if _is_row(scan_type):
            valid = ", ".join(repr(valid.value) for valid in ScanType)
            raise ValueError(
                f"a row or a record is not a scan type; the scan types are {valid}; for its scan, "
                "write client.scans[row['scan_type']][row['id']]"
            )
        return ScanCollection(self, scan_type=ScanType(scan_type))

    def __iter__(self) -> Iterator[ScanType]:
        return iter(ScanType)

    def __contains__(self, scan_type: object) -> bool:
        return scan_type in list(ScanType)

    def _ipython_key_completions_(self) -> list[str]:
        return [scan_type.value for scan_type in self]

    def _paginators(
        self, search: Search, reader: Callable[..., PageReader[S]]
    ) -> Iterator[Paginator[S]]:
        found = 0
        for scan_type in self:
            if found == search.max_results:
                return
            pages = reader(scan_type, search.filters, is_labelled=True)
            paginator = self[scan_type]._paginator(search, pages, found)
            yield paginator
            found = paginator.found


def _is_row(key: object) -> bool:
    """Return whether a key is what describes a scan, or many: a table has column names too."""
    return isinstance(key, ScanRecord | Mapping) or hasattr(key, "colnames")


def _page_params(offset: int, limit: int, filters: Filters) -> dict[str, Any]:
    return {"offset": offset, "limit": limit, **filters.params}


def describe_listing(
    node: Node[Any], arguments: Mapping[str, Any], truncated: bool = False
) -> dict[str, Any]:
    """Return what was asked, of which server and when, in values that every format can hold."""
    return {
        "server": node.client.base_api_url,
        "path": node.path,
        **{
            name: value if isinstance(value, int) else str(value)
            for name, value in arguments.items()
            if value is not None
        },
        "retrieved": datetime.now(UTC).isoformat(timespec="seconds"),
        "truncated": truncated,
    }
