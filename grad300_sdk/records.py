"""What the archive's JSON means."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ScanType"]


class ScanType(StrEnum):
    """The kinds of scans in the archive.

    A value in any case names its type, as do ``image`` and ``on_off``:

    >>> ScanType("images"), ScanType("on_off")
    (<ScanType.IMAGES: 'Images'>, <ScanType.ONOFF: 'OnOff'>)

    Raises
    ------
    ValueError
        If there is no such type; the message lists those there are.
    """

    TPI = "TPI"
    IMAGES = "Images"
    SPECTRUM = "Spectrum"
    ONOFF = "OnOff"

    @classmethod
    def _missing_(cls, value: object) -> ScanType:
        if isinstance(value, str):
            name = value.strip().lower()
            for scan_type in cls:
                if name in (scan_type.value.lower(), *_ALIASES.get(scan_type.value, ())):
                    return scan_type
        valid = ", ".join(repr(scan_type.value) for scan_type in cls)
        raise ValueError(f"{value!r} is no scan type; the scan types are {valid}")


_ALIASES = {"Images": ("image",), "OnOff": ("on_off",)}
