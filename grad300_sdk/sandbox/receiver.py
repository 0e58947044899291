"""What the receiver makes of the sky: levels, bandpass, noise and interference.

The levels are those of the scans of the Sun that were published from 12 February 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from grad300_sdk.sandbox import hydrogen, sky
from grad300_sdk.sandbox.scans import SCAN_TYPES
from grad300_sdk.sandbox.sky import Floats

CONVERTERS = tuple(f"BBC{number:02d}u" for number in range(9, 17))
NINTH_CONVERTER = "BBC17u"  # only a few files have it, and its name is a guess
POWERS = ("LEFT_POL", "RIGHT_POL", "LEFT_FILT", "RIGHT_FILT")
# Counts on the cold sky and on the Sun.
_LEVELS = {
    "LEFT_POL": (1450.0, 17200.0),
    "RIGHT_POL": (1580.0, 18700.0),
    "LEFT_FILT": (1300.0, 15500.0),
    "RIGHT_FILT": (1400.0, 16800.0),
    "BBC09u": (2036.0, 31085.0),
    "BBC10u": (2641.0, 36300.0),
    "BBC11u": (2168.0, 25600.0),
    "BBC12u": (1637.0, 18300.0),
    "BBC13u": (1217.0, 12060.0),
    "BBC14u": (1363.0, 13580.0),
    "BBC15u": (1107.0, 10550.0),
    "BBC16u": (394.0, 2050.0),
    NINTH_CONVERTER: (390.0, 1900.0),
}
_DEAD = {"LEFT_POL": 9.0, "LEFT_FILT": 0.0}
_DEAD_FRACTION = 0.7  # of the scans

BASE_FREQUENCY = 1_398_000_000.0  # Hz: BASEFREQ in the spectra
BANDWIDTH = 62_500_000.0  # Hz: BANDWID in the spectra
CHANNELS = 1024
CHANNEL_WIDTH = float(f"{BANDWIDTH / (CHANNELS - 1):.15g}")  # Hz: BNDRES in the spectra
# Hz; Hellwig et al. 1970, IEEE Trans. Instrum. Meas. 19, 200.
HYDROGEN_LINE = 1_420_405_751.7667
FREQUENCIES = BASE_FREQUENCY + CHANNEL_WIDTH * np.arange(CHANNELS, dtype=np.float64)

# Kelvin. The Sun gives fourteen times the noise of the system with the cold sky.
SYSTEM_TEMPERATURE = 83.0
SUN_TEMPERATURE = 14.0 * SYSTEM_TEMPERATURE
CALIBRATION_TEMPERATURE = 20.0
_LINE_EFFICIENCY = 0.7  # of the main beam
# What 3 m of collecting area make of 1700, 1600, 900 and 16 Jy (Perley & Butler 2017, ApJS 230,
# 7), and of a Moon of 230 K.
_SOURCE_TEMPERATURES = {
    "sun": SUN_TEMPERATURE,
    "azel": SUN_TEMPERATURE,
    "casa": 2.5,
    "cyga": 2.3,
    "taua": 1.3,
    "moon": 1.5,
    "3c48": 0.02,
}
_DISKS = {"sun": 0.53, "azel": 0.53, "moon": 0.52}  # degrees

# A dish is not illuminated evenly to its edge, so its beam is wider than the wavelength divided by
# the diameter, which is what BMAJ says.
BEAM_WIDTH = 4.5  # full width at half maximum in degrees
_POINTING_ERROR = 0.2  # degrees
_INTEGRATION = 0.04  # seconds; from the published noise, which is a little larger
_GAIN_FLUCTUATION = 0.002
_BURST_INTERVAL = 1500.0  # seconds

# Counts of one channel on the Sun, less those on the sky, at frequencies in MHz.
_BANDPASS = np.array(
    [
        (1398.0, 0.12e9), (1399.0, 1.7e9), (1400.0, 3.1e9), (1402.0, 4.75e9), (1404.0, 5.15e9),
        (1406.0, 5.45e9), (1408.0, 5.15e9), (1411.0, 4.45e9), (1414.0, 4.25e9), (1418.0, 3.8e9),
        (1422.0, 2.95e9), (1426.0, 2.2e9), (1430.0, 1.8e9), (1434.0, 1.65e9), (1438.0, 1.7e9),
        (1444.0, 1.95e9), (1447.0, 1.7e9), (1450.0, 1.05e9), (1452.0, 0.55e9), (1454.0, 0.2e9),
        (1456.0, 0.08e9), (1458.0, 0.03e9), (1460.5, 0.003e9),
    ]
).T  # fmt: skip
# Counts of the back end alone, at frequencies in MHz.
_FLOOR = np.array(
    [(1398.0, 1e7), (1402.0, 2e7), (1410.0, 4.5e7), (1416.0, 6.5e7), (1430.0, 5.5e7),
     (1450.0, 5e7), (1458.0, 3.7e7), (1460.5, 3.5e7)]
).T  # fmt: skip
_FLOOR_NOISE = np.array([(1398.0, 1.2e7), (1399.5, 4e6), (1402.0, 1e6), (1460.5, 1e6)]).T
_DEAD_FLOOR = np.array([(1398.0, 2e4), (1410.0, 3e5), (1460.5, 7e5)]).T
_DEAD_NOISE = 3e4
_SPIKE = 1438.1e6  # Hz: a channel with constant interference


@dataclass(frozen=True)
class Setup:
    """How well the telescope was set up for a scan, and for the image that was made with it."""

    azimuth_error: float
    elevation_error: float
    gain: float
    left_is_dead: bool


def draw_setup(block: int, seed: int) -> Setup:
    """Return the setup for a block of scans."""
    random = np.random.default_rng([seed, len(SCAN_TYPES) + 1, block])
    azimuth, elevation = np.clip(_POINTING_ERROR * random.standard_normal(2), -0.4, 0.4).tolist()
    gain = random.uniform(0.98, 1.02)
    return Setup(azimuth, elevation, gain, bool(random.random() < _DEAD_FRACTION))


def off_axis(
    setup: Setup,
    azimuth: Floats,
    elevation: Floats,
    where: tuple[Floats, Floats],
    raster_times: Floats | None = None,
) -> Floats:
    """Return how far a source is from the axis of the beam, in degrees.

    The telescope points at `azimuth` and `elevation`, with its error, and the source is at those
    of `where`; all are in degrees. In a raster, whose Julian dates are given, the coordinates of
    the map are taken to be linear, as its header says, so that the beam is round in its pixels.
    """
    azimuth = azimuth + setup.azimuth_error / np.cos(np.deg2rad(np.clip(elevation, -85.0, 85.0)))
    elevation = elevation + setup.elevation_error
    if raster_times is None:
        return sky.separation(azimuth, elevation, *where)
    ra, dec = sky.equatorial(azimuth, elevation, raster_times)
    source_ra, source_dec = sky.equatorial(*where, raster_times)
    return np.hypot((ra - source_ra + 180.0) % 360.0 - 180.0, dec - source_dec)


def source_signal(source: str, distance: Floats) -> Floats:
    """Return the signal of a source as a share of the Sun's in the middle of the beam.

    The source is at this distance from the axis of the beam, in degrees.
    """
    # A disk of diameter d has the variance d**2 / 16 along each axis.
    disk = np.log(2.0) / 2.0 * _DISKS.get(source, 0.0) ** 2
    width = np.sqrt(BEAM_WIDTH**2 + disk)
    response = np.exp(-4.0 * np.log(2.0) * (distance / width) ** 2)
    return np.asarray(response * _SOURCE_TEMPERATURES.get(source, 0.0) / SUN_TEMPERATURE)


def total_power(
    name: str, setup: Setup, signal: Floats, elevation: Floats, rows: float, random: Generator
) -> Floats:
    """Return the counts of a column, each averaged over so many rows, without interference."""
    if setup.left_is_dead and name in _DEAD:
        flicker = random.integers(-1, 2, len(signal))
        return np.asarray(np.maximum(_DEAD[name] + np.where(_DEAD[name], flicker, 0), 0.0))
    dark, sun = _LEVELS[name]
    air = 0.956 + 0.015 / np.sin(np.deg2rad(np.clip(elevation, 5.0, 90.0)))
    level = setup.gain * (dark * air + (sun - dark) * signal)
    noise = _noise(_band(name), rows) * random.standard_normal(len(signal))
    return np.asarray(level * (1.0 + noise))


def interference(seconds: Floats, names: tuple[str, ...], random: Generator) -> dict[str, Floats]:
    """Return short bursts in single sub-bands: what each adds to the counts of each row."""
    bursts = {name: np.zeros(len(seconds)) for name in names}
    for _ in range(1 + random.poisson(seconds[-1] / _BURST_INTERVAL)):
        name = names[random.integers(len(names))]
        begin, length = random.integers(len(seconds)), random.integers(2, 9)
        height = _LEVELS[name][0] * random.uniform(0.3, 2.0)
        bursts[name][begin : begin + length] += height * random.uniform(0.5, 1.0)
    return bursts


def line_temperature(longitude: float, latitude: float, recession: float) -> Floats:
    """Return the antenna temperature of hydrogen in each channel, in K.

    The position is galactic, in degrees; the telescope moves towards it at `recession`, in km/s,
    in the local standard of rest.
    """
    parts = 5  # of a channel, over which the line is averaged
    fine = (np.arange(parts) - (parts - 1) / 2) / parts * CHANNEL_WIDTH
    frequency = (FREQUENCIES[:, np.newaxis] + fine).ravel()
    velocity = sky.SPEED_OF_LIGHT * (1.0 - frequency / HYDROGEN_LINE) + recession
    near = np.abs(velocity) < 400.0
    line = np.zeros(len(velocity))
    line[near] = hydrogen.antenna_temperature(longitude, latitude, velocity[near], BEAM_WIDTH)
    return np.asarray(_LINE_EFFICIENCY * line.reshape(-1, parts).mean(axis=1))


def spectrum(
    name: str, setup: Setup, temperature: npt.NDArray[np.float64], random: Generator
) -> Floats:
    """Return the counts of each channel, for the temperature of the sky in it, in K."""
    megahertz = FREQUENCIES / 1e6
    noise = random.standard_normal(temperature.shape)
    if setup.left_is_dead and name == "LEFT_POL":
        return np.asarray(np.interp(megahertz, *_DEAD_FLOOR) + _DEAD_NOISE * noise)
    bandpass = np.interp(megahertz, *_BANDPASS) / SUN_TEMPERATURE
    power = bandpass * (SYSTEM_TEMPERATURE + temperature)
    power *= setup.gain * (1.0 + _noise(CHANNEL_WIDTH, 1.0) * noise)
    power += np.interp(megahertz, *_FLOOR)
    power += np.interp(megahertz, *_FLOOR_NOISE) * random.standard_normal(temperature.shape)
    spike = round((_SPIKE - BASE_FREQUENCY) / CHANNEL_WIDTH)
    power[:, spike] *= 1.4
    return np.asarray(power)


def _band(name: str) -> float:
    """Return the bandwidth of a column in Hz."""
    return BANDWIDTH / len(CONVERTERS) if name.startswith("BBC") else BANDWIDTH


def _noise(bandwidth: float, rows: float) -> float:
    """Return the relative noise of so many rows together: the radiometer's, and the gain's."""
    return float(np.hypot(1.0 / np.sqrt(bandwidth * _INTEGRATION), _GAIN_FLUCTUATION) / rows**0.5)
