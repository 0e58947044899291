"""The archive: scans in an SQLite file, with FITS files that are made on request."""

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

from grad300_sdk.sandbox.files import synthesise
from grad300_sdk.sandbox.observing import observe
from grad300_sdk.sandbox.scans import Scan, ScanType


@dataclass(frozen=True)
class File:
    """A FITS file, with the name and the entity tag that HTTP sends with it."""

    name: str
    content: bytes
    etag: str


class Archive:
    """Synthetic scans in an SQLite file that is created on first use.

    Equal arguments give equal archives. The scans of each type are numbered from 1 in the order
    of their dates, and are listed in that order.
    """

    def __init__(self, scans: int, seed: int, *, broken: bool = False) -> None:
        self._scans = scans
        self._seed = seed
        self._broken = broken
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._remove_file: Callable[[], object] = int  # there is nothing to remove yet
        self._file = lru_cache(maxsize=8)(self._make_file)

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
        """Return a page of a listing as a JSON array.

        `source` and `scan_name` match parts of the source's and the file's name, ignoring case;
        `date_from` and `date_to` are Unix times.
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
            # Without filters, the position in the listing follows from the id, so that a page far
            # down the listing costs no more than the first one.
            where.append("id > ?")
            arguments.append(offset)
            offset = 0
        conditions = " AND ".join(where)  # constants only: values are bound as parameters
        query = f"SELECT body FROM scan WHERE {conditions} ORDER BY id LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._select(query, [*arguments, limit, offset])
        return "[" + ",".join(row[0] for row in rows) + "]"

    def scan(self, scan_type: ScanType, scan_id: int) -> str | None:
        """Return a scan as a JSON object, or None if it does not exist."""
        if not 0 < scan_id <= self._scans:
            return None
        query = "SELECT body FROM scan WHERE scan_type = ? AND id = ?"
        rows = self._select(query, [scan_type, scan_id])
        return rows[0][0] if rows else None

    def file(self, scan_type: ScanType, scan_id: int) -> File | None:
        """Return a scan's FITS file, or None if the scan does not exist."""
        return self._file(scan_type, scan_id)

    def open(self) -> None:
        """Create the SQLite file, unless it exists."""
        with self._lock:
            self._connect()

    def close(self) -> None:
        """Remove the SQLite file; the next use creates it again."""
        with self._lock:
            self._remove_file()
            self._connection = None
            self._file.cache_clear()

    def _make_file(self, scan_type: ScanType, scan_id: int) -> File | None:
        if not 0 < scan_id <= self._scans:
            return None
        query = "SELECT body, plan FROM scan WHERE scan_type = ? AND id = ?"
        rows = self._select(query, [scan_type, scan_id])
        if not rows:
            return None
        body, plan = rows[0]
        scan: Scan = json.loads(body)
        scan["plan"] = json.loads(plan)
        content = synthesise(scan_type, scan, self._seed)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return File(scan["file_name"], content, etag)

    def _select(self, query: str, arguments: list[str | int | float]) -> list[tuple[str, ...]]:
        with self._lock:
            return self._connect().execute(query, arguments).fetchall()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        folder = Path(tempfile.mkdtemp(prefix="grad300-sandbox-"))
        connection = sqlite3.connect(folder / "archive.sqlite", check_same_thread=False)
        # Runs at interpreter exit too, if the sandbox was never stopped.
        self._remove_file = weakref.finalize(self, _remove, connection, folder, os.getpid())
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE scan (scan_type TEXT, id INTEGER, start INTEGER, source TEXT, name TEXT,"
            " body TEXT, plan TEXT, PRIMARY KEY (scan_type, id)) WITHOUT ROWID"
        )
        rows = (
            (
                scan_type,
                scan["id"],
                start,
                scan["object"].casefold(),
                scan["file_name"].casefold(),
                *_as_json(scan),
            )
            for scan_type, start, scan in observe(self._scans, self._seed, broken=self._broken)
        )
        connection.executemany("INSERT INTO scan VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        self._connection = connection
        return connection


def _as_json(scan: Scan) -> tuple[str, str]:
    """Return what the archive lists of a scan, and what it does not list."""
    listed = {key: value for key, value in scan.items() if key != "plan"}
    body, plan = (
        json.dumps(part, separators=(",", ":"), allow_nan=False) for part in (listed, scan["plan"])
    )
    return body, plan


def _remove(connection: sqlite3.Connection, folder: Path, process: int) -> None:
    # A forked process must not remove its parent's archive.
    if os.getpid() == process:  # pragma: no branch
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)
