"""Scans of the sandbox show what those of the telescope show, and what its users' scripts find."""

import io
import warnings
from functools import cache

import numpy as np
import pytest
from astropy.io import fits

from grad300_sdk.sandbox import sky
from grad300_sdk.sandbox.files import synthesise
from grad300_sdk.sandbox.observing import observe

SUN = [
    (seed, scan, image)
    for seed in range(3)
    for images in [{s["plan"]["block"]: s for kind, _, s in observe(60, seed) if kind == "Images"}]
    for kind, _, scan in observe(60, seed)
    if kind == "TPI" and scan["object"] == "sun" and scan["plan"]["pattern"] == "raster"
    for image in [images[scan["plan"]["block"]]]
]
CONVERTERS = [f"BBC{number:02d}u" for number in range(9, 17)]


@cache
def contents(scan_type, number, seed):
    (scan,) = (s for kind, _, s in observe(60, seed) if (kind, s["id"]) == (scan_type, number))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(io.BytesIO(synthesise(scan_type, scan, seed))) as hdus:
            return np.array(hdus[-1].data)


def read(scan_type, scan, seed):
    return contents(scan_type, scan["id"], seed)


def positions(rows):
    """Return where the telescope pointed, in degrees of date, and whether that is known."""
    jd, azimuth, elevation = (rows[name].astype(float) for name in ("JD", "Azimuth", "Elevation"))
    known = np.isfinite(azimuth) & (np.abs(azimuth) > 1e-3)
    ra, dec = sky.equatorial(np.where(known, azimuth, 0.0), elevation, jd)
    return ra, dec, known


def grid(ra, dec, side):
    """Return the edges of a map of a track, with a margin of 5 % on each side."""
    edges = []
    for angle in (dec, ra):
        margin = 0.05 * np.ptp(angle)
        edges.append(np.linspace(angle.min() - margin, angle.max() + margin, side + 1))
    return edges


def gaussian_width(offset, power):
    """Return the full width at half maximum of a Gaussian without a background.

    The weights of a fit to the logarithm are such that it is a fit to the power itself.
    """
    slope = np.polyfit(offset, np.log(power), 2, w=power)[0]
    return np.sqrt(-4 * np.log(2) / slope)


