"""Many downloads: which files are requested, which are there already, and a report on each."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import AsyncIterable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from msgspec import Struct

from grad300_sdk.downloads.layout import Layout
from grad300_sdk.downloads.names import (
    check_folder,
    check_unused,
    fallback_name,
    safe_name,
    unique_names,
)
from grad300_sdk.downloads.progress import (
    BulkProgress,
    Progress,
    ProgressBar,
    progress_function,
)
from grad300_sdk.engine import Flow, Gather, Node, RootNode, check_integer, excerpt
from grad300_sdk.engine.errors import AuthenticationError, Error
from grad300_sdk.records import ScanRecord, ScanType

if TYPE_CHECKING:
    from astropy.table import Table


__all__ = ["BulkDownload", "DownloadItem", "ScanNode", "log_stale_sizes"]

_logger = logging.getLogger(__name__)
# Errors that keep every other file from being written too.
_ERRORS_FOR_ALL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
# The columns of every listing.
_COLUMNS = [name for name in ScanRecord.__struct_fields__ if name != "metadata"]
# What a column of a table can hold.
_LARGEST_ID = 2**63 - 1


class ScanNode(Protocol):
    """What is needed of a scan's node; a type checker can't tell calls from their declarations."""

    @property
    def record(self) -> Any:
        """The call that returns the scan's record."""

    @property
    def file(self) -> Any:
        """The node of the scan's file, which has the call `save`."""


ScanFinder: TypeAlias = Callable[[ScanType, int], ScanNode]


class DownloadItem(Struct, eq=False):
    """A file to download, and what came of it.

    Attributes
    ----------
    file_name : str or None
        Its name in the listing, made safe.
    listed_size : int or None
        Its size in the listing.
    is_described : bool
        Whether the name and the size are known as far as they can be.
    place : str or None
        Its path below the folder, as the layout says, once it is described.
    path : Path or None
        Its path.
    size : int or None
        Its size on disk.
    status : str
        ``saved``, ``would save``, ``skipped`` or ``failed``.
    error : str or None
        Why it failed.
    """

    scan_type: ScanType
    scan_id: int
    file_name: str | None = None
    listed_size: int | None = None
    is_described: bool = True
    place: str | None = None
    path: Path | None = None
    size: int | None = None
    status: str = "failed"
    error: str | None = None

    def __post_init__(self) -> None:
        if self.scan_id > _LARGEST_ID:
            raise ValueError(f"id must be at most {_LARGEST_ID}, not {self.scan_id}")

    @classmethod
    def from_row(cls, row: object) -> DownloadItem:
        """Return the item for a record, a mapping or a row of a table.

        Raises
        ------
        TypeError
            If the row has no ``scan_type`` or no ``id``.
        """
        name = _value(row, "file_name")
        return cls(
            ScanType(_required_value(row, "scan_type")),
            check_integer("id", _required_value(row, "id"), 0),
            None if name is None else safe_name(str(name)),
            _size(_value(row, "size")),
        )

    @property
    def fallback(self) -> str:
        """The name of the file if it has no other."""
        return fallback_name(self.scan_type, self.scan_id)

    def field(self, row: object, name: str) -> Any:
        """Return the value for a field of a layout: the item's own, or else that of its row."""
        own = {
            "file_name": self.file_name or self.fallback,
            "scan_type": self.scan_type.value,
            "id": self.scan_id,
        }
        return own[name] if name in own else _value(row, name)


