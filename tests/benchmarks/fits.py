"""What reading a FITS file costs beside astropy alone: ``python -m tests.benchmarks.fits``.

Each figure is a ratio: both sides read the same file, in turn, in one run; of many rounds the
median of the ratios counts. Below 1 the SDK is faster. Astropy reads the file as the telescope
writes it, with its warnings silenced, and gives its data all the same.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from grad300_sdk.fits import read_fits, read_table
from grad300_sdk.sandbox.files import file_size, synthesise
from grad300_sdk.sandbox.observing import observe
from tests.benchmarks.tables import ratio

MIB = 1024**2


def scans(scan_type: str) -> list[dict[str, Any]]:
    """Return the scans of a type, in the order of their size."""
    found = [scan for kind, _, scan in observe(2000, 0) if kind == scan_type]
    return sorted(found, key=lambda scan: scan["size"])


def is_narrow(scan: dict[str, Any]) -> bool:
    """Return whether the rows of a TPI have 124 bytes."""
    return bool(scan["size"] == file_size("TPI", scan["nsamples"]))


def nearest(scan_type: str, size: int) -> bytes:
    """Return the file whose size is nearest to so many bytes."""
    narrow = [scan for scan in scans(scan_type) if scan_type != "TPI" or is_narrow(scan)]
    scan = min(narrow, key=lambda scan: abs(scan["size"] - size))
    content = bytearray(synthesise(scan_type, scan, 0))
    if scan_type == "TPI":  # a marker of its own in each row, as the telescope writes it
        rows = np.ndarray(scan["nsamples"], "V108, S16", content, 14_400)
        rows["f1"] = [f"TPI {number:03d}" for number in range(len(rows))]
    return bytes(content)


def table_of_astropy(content: bytes) -> Table:
    """Read a table with astropy alone."""
    return Table.read(io.BytesIO(content), format="fits")


def hdus_of_astropy(content: bytes) -> fits.HDUList:
    """Read a file with astropy alone, with its data."""
    hdus = fits.open(io.BytesIO(content), memmap=False)
    for hdu in hdus:
        _ = hdu.data
    return hdus


def compare(ours: Callable[[bytes], Any], theirs: Callable[[bytes], Any], content: bytes) -> float:
    """Return the ratio of two ways to read a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ratio(lambda: ours(content), lambda: theirs(content), 41)


def main() -> None:
    """Print the ratios, with the most that they may be."""
    figures = {
        "5 MB TPI to Table (0.5)": (read_table, table_of_astropy, nearest("TPI", 5 * MIB)),
        "1 MB TPI to Table": (read_table, table_of_astropy, nearest("TPI", MIB)),
        "spectrum to HDUList (0.85)": (read_fits, hdus_of_astropy, nearest("Spectrum", 110_280)),
        "spectrum to Table": (read_table, table_of_astropy, nearest("Spectrum", 110_280)),
        "image to HDUList": (read_fits, hdus_of_astropy, nearest("Images", 8_802)),
    }
    for name, (ours, theirs, content) in figures.items():
        print(f"{compare(ours, theirs, content):6.2f}  {name}, {len(content)} bytes")


if __name__ == "__main__":
    main()
