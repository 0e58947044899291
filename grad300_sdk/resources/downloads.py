"""Many files at once: what is asked for, what is there already, and a report of each."""

from __future__ import annotations

import errno
import logging
import os
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from unicodedata import normalize

from grad300_sdk.engine.client import check_whole
from grad300_sdk.engine.errors import AuthenticationError, Error
from grad300_sdk.engine.flow import Flow, Together
from grad300_sdk.engine.node import Node
from grad300_sdk.records import ScanRecord, ScanType
from grad300_sdk.saving import Bar, Progress, check_folder, reporter, safe_name

if TYPE_CHECKING:
    from astropy.table import Table

    from grad300_sdk.resources.scans import Scan, Scans

__all__ = ["Downloads", "Wanted", "note_size"]

_logger = logging.getLogger(__name__)
# What keeps every other file from being written too.
_OF_EVERY_FILE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
# What a column of a table can hold.
_LARGEST_ID = 2**63 - 1


@dataclass(eq=False)
class Wanted:
    """A file that is wanted, and what became of it."""

    scan_type: ScanType
    scan_id: int
    file_name: str | None = None
    listed_size: int | None = None
    is_described: bool = True
    path: Path | None = None
    size: int | None = None
    status: str = "failed"
    error: str | None = None

    def __post_init__(self) -> None:
        if self.scan_id > _LARGEST_ID:
            raise ValueError(f"the id {self.scan_id} is larger than any can be")

    @classmethod
    def read(cls, row: Any) -> Wanted:
        """Read what a record, a mapping or a row of a table says of a scan.

        Raises
        ------
        TypeError
            If it does not say its ``scan_type`` or its ``id``.
        """
        name = _value(row, "file_name")
        return cls(
            ScanType(_needed(row, "scan_type")),
            check_whole("id", _needed(row, "id"), 0),
            None if name is None else safe_name(str(name)),
            _whole(_value(row, "size")),
        )


