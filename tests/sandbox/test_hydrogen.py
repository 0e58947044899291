"""The line of hydrogen lies where the Galaxy's rotation puts it, in LSRK."""

import numpy as np
import pytest
from astropy import units as u

from grad300_sdk import spectra
from grad300_sdk.fits import read_table
from grad300_sdk.sandbox import hydrogen, receiver
from grad300_sdk.sandbox.files import synthesise
from grad300_sdk.sandbox.observing import observe

CHANNEL = 12.9  # km/s
SPECTRA = [
    (scan_type, scan, seed)
    for seed in range(4)
    for scan_type, _, scan in observe(200, seed)
    if scan_type in ("Spectrum", "OnOff") and scan["object"] in ("casa", "cyga", "taua")
]
ids = [f"{scan['object']}-{scan['date'][:10]}-{seed}" for _, scan, seed in SPECTRA]
PLACES = {"casa": (111.73, -2.13), "cyga": (76.19, 5.76), "taua": (184.56, -5.78)}
VELOCITIES = np.arange(-200.0, 200.0)


def model(longitude, latitude):
    return hydrogen.antenna_temperature(longitude, latitude, VELOCITIES, receiver.BEAM_WIDTH)


def centre(velocity, line):
    """Return the mean velocity of the part of a line that is above half its height."""
    weight = np.clip(line - line.max() / 2, 0, None)
    return np.average(velocity, weights=weight)


def test_sources_of_all_directions_are_there():
    assert {scan["object"] for _, scan, _ in SPECTRA} == set(PLACES)
    assert len(SPECTRA) > 15


@pytest.mark.parametrize(("scan_type", "scan", "seed"), SPECTRA, ids=ids)
def test_a_spectrums_line_lies_where_the_model_puts_it_to_half_a_channel(scan_type, scan, seed):
    table = read_table(synthesise(scan_type, scan, seed))
    line = spectra.on_off(table)
    line = line[np.abs(line["velocity"]) < 190 * u.km / u.s]
    velocity = line["velocity"].to_value(u.km / u.s)
    ratio = np.asarray(line["RIGHT_POL"])
    ratio = ratio - np.median(ratio)

    expected = model(*PLACES[scan["object"]])
    # As channels of the spectrum would have it.
    averaged = [expected[np.abs(VELOCITIES - v) <= CHANNEL / 2].mean() for v in velocity]
    assert centre(velocity, ratio) == pytest.approx(
        centre(velocity, np.array(averaged)), abs=CHANNEL / 2
    )
    assert velocity[ratio.argmax()] == pytest.approx(
        VELOCITIES[expected.argmax()], abs=CHANNEL * 1.01
    )
    # The line is well above the noise.
    assert ratio.max() > 0.1


@pytest.mark.parametrize(
    ("longitude", "expected"),
    # Towards the outer Galaxy at 90 deg < l < 180 deg gas comes nearer; it recedes at l < 90 deg,
    # and does neither towards the centre and the anticentre.
    [(135.0, -20.0), (45.0, 30.0), (180.0, 0.0), (0.0, 0.0), (225.0, 20.0), (315.0, -30.0)],
)
def test_the_galaxy_turns_the_right_way(longitude, expected):
    line = hydrogen.brightness(longitude, 0.0, VELOCITIES)
    mean = np.average(VELOCITIES, weights=line)
    assert np.sign(round(mean, -1)) == np.sign(expected)


def test_no_gas_moves_faster_than_at_the_tangent_point():
    # R = R0 sin(l), where all of the speed is along the line of sight.
    line = hydrogen.brightness(40.0, 0.0, VELOCITIES)
    sine = np.sin(np.deg2rad(40.0))
    fastest = hydrogen.rotation_speed(np.array(8.5 * sine)) - 220.0 * sine
    assert line[fastest + 35 < VELOCITIES].max() < 0.02 * line.max()
    assert line[np.abs(VELOCITIES - fastest) < 5].max() > 0.3 * line.max()


def test_the_plane_is_brighter_than_the_poles():
    plane, side, pole = (hydrogen.brightness(90.0, b, VELOCITIES).max() for b in (0.0, 30.0, 85.0))
    assert plane > 2 * side > 2 * pole > 2
    assert plane < 150
