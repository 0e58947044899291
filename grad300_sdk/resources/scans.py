"""``/scans``: the four kinds of scans, their listings, and single scans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NoReturn, SupportsIndex, TypeAlias

from grad300_sdk.engine import Flow, ItemsFlow, M, Node, Sender, endpoint, iterator
from grad300_sdk.engine.client import check_whole
from grad300_sdk.filters import DateLike, Filters
from grad300_sdk.records import ScanType
from grad300_sdk.resources.files import ScanFile
from grad300_sdk.resources.paging import Row, Search, Walk
from grad300_sdk.settings import setting

__all__ = ["Scan", "ScanCollection", "Scans"]

ScanTypeLike: TypeAlias = ScanType | Literal["TPI", "Images", "Spectrum", "OnOff"]


class Scan(Node[M], template="{+parent}{scan_id}"):
    """One scan."""

    scan_id: int

    @property
    def file(self) -> ScanFile[M]:
        """The FITS file of the scan."""
        return ScanFile(self)

    @endpoint("GET")
    def get(self, send: Sender) -> Flow[Row]:
        """Get what the archive knows of the scan.

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
        return (yield from send.json(dict[str, Any]))


class ScanCollection(Node[M], template="{+parent}/{scan_type}/"):
    """The scans of one type."""

    scan_type: ScanType

    @endpoint("GET")
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
            How many scans to pass over.
        limit : int, optional
            How many scans to ask for; `conf.default_page_size` if not given. The server may give
            fewer.
        source : str, optional
            What the name of the source has in it; upper and lower case are alike.
        scan_name : str, optional
            What the name of the file has in it; upper and lower case are alike.
        date_from, date_to : datetime, date, str or Time, optional
            The earliest and the latest date, both included. A datetime without an offset is UTC;
            a day without a time, as `date_to`, means its end.

        Returns
        -------
        list of dict
            The page. The server's own filtering is not checked; `search` does that.

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
        params = {
            "offset": check_whole("offset", offset, 0),
            "limit": check_whole("limit", limit, 1),
            **Filters.check(source, scan_name, date_from, date_to).params,
        }
        return (yield from send.json(list[Any], params=params))

    @iterator("GET")
    def search(
        self,
        send: Sender,
        *,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> ItemsFlow[Row]:
        """Iterate over the scans that match, whatever number of pages that takes.

        Sends ``GET /scans/{scan_type}/``, once a page. Pages are asked for as they are needed,
        and the further the iteration goes, the more of them ahead: at most as many as the client
        has connections.

        Parameters
        ----------
        source : str, optional
            What the name of the source has in it; upper and lower case are alike.
        scan_name : str, optional
            What the name of the file has in it; upper and lower case are alike.
        date_from, date_to : datetime, date, str or Time, optional
            The earliest and the latest date, both included. A datetime without an offset is UTC;
            a day without a time, as `date_to`, means its end.
        page_size : int, optional
            How many scans to ask for at once; `conf.default_page_size` if not given.
        max_results : int, optional
            The most scans to give.

        Yields
        ------
        dict
            A scan, as the server sends it; each once, in the server's order.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, at the call, before anything is sent.

        Warns
        -----
        Grad300Warning
            If the server repeats its rows whatever the offset, so that some may be missing.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     names = [scan["object"] for scan in client.scans["TPI"].search(source="SUN")]
        ...     set(names)
        {'sun'}
        """
        search = Search.check(source, scan_name, date_from, date_to, page_size, max_results)
        yield from self._walk(search).flow(self.client.session)

    def __getitem__(self, scan_id: SupportsIndex) -> Scan[M]:
        if isinstance(scan_id, slice):
            raise TypeError("scans have ids, not positions; use search(max_results=...) for some")
        return Scan(self, scan_id=check_whole("scan_id", scan_id, 0))

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} is on the server; use its search() to iterate over the scans")

    def __contains__(self, scan: object) -> NoReturn:
        raise TypeError(f"{self!r} is on the server; use its search() to look for scans")

    def _walk(self, search: Search, found: int = 0, **label: str) -> Walk:
        """Make the walk through this listing, after so many scans found in others."""
        filters = search.filters

        def fetch(offset: int) -> Flow[list[Row]]:
            return self.get.flow(
                offset=offset,
                limit=search.page_size,
                source=filters.source,
                scan_name=filters.scan_name,
                date_from=filters.date_from,
                date_to=filters.date_to,
            )

        return Walk(search, fetch, self.client.max_connections, label, found)


class Scans(Node[M], template="{+parent}/scans"):
    """The scans of all types."""

    @iterator("GET", "/{scan_type}/")
    def search(
        self,
        send: Sender,
        *,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: DateLike | None = None,
        date_to: DateLike | None = None,
        page_size: int | None = None,
        max_results: int | None = None,
    ) -> ItemsFlow[Row]:
        """Iterate over the scans of all four types that match, one type after the other.

        Sends ``GET /scans/{scan_type}/``, once a page.

        Parameters
        ----------
        source, scan_name, date_from, date_to, page_size
            As for ``client.scans["TPI"].search``.
        max_results : int, optional
            The most scans to give, over all types.

        Yields
        ------
        dict
            A scan, as the server sends it, with its ``scan_type`` added.

        Raises
        ------
        ValueError, TypeError
            If an argument is wrong, at the call, before anything is sent.

        Warns
        -----
        Grad300Warning
            If the server repeats its rows whatever the offset, so that some may be missing.

        Examples
        --------
        >>> with Client(sandbox.url, user=sandbox.user, password=sandbox.password) as client:
        ...     sorted({scan["scan_type"] for scan in client.scans.search()})
        ['Images', 'OnOff', 'Spectrum', 'TPI']
        """
        search = Search.check(source, scan_name, date_from, date_to, page_size, max_results)
        found = 0
        for scan_type in self:
            walk = self[scan_type]._walk(search, found, scan_type=scan_type.value)
            yield from walk.flow(self.client.session)
            found = walk.found
            if found == max_results:
                return

    def __getitem__(self, scan_type: ScanTypeLike) -> ScanCollection[M]:
        return ScanCollection(self, scan_type=ScanType(scan_type))

    def __iter__(self) -> Iterator[ScanType]:
        return iter(ScanType)