class Downloads:
    """The files of many scans on their way into a folder.

    Parameters
    ----------
    scans : Scans
        The scans of the archive.
    rows : iterable
        Records, mappings, rows of a table, or scan nodes.
    folder : str or Path
        Where the files go.
    overwrite : bool
        Whether a file that has another size than is listed is replaced.
    max_concurrency : int or None
        How many files are downloaded at once, at most.
    progress : callable, bool or None
        Told how far it is.
    """

    def __init__(
        self,
        scans: Scans[Any],
        rows: Iterable[Any],
        folder: str | os.PathLike[str],
        *,
        overwrite: bool,
        max_concurrency: int | None,
        progress: Progress | bool | None,
    ) -> None:
        self._scans = scans
        self._folder = check_folder(folder)
        self._overwrite = overwrite
        most = scans.client.max_connections
        asked = most if max_concurrency is None else max_concurrency
        self._limit = min(check_whole("max_concurrency", asked, 1), most)
        report = reporter(progress)
        self._rows = [self._checked(row, index) for index, row in enumerate(_each(rows))]
        self._wanted = {(wanted.scan_type, wanted.scan_id): wanted for wanted in self._rows}
        self._progress = None if report is None else _Progress(report)
        # What fails all that is not sent yet.
        self._refusal: Exception | None = None

    def flow(self) -> Flow[Table]:
        """Download all, and give the report."""
        wanted = list(self._wanted.values())
        try:
            yield from self._each(self._describe, [w for w in wanted if not w.is_described])
            described = [w for w in wanted if w.is_described]
            for one, name in zip(described, _names(described), strict=True):
                one.path = self._folder / name
            missing = [one for one in described if not self._is_there(one)]
            if self._progress is not None:
                self._progress.expect({one: one.listed_size for one in missing})
            yield from self._each(self._save, missing)
        finally:
            if self._progress is not None:
                self._progress.close()
        return self._report()

    def _each(self, step: Callable[[Wanted], Flow[None]], wanted: list[Wanted]) -> Flow[None]:
        yield Together((self._attempt(step, one) for one in wanted), self._limit)

    def _attempt(self, step: Callable[[Wanted], Flow[None]], wanted: Wanted) -> Flow[None]:
        """Take a step; where it fails, it fails for this file alone if others may fare better."""
        if self._refusal is not None:
            wanted.error = f"not asked for, since another file failed: {self._refusal}"
            return
        try:
            yield from step(wanted)
        except (Error, OSError) as error:
            self._scans.client.session.hide_secrets(error)
            wanted.error = str(error) or type(error).__name__
            if self._is_of_every_file(error):
                self._refusal = error

    def _is_of_every_file(self, error: Exception) -> bool:
        if isinstance(error, AuthenticationError):
            # 403 may also mean that this one file is not for this user.
            response = error.response
            session = self._scans.client.session
            return response is None or response.status_code != 403 or session.is_refused(response)
        if isinstance(error, PermissionError):
            return not os.access(self._folder, os.W_OK)
        return isinstance(error, OSError) and error.errno in _OF_EVERY_FILE

    def _describe(self, wanted: Wanted) -> Flow[None]:
        record = yield from self._scan(wanted).record.flow()
        wanted.file_name, wanted.listed_size = safe_name(record.file_name), record.size
        wanted.is_described = True

    def _is_there(self, wanted: Wanted) -> bool:
        """Judge a file that is there already; say whether that is all there is to do."""
        path = cast("Path", wanted.path)
        try:
            found = path.stat()
        except OSError:  # there is none, or saving it says what is wrong
            return False
        is_file = S_ISREG(found.st_mode)
        if is_file and found.st_size == wanted.listed_size:
            wanted.status, wanted.size = "skipped", found.st_size
            return True
        if self._overwrite:
            return False
        there = f"with {found.st_size} bytes" if is_file else "and no file"
        listed = "no size" if wanted.listed_size is None else f"{wanted.listed_size} bytes"
        wanted.error = (
            f"{path} is there already, {there}, where the listing says {listed}; "
            "overwrite=True replaces it"
        )
        return True

    def _save(self, wanted: Wanted) -> Flow[None]:
        path = cast("Path", wanted.path)
        file = self._scan(wanted).file
        progress = False if self._progress is None else self._progress.of(wanted)
        wanted.path = yield from file.save.flow(
            self._folder, file_name=path.name, overwrite=self._overwrite, progress=progress
        )
        wanted.status, wanted.size = "saved", note_size(path, wanted.listed_size)
        if self._progress is not None:
            self._progress.count()

    def _scan(self, wanted: Wanted) -> Scan[Any]:
        return self._scans[wanted.scan_type][wanted.scan_id]

    def _checked(self, row: Any, index: int) -> Wanted:
        try:
            return self._read_node(row) if isinstance(row, Node) else Wanted.read(row)
        except (TypeError, ValueError) as error:
            raise type(error)(f"rows[{index}]: {error}") from None

    def _read_node(self, node: Any) -> Wanted:
        from grad300_sdk.resources.scans import Scan

        if not isinstance(node, Scan):
            raise TypeError(f"{node} is no scan, where the node of one is needed")
        if node.client.base_api_url != self._scans.client.base_api_url:
            raise ValueError(f"{node} is a scan of {node.client.base_api_url}")
        return Wanted(node.scan_type, node.scan_id, is_described=False)

    def _report(self) -> Table:
        from grad300_sdk.tables import make_report

        results = [self._wanted[wanted.scan_type, wanted.scan_id] for wanted in self._rows]
        return make_report(
            {
                "scan_type": [one.scan_type.value for one in results],
                "id": [one.scan_id for one in results],
                "file_name": [one.path.name if one.path else None for one in results],
                "path": [str(one.path) if one.status != "failed" else None for one in results],
                "size": [one.size for one in results],
                "status": [one.status for one in results],
                "error": [one.error for one in results],
            }
        )


