"""A scan of the archive, and what the sandbox knows of it besides."""

from __future__ import annotations

from typing import Literal, TypedDict

ScanType = Literal["TPI", "Images", "Spectrum", "OnOff"]
SCAN_TYPES: tuple[ScanType, ...] = ("TPI", "Images", "Spectrum", "OnOff")
TYPE_IN_FILE_NAME: dict[ScanType, str] = {
    "TPI": "TPI",
    "Images": "IMAGE",
    "Spectrum": "SPECTRUM",
    "OnOff": "ONOFF",
}

# How the telescope moves during a TPI scan. An image is made of a raster.
Pattern = Literal["raster", "cross", "azimuth", "elevation", "drift", "track"]
# The kinds of broken files that the archive has.
Fault = Literal["no_rows", "no_data", "no_end", "short", "wild"]


class Plan(TypedDict):
    """How a scan is made; the archive does not list it."""

    block: int  # a TPI scan and its image have the same
    pattern: Pattern
    pixels: int  # of the raster, that are visited
    side: int  # of the raster, in pixels
    fault: Fault | None


class Scan(TypedDict):
    """A scan, with the keys of the archive's JSON object, and its plan."""

    id: int
    file_name: str
    file_path: str
    size: int
    object: str
    ra: float
    dec: float
    date: str
    date_obs: str | None
    date_end: str | None
    gain: int | None
    comment: str | None
    ctime: str
    mtime: str
    azimuth: float | None
    elevation: float | None
    nsamples: int
    plan: Plan


BEAM_SIZE = 4.03376144265431  # degrees: BMAJ in the images
PIXEL_WIDTH = BEAM_SIZE / 10
IMAGE_SIDES = (3, 13, 27, 31, 37, 39, 51, 63, 75)
# A subnormal number: real files hold such values where the azimuth was not initialised.
DENORMAL = 2.9419349645948e-310