@pytest.fixture(scope="module")
def maps():
    """Return coverage and widths of the Sun's beam in RA and Dec, of each map."""
    found = []
    for seed, scan, image in SUN:
        rows = read("TPI", scan, seed)
        ra, dec, known = positions(rows)
        pixels = read("Images", image, seed)
        side = int(min(np.ptp(axis) + 1 for axis in np.nonzero(pixels)))
        edges = grid(ra[known], dec[known], side)
        hits, *_ = np.histogram2d(dec[known], ra[known], edges)
        power, *_ = np.histogram2d(dec[known], ra[known], edges, weights=rows["BBC09u"][known])
        power = np.divide(power, hits, where=hits > 0, out=np.zeros_like(hits))
        row, column = np.unravel_index(power.argmax(), power.shape)
        widths = []
        for edge, profile, peak in (
            (edges[1], power[row], column),
            (edges[0], power[:, column], row),
        ):
            middle = (edge[1:] + edge[:-1]) / 2
            near = slice(max(peak - side // 4, 0), peak + side // 4 + 1)
            offset, profile = middle[near] - middle[peak], profile[near]
            widths.append(gaussian_width(offset[profile > 0], profile[profile > 0]))
        found.append((np.mean(hits > 0), *widths))
    return np.array(found)


def test_there_are_enough_suns():
    assert len(SUN) > 20


def test_the_track_covers_the_map_as_a_real_one_does(maps):
    assert np.mean((maps[:, 0] >= 0.80) & (maps[:, 0] <= 0.95)) >= 0.9


def test_the_beam_is_as_wide_as_on_real_maps(maps):
    good = (maps[:, 1:] >= 4.5) & (maps[:, 1:] <= 5.5)
    assert good.all(axis=1).mean() >= 0.9


def test_the_beam_is_round_in_the_pixels_of_a_map_far_from_the_equator():
    found = []
    for seed in range(6):
        for kind, _, scan in observe(60, seed):
            if kind == "Images" and scan["object"] == "casa" and scan["plan"]["side"] >= 27:
                pixels = read("Images", scan, seed).astype(float)
                if (pixels > 0).all():
                    signal = np.clip(pixels - np.percentile(pixels, 20), 0, None)
                    profiles = signal.sum(axis=0), signal.sum(axis=1)
                    offset = np.arange(len(pixels)) - (len(pixels) - 1) / 2
                    # Of the middle alone, where the noise of the sky counts less.
                    near = np.abs(offset) < 8
                    found.append([gaussian_width(offset[near], p[near]) for p in profiles])
    across, along = np.median(found, axis=0)
    assert len(found) > 3
    assert across / along == pytest.approx(1, abs=0.15)  # on the sky, it would be 1.9


@pytest.mark.parametrize(("seed", "scan", "image"), SUN[::4], ids=lambda item: "")
def test_a_raster_stays_on_each_pixel_of_the_image_line_after_line(seed, scan, image):
    rows = read("TPI", scan, seed)
    pixels = read("Images", image, seed)
    ra, dec, known = positions(rows)
    side = len(pixels)
    column = np.rint((ra - 15 * image["ra"]) / 0.403376 + (side - 1) / 2).astype(int)
    line = np.rint((image["dec"] - dec) / 0.403376 + (side - 1) / 2).astype(int)
    mapping = known.copy()
    mapping[:8] = mapping[-8:] = False  # on the Sun
    assert ((column >= 0) & (column < side) & (line >= 0) & (line < side))[mapping].all()
    visits = np.zeros_like(pixels, int)
    np.add.at(visits, (line[mapping], column[mapping]), 1)
    # On its way back to the next line, the telescope is in a pixel for a row at most.
    assert ((visits >= 3) == (pixels > 0)).all()
    # The lines are taken from the north to the south.
    assert (np.diff(line[mapping]) >= 0).mean() > 0.999
    # And a pixel shows what the telescope saw there.
    power = np.zeros(pixels.shape)
    np.add.at(power, (line[mapping], column[mapping]), rows["RIGHT_POL"][mapping])
    ratio = power[visits > 3] / visits[visits > 3] / pixels[visits > 3]
    assert np.median(np.abs(ratio - 1)) < 0.05


def test_the_sun_is_fifteen_times_the_sky():
    for seed, scan, _ in SUN:
        rows = read("TPI", scan, seed)
        assert np.percentile(rows["BBC09u"], 1) == pytest.approx(2036, rel=0.06)
        assert np.percentile(rows["BBC09u"], 99.9) == pytest.approx(31_085, rel=0.05)
        assert np.percentile(rows["RIGHT_POL"], 1) == pytest.approx(1560, rel=0.06)
        assert rows["RIGHT_POL"][:8].mean() == pytest.approx(17_682, rel=0.08)


def test_sub_bands_are_in_the_proportions_of_a_real_scan():
    medians = []
    for seed, scan, image in SUN:
        if image["nsamples"] == 27 * 27:
            rows = read("TPI", scan, seed)
            medians.append([np.median(rows[name]) for name in CONVERTERS])
    expected = [4709, 5682, 4202, 3051, 2081, 2309, 1834, 507]
    assert np.mean(medians, axis=0) == pytest.approx(expected, rel=0.15)


def test_the_left_polarisation_is_dead_in_many_scans_but_not_in_all():
    dead = []
    for seed, scan, _ in SUN:
        rows = read("TPI", scan, seed)
        dead.append(np.median(rows["LEFT_POL"]) == 9)
        assert dead[-1] == (rows["LEFT_FILT"].max() == 0)
    assert 0.4 < np.mean(dead) < 0.95


def test_interference_is_short_and_in_single_sub_bands():
    bursts = 0
    for seed, scan, _ in SUN:
        rows = read("TPI", scan, seed)
        flags = []
        for name in CONVERTERS:
            # Without interference, a sub-band follows the whole band.
            expected = np.polyval(np.polyfit(rows["RIGHT_POL"], rows[name], 1), rows["RIGHT_POL"])
            flags.append(rows[name] > 1.15 * expected)
        flags = np.array(flags)
        assert flags.mean() < 0.002
        assert (flags.sum(axis=0) > 1).sum() < 10
        bursts += flags.any()
    assert bursts > len(SUN) / 2


def test_the_noise_is_a_radiometers():
    seed, scan, _ = next(item for item in SUN if not item[1]["plan"]["fault"])
    rows = read("TPI", scan, seed)
    on_source = rows[:8]
    assert 0.0005 < np.std(on_source["RIGHT_POL"]) / np.mean(on_source["RIGHT_POL"]) < 0.006
    assert 0.0005 < np.std(on_source["BBC12u"]) / np.mean(on_source["BBC12u"]) < 0.01


def test_fainter_sources_are_fainter():
    peaks = {}
    for name in ("sun", "casa", "cyga"):
        seed, image = next(
            (seed, s)
            for seed in range(9)
            for kind, _, s in observe(60, seed)
            if kind == "Images" and s["object"] == name and s["nsamples"] == 39 * 39
        )
        pixels = read("Images", image, seed)
        pixels = pixels[pixels > 0]
        peaks[name] = pixels.max() / np.median(pixels) - 1
    assert 0.005 < peaks["cyga"] < 0.06
    assert 0.005 < peaks["casa"] < 0.06
    assert peaks["sun"] > 5