class _Progress:
    """The progress of many files as that of one; it may be told from several threads."""

    def __init__(self, report: Progress) -> None:
        self._report = report
        self._lock = Lock()
        self._done: dict[Wanted, int] = {}
        self._totals: dict[Wanted, int | None] = {}
        self._all_done = self._all_known = self._unknown = self._counted = 0

    def expect(self, sizes: dict[Wanted, int | None]) -> None:
        """Take the files that are to come, and their sizes as far as they are known."""
        self._totals = sizes
        self._all_known = sum(size or 0 for size in sizes.values())
        self._unknown = sum(size is None for size in sizes.values())

    def of(self, wanted: Wanted) -> Progress:
        """Give what is to be told of one of them."""

        def tell(done: int, total: int | None) -> None:
            with self._lock:
                self._all_done += done - self._done.get(wanted, 0)
                self._done[wanted] = done
                self._correct(wanted, total)
                self._tell()

        return tell

    def count(self) -> None:
        """Say that one more file is there."""
        with self._lock:
            self._counted += 1
            if isinstance(self._report, Bar):
                self._report.note(f"{self._counted}/{len(self._totals)} files")
                self._tell()

    def close(self) -> None:
        """End the bar."""
        if isinstance(self._report, Bar):
            self._report.close()

    def _correct(self, wanted: Wanted, total: int | None) -> None:
        """Take the size of a file from its server, where that says more than the listing."""
        before = self._totals[wanted]
        if total is not None and total != before:
            self._totals[wanted] = total
            self._all_known += total - (before or 0)
            self._unknown -= before is None

    def _tell(self) -> None:
        self._report(self._all_done, None if self._unknown else self._all_known)


def note_size(path: Path, listed: int | None) -> int:
    """Give the size of a file; log where it is another than in the listing, which can be stale."""
    size = path.stat().st_size
    if listed not in (None, size):
        _logger.warning("%s has %d bytes, where the listing says %d", path, size, listed)
    return size


def _each(rows: Any) -> Iterator[Any]:
    if isinstance(rows, AsyncIterable):
        raise TypeError("rows is an asynchronous iterator; give a list of what it gives")
    is_one = isinstance(rows, str | bytes | Mapping | ScanRecord | Node)
    if not (is_one or hasattr(rows, "as_void")):  # as a row of a table has
        with suppress(TypeError):
            return iter(rows)
    raise TypeError(
        "rows must be a table, or a list of records, mappings, table rows or scans, "
        f"not {rows!r:.60}"
    )


def _names(wanted: list[Wanted]) -> list[str]:
    """Give each file a name of its own, in whatever case a file system sees it."""
    names = [one.file_name or f"{one.scan_type.value}_{one.scan_id}.fits" for one in wanted]
    while True:
        seen = Counter(map(_as_one, names))
        if len(seen) == len(names):
            return names
        names = [
            name
            if seen[_as_one(name)] == 1
            else f"{Path(name).stem}_{one.scan_type.value}_{one.scan_id}.fits"
            for one, name in zip(wanted, names, strict=True)
        ]


def _as_one(name: str) -> str:
    """Give what all names have in common that may be those of one file."""
    return normalize("NFC", name).casefold()


def _whole(size: Any) -> int | None:
    """Give the size in a row; of a bad one, nothing."""
    try:
        return None if size is None else int(size)
    except (TypeError, ValueError, OverflowError):
        return None


def _needed(row: Any, name: str) -> Any:
    value = _value(row, name)
    if value is None:
        raise TypeError(
            f"a record needs a {name!r}; give a ScanRecord, a row of a table, or a mapping "
            f"that has one, not {type(row).__name__} {row!r:.60}"
        )
    return value


def _value(row: Any, name: str) -> Any:
    """Give a value of a record, a mapping or a row; None where it is missing or masked."""
    if isinstance(row, ScanRecord):
        return getattr(row, name)
    try:
        value = row[name]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    value = getattr(value, "value", value) if name == "size" else value  # a QTable's
    return None if getattr(value, "mask", False) else value
