"""What ``grad300 show`` says about a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grad300_sdk.command_line.terminal import cut, show, text_width

__all__ = ["describe_file"]

_GAP = "  "
_FIRST_ROWS = 3
_WIDEST_CELL = 24


def describe_file(path: Path, width: int | None) -> str:
    """Return lines on a file: when, where and what it is, its HDUs, and the first rows."""
    from grad300_sdk.local_files import read_fits

    hdus = read_fits(path)
    header = _header(hdus)
    lines = [f"{name:9} {value}" for name, value in _facts(path, header) if value]
    for number, hdu in enumerate(hdus):
        lines += ["", f"HDU {number}: {_describe_hdu(hdu)}"]
        if not hdu.is_image:
            lines += _align(_column_rows(hdu))
        elif hdu.data is not None:
            lines += [f"{name:9} {value}" for name, value in _pixel_facts(hdu)]
    shown = map(show, lines)
    return "".join(f"{line if width is None else cut(line, width)}\n" for line in shown)


def _header(hdus: Any) -> dict[str, Any]:
    """Return the values of all headers; the later ones win."""
    return {
        card.keyword: card.value
        for hdu in hdus
        for card in hdu.header.cards
        if card.keyword not in ("", "COMMENT", "HISTORY") and card.value not in ("", None)
    }


def _facts(path: Path, header: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the header and the file's name say of the scan."""
    yield "file", path.name
    yield "size", f"{path.stat().st_size:,} bytes"
    yield "source", str(header.get("OBJECT", "")).strip()
    yield "project", str(header.get("Project_Name", "")).strip()
    yield "start", _date(header.get("DATE-OBS"))
    yield "end", _date(header.get("DATE-END"))
    if isinstance(header.get("RA"), int | float) and isinstance(header.get("DEC"), int | float):
        yield "position", f"ra {header['RA']:.6g} h, dec {header['DEC']:.6g} deg"
    yield "place", _place(header)


def _date(value: object) -> str:
    text = str(value or "").strip()
    return f"{text.replace('T', ' ')} UTC" if text else ""


def _place(header: dict[str, Any]) -> str:
    """Return where the telescope stands: the headers have zeros in place of it."""
    from grad300_sdk.sky import SITE

    given = [header.get(name) for name in ("SITELAT", "SITELONG", "SITEELEV")]
    if all(isinstance(value, int | float) and value for value in given):
        latitude, longitude, height = given
    else:
        latitude, longitude, height = SITE.lat.deg, SITE.lon.deg, SITE.height.value
    return f"latitude {latitude:.5g} deg, longitude {longitude:.5g} deg, {height:.1f} m"


def _describe_hdu(hdu: Any) -> str:
    if not hdu.is_image:
        return f"a table of {len(hdu.data)} rows and {len(hdu.columns)} columns"
    if hdu.data is None:
        return "a header without data"
    return f"an image of {' x '.join(map(str, hdu.data.shape[::-1]))} pixels"


def _pixel_facts(hdu: Any) -> Iterator[tuple[str, str]]:
    """Yield what an image contains; pixels that were not visited are 0."""
    import numpy as np

    data, header = hdu.data, hdu.header
    visited = data[data != 0]
    yield "values", f"{data.dtype.name}, {len(visited) / data.size:.0%} of the pixels visited"
    if len(visited):
        low, middle, high = np.min(visited), np.median(visited), np.max(visited)
        yield "range", f"{low} to {high}, median {middle:g}"
    if "CRVAL1" in header and "CRVAL2" in header:
        yield "centre", f"ra {header['CRVAL1']:.6g} deg, dec {header['CRVAL2']:.6g} deg"
    if "CDELT1" in header and "CDELT2" in header:
        yield "pixel", f"{abs(header['CDELT1']):.4g} x {abs(header['CDELT2']):.4g} deg"


def _column_rows(hdu: Any) -> Iterator[Sequence[str]]:
    """Yield a row for each column of a table: its name, its unit, and its first values."""
    count = min(len(hdu.data), _FIRST_ROWS)
    yield ("column", "unit", *(f"row {number + 1}" for number in range(count)))
    for column in hdu.columns:
        values = [hdu.data[column.name][row] for row in range(count)]
        yield (column.name, column.unit or "", *map(_cell, values))


def _cell(value: Any) -> str:
    """Return a value of a table; of an array, the first and the last element."""
    if getattr(value, "ndim", 0):
        flat = value.ravel()
        return f"{flat[0]} ... {flat[-1]}" if len(flat) > 1 else "".join(map(str, flat))
    text = str(value).strip() if isinstance(value, str) else str(value)
    return cut(text or "--", _WIDEST_CELL)


def _align(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    table = [[show(text) for text in row] for row in rows]
    sizes = [max(map(text_width, column)) for column in zip(*table, strict=True)]
    for row in table:
        padded = (
            text + " " * (size - text_width(text)) for text, size in zip(row, sizes, strict=True)
        )
        yield _GAP.join(padded).rstrip()
