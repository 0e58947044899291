"""The archive: its scans in an SQLite file; their FITS files are made when asked for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .files import Scan, ScanType, synthesise
from .observing import observe


@dataclass(frozen=True)
class File:
    """A FITS file and what HTTP says about it."""

    name: str
    content: bytes
    etag: str


class Archive:
    """
    Scans in an SQLite file, made at first use and the same for the same arguments.

    In each type the scans are numbered from 1 in the order in which they were observed; that is
    also the order of a listing.

    Parameters
    ----------
    scans : int
        How many scans of all types; with four and more there is one of each type.
    seed : int
        What the scans and their files are drawn from.
    """

    def __init__(self, scans: int, seed: int) -> None:
        self._scans = scans
        self._seed = seed
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._discard: Callable[[], object] = int  # nothing to remove yet
        self._file = lru_cache(maxsize=8)(self._synthesise)

    def page(
        self,
        scan_type: ScanType,
        *,
        offset: int,
        limit: int,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: float | None = None,
        date_to: float | None = None,
    ) -> str:
        """
        Give a page of a listing, as a JSON list.

        Parameters
        ----------
        scan_type : str
            The type of the scans.
        offset, limit : int
            How many scans to pass over, how many to give at most.
        source, scan_name : str, optional
            Parts of the source's and the file's name, in any case.
        date_from, date_to : float, optional
            First and last start, in seconds since 1970.
        """
        where = ["scan_type = ?"]
        arguments: list[str | int | float] = [scan_type]
        for condition, value in (
            ("instr(source, ?)", source and source.casefold()),
            ("instr(name, ?)", scan_name and scan_name.casefold()),
            ("start >= ?", date_from),
            ("start <= ?", date_to),
        ):
            if value is not None and value != "":
                where.append(condition)
                arguments.append(value)
        offset, limit = min(offset, self._scans), min(limit, self._scans)
        if len(where) == 1:
            # Without a filter the place in the listing is the id: a deep page costs no more.
            where.append("id > ?")
            arguments.append(offset)
            offset = 0
        conditions = " AND ".join(where)  # of ours alone; what users say stands in the arguments
        query = f"SELECT body FROM scan WHERE {conditions} ORDER BY id LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._select(query, [*arguments, limit, offset])
        return "[" + ",".join(row[0] for row in rows) + "]"

    def scan(self, scan_type: ScanType, scan_id: int) -> str | None:
        """Give one scan's JSON object, None if there is no such scan."""
        if not 0 < scan_id <= self._scans:
            return None
        query = "SELECT body FROM scan WHERE scan_type = ? AND id = ?"
        rows = self._select(query, [scan_type, scan_id])
        return rows[0][0] if rows else None

    def file(self, scan_type: ScanType, scan_id: int) -> File | None:
        """Give one scan's FITS file, None if there is no such scan."""
        return self._file(scan_type, scan_id)

    def open(self) -> None:
        """Make the SQLite file now, if it is not there yet."""
        with self._lock:
            self._opened()

    def close(self) -> None:
        """Remove the SQLite file; a later use makes the same one again."""
        with self._lock:
            self._discard()
            self._connection = None
            self._file.cache_clear()

    def _synthesise(self, scan_type: ScanType, scan_id: int) -> File | None:
        body = self.scan(scan_type, scan_id)
        if body is None:
            return None
        scan: Scan = json.loads(body)
        content = synthesise(scan_type, scan, self._seed)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return File(scan["file_name"], content, etag)

    def _select(self, query: str, arguments: list[str | int | float]) -> list[tuple[str]]:
        with self._lock:
            return self._opened().execute(query, arguments).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        folder = Path(tempfile.mkdtemp(prefix="grad300-sandbox-"))
        connection = sqlite3.connect(folder / "archive.sqlite", check_same_thread=False)
        # Also when the interpreter ends and nobody has stopped the sandbox.
        self._discard = weakref.finalize(self, _remove, connection, folder, os.getpid())
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE scan (scan_type TEXT, id INTEGER, start INTEGER, source TEXT, name TEXT,"
            " body TEXT, PRIMARY KEY (scan_type, id)) WITHOUT ROWID"
        )
        rows = (
            (
                scan_type,
                scan["id"],
                start,
                scan["object"].casefold(),
                scan["file_name"].casefold(),
                json.dumps(scan, separators=(",", ":"), allow_nan=False),
            )
            for scan_type, start, scan in observe(self._scans, self._seed)
        )
        connection.executemany("INSERT INTO scan VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        self._connection = connection
        return connection


def _remove(connection: sqlite3.Connection, folder: Path, process: int) -> None:
    # A forked process does not take its parent's archive away.
    if os.getpid() == process:  # pragma: no branch
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)