class BulkDownload:
    """The files of many scans on their way into a folder.

    Parameters
    ----------
    rows : iterable
        Records, mappings, rows of a table, or scan nodes.
    folder : str or Path
        The folder to save in.
    client : RootNode
        The client that sends the requests.
    find_scan : callable
        Returns the node of a scan, for its type and its id.
    overwrite : bool
        Whether to replace a file whose size differs from the listing's.
    max_concurrency : int or None
        Maximum number of simultaneous downloads.
    progress : callable, bool or None
        Called with the progress.
    layout : str
        The path of each file below the folder.
    dry_run : bool
        Whether to report what would happen, and to request no file.
    """

    def __init__(
        self,
        rows: Iterable[object],
        folder: str | os.PathLike[str],
        *,
        client: RootNode[Any],
        find_scan: ScanFinder,
        overwrite: bool,
        max_concurrency: int | None,
        progress: Progress | bool | None,
        layout: str,
        dry_run: bool,
    ) -> None:
        self._client = client
        self._find_scan = find_scan
        self._folder = check_folder(folder)
        self._overwrite = overwrite
        limit = client.max_connections if max_concurrency is None else max_concurrency
        self._limit = min(check_integer("max_concurrency", limit, 1), client.max_connections)
        self._report_progress = progress_function(progress)
        self._is_dry_run = dry_run
        self._layout = Layout(layout)
        wanted = list(_iterate(rows))
        if not self._layout.columns.issubset(_COLUMNS):
            further = {name for row in (rows, *wanted) for name in _column_names(row)}
            self._layout.check([*_COLUMNS, *sorted(further.difference(_COLUMNS))])
        self._rows = [self._item(row, index) for index, row in enumerate(wanted)]
        # A scan that is there twice is downloaded once.
        self._items = {(item.scan_type, item.scan_id): item for item in self._rows}
        self._progress: BulkProgress | None = None
        self._error_for_all: Exception | None = None

    def flow(self) -> Flow[Table]:
        """Download the files, and return the report."""
        items = self._items.values()
        try:
            yield from self._for_each(self._describe, [i for i in items if not i.is_described])
            described = [item for item in items if item.is_described]
            places = [cast("str", item.place) for item in described]
            unique = unique_names(places, [item.fallback for item in described])
            for item, place in zip(described, unique, strict=True):
                item.path = self._folder / place
            missing = [item for item in described if not self._is_settled(item)]
            if self._is_dry_run:
                for item in missing:
                    yield from self._attempt(self._plan, item)
                return self._report()
            if self._report_progress is not None:
                sizes = {item: item.listed_size for item in missing}
                self._progress = BulkProgress(self._report_progress, sizes)
            yield from self._for_each(self._save, missing)
        finally:
            if isinstance(self._report_progress, ProgressBar):
                self._report_progress.close()
        log_stale_sizes(items)
        return self._report()

    def _for_each(
        self, step: Callable[[DownloadItem], Flow[None]], items: list[DownloadItem]
    ) -> Flow[None]:
        yield Gather((self._attempt(step, item) for item in items), self._limit)

    def _attempt(
        self, step: Callable[[DownloadItem], Flow[None]], item: DownloadItem
    ) -> Flow[None]:
        """Take a step for an item; note its error, which fails the others only if it must."""
        if self._error_for_all is not None:
            item.error = f"not requested, because another file failed: {self._error_for_all}"
            return
        try:
            yield from step(item)
        except (Error, OSError) as error:
            item.error = str(error) or type(error).__name__
            if self._is_for_all(error):
                self._error_for_all = error

    def _is_for_all(self, error: Exception) -> bool:
        """Return whether every other file would fail with the same error."""
        if isinstance(error, AuthenticationError):
            # 403 may also mean that this user may not have this one file.
            response = error.response
            is_unauthorized = self._client.session.is_unauthorized
            return response is None or response.status_code != 403 or is_unauthorized(response)
        if isinstance(error, PermissionError):
            return not os.access(self._folder, os.W_OK)
        return isinstance(error, OSError) and error.errno in _ERRORS_FOR_ALL

    def _describe(self, item: DownloadItem) -> Flow[None]:
        """Take the name and the size from the scan's record."""
        scan = self._find_scan(item.scan_type, item.scan_id)
        record: ScanRecord = yield from scan.record.flow()
        item.file_name, item.listed_size = safe_name(record.file_name), record.size
        item.place = self._layout.fill(partial(item.field, record))
        item.is_described = True

    def _is_settled(self, item: DownloadItem) -> bool:
        """Judge what is there already, and return whether nothing remains to be done."""
        path = cast("Path", item.path)
        try:
            status = os.stat(path)
        except OSError:  # it is not there, or saving it says what is wrong
            return False
        is_file = S_ISREG(status.st_mode)
        if is_file and status.st_size == item.listed_size:
            item.status, item.size = "skipped", status.st_size
            return True
        if self._overwrite:
            return False
        found = f"with {status.st_size} bytes" if is_file else "but is not a file"
        listed = "no size" if item.listed_size is None else f"{item.listed_size} bytes"
        item.error = (
            f"{path} already exists, {found}, where the listing says {listed}; "
            "overwrite=True replaces it"
        )
        return True

    def _save(self, item: DownloadItem) -> Flow[None]:
        scan = self._find_scan(item.scan_type, item.scan_id)
        target = cast("Path", item.path)
        path: Path = yield from scan.file.save.flow(
            target.parent,
            file_name=target.name,
            overwrite=self._overwrite,
            progress=False if self._progress is None else self._progress.of(item),
        )
        item.status, item.path, item.size = "saved", path, path.stat().st_size
        if self._progress is not None:
            self._progress.count_file()

    def _plan(self, item: DownloadItem) -> Flow[None]:
        """Note what saving a file would do."""
        path = cast("Path", item.path)
        check_unused(path, overwrite=self._overwrite)
        check_folder(next((folder for folder in path.parents if folder.exists()), self._folder))
        item.status, item.size = "would save", item.listed_size
        yield from ()

    def _item(self, row: object, index: int) -> DownloadItem:
        try:
            return self._from_node(row) if isinstance(row, Node) else self._from_row(row)
        except (TypeError, ValueError) as error:
            raise type(error)(f"rows[{index}]: {error}") from None

    def _from_row(self, row: object) -> DownloadItem:
        item = DownloadItem.from_row(row)
        item.place = self._layout.fill(partial(item.field, row))
        return item

    def _from_node(self, node: Node[Any]) -> DownloadItem:
        scan_type, scan_id = getattr(node, "scan_type", None), getattr(node, "scan_id", None)
        if scan_type is None or scan_id is None:
            raise TypeError(f"{node} is not a scan's node")
        if node != self._find_scan(scan_type, scan_id):
            raise ValueError(f"{node} is a scan of {node.client.base_api_url}")
        return DownloadItem(scan_type, scan_id, is_described=False)

    def _report(self) -> Table:
        from grad300_sdk.tables import make_report

        results = [self._items[item.scan_type, item.scan_id] for item in self._rows]
        return make_report(
            {
                "scan_type": [item.scan_type.value for item in results],
                "id": [item.scan_id for item in results],
                "file_name": [item.path.name if item.path else None for item in results],
                "path": [str(i.path) if i.status != "failed" else None for i in results],
                "size": [item.size for item in results],
                "status": [item.status for item in results],
                "error": [item.error for item in results],
            }
        )


