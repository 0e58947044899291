"""The broken files that the archive has, among the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grad300_sdk.sandbox.scans import Fault, ScanType

_CUT = 4096  # bytes that are left of a file that was cut before the end of its header

FAULTS: dict[ScanType, tuple[Fault, ...]] = {
    "TPI": ("no_rows", "wild", "no_end", "short"),
    "Images": ("no_data", "no_end", "short"),
    "Spectrum": ("no_rows", "wild", "short", "no_end"),
    "OnOff": ("no_rows", "short", "wild", "no_end"),
}


def damaged_size(fault: Fault | None, size: int, data: int, share: float) -> int:
    """Return the size of a file with a fault, of whose bytes `data` are data.

    A short file lacks `share` of the half of its data.
    """
    if fault == "no_end":
        return _CUT
    if fault == "no_data":
        return size - data
    if fault == "short":
        return size - 1 - int(share * (data - 1) / 2)
    return size


def damage(file: bytes, fault: Fault | None, size: int) -> bytes:
    """Return a file of the size that the archive lists, with its fault."""
    if fault == "no_rows":
        start = file.index(b"NAXIS2  =")
        return file[:start] + f"NAXIS2  = {0:>20}".encode() + file[start + 30 :]
    return file[:size]


def spoil_pointing(rows: npt.NDArray[np.void], random: np.random.Generator) -> None:
    """Put impossible values into some rows of the pointing columns."""
    spoilt = random.choice(len(rows), max(len(rows) // 50, 1), replace=False)
    for column in ("Azimuth", "Az_Offset", "El_Offset"):
        rows[column][spoilt] = random.choice([-1e307, 1e307], len(spoilt))
    rows["Elevation"][spoilt] = 90.01