def log_stale_sizes(items: Collection[DownloadItem]) -> None:
    """Log once that files have other sizes than the listing says, which can be stale."""
    stale = [i for i in items if i.size is not None and i.listed_size not in (None, i.size)]
    if stale:
        first, more = stale[0], len(stale) - 1
        _logger.warning(
            "%s has %d bytes, where the listing says %d%s",
            first.path,
            first.size,
            first.listed_size,
            f"; the sizes of {more} more differ too" if more else "",
        )


def _iterate(rows: Any) -> Iterator[object]:
    if isinstance(rows, AsyncIterable):
        raise TypeError("rows must not be an asynchronous iterator; pass a list of its items")
    is_one = isinstance(rows, str | bytes | Mapping | ScanRecord | Node)
    if not (is_one or hasattr(rows, "as_void")):  # as a row of a table has
        with suppress(TypeError):
            return iter(rows)
    raise TypeError(
        "rows must be a table, or a list of records, mappings, table rows or scans, "
        f"not {excerpt(repr(rows))}"
    )


def _size(value: Any) -> int | None:
    """Return the size in a row, or None if it is not a number."""
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _required_value(row: object, name: str) -> Any:
    value = _value(row, name)
    if value is None:
        # The raw rows of a single type have none.
        source = "client.scans.search() or from table() or records()"
        hint = f", as rows from {source} do" if name == "scan_type" else ""
        raise TypeError(
            f"a record needs a {name!r}; pass a ScanRecord, a row of a table, or a mapping that "
            f"has one{hint}, not {type(row).__name__} {excerpt(repr(row))}"
        )
    return value


def _value(row: Any, name: str) -> Any:
    """Return a value of a record, a mapping or a row; None if it is missing or masked."""
    if isinstance(row, ScanRecord):
        return getattr(row, name) if name in _COLUMNS else row.metadata.get(name)
    try:
        value = row[name]
    except (KeyError, IndexError, TypeError, ValueError):
        return _value(row, "object") if name == "source" else None  # as the server names it
    value = value.value if hasattr(value, "unit") else value  # a QTable's
    return None if getattr(value, "mask", False) else value


def _column_names(row: Any) -> Collection[str]:
    """Return the names of a row's values."""
    if isinstance(row, ScanRecord):
        return row.metadata
    if isinstance(row, Mapping):
        return row
    return (
        getattr(row, "colnames", None) or getattr(getattr(row, "dtype", None), "names", None) or ()
    )
