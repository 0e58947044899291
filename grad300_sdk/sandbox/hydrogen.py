"""The 21 cm line of the Galaxy: a disk of neutral hydrogen without arms, in circular rotation."""

from __future__ import annotations

import numpy as np

from grad300_sdk.sandbox.sky import Floats

_SUN_RADIUS = 8.5  # kpc; this and the next are those of the IAU, 1985
_SUN_SPEED = 220.0  # km/s
# The disk: Kalberla & Dedes 2008, A&A 487, 951. Density falls outwards and the disk flares.
_DENSITY = 0.9  # atoms per cubic centimetre in the plane, at the Sun
_SCALE_LENGTH = 3.15  # kpc
_INNER_RADIUS = 7.0  # kpc; the density is constant inside
_SCALE_HEIGHT = 0.15  # kpc, at the Sun: the half width at half maximum
_FLARE_LENGTH = 9.8  # kpc
_EDGE = 35.0  # kpc

_SPIN_TEMPERATURE = 150.0  # K
_DISPERSION = 9.0  # km/s, of the clouds
# K km/s of an optically thin line per atom/cm3 and kpc: N(H) = 1.8224e18 cm-2 per K km/s.
_EMISSION = 3.0857e21 / 1.8224e18
_DISTANCES = np.linspace(0.05, 25.0, 250)  # kpc


def rotation_speed(radius: Floats) -> Floats:
    """Return the speed in km/s at a distance from the centre in kpc: Brand & Blitz 1993.

    A&A 275, 67.
    """
    return np.asarray(_SUN_SPEED * (1.00767 * (radius / _SUN_RADIUS) ** 0.0394 + 0.00712))


def brightness(longitude: float, latitude: float, velocity: Floats) -> Floats:
    """Return the brightness temperature in K towards a galactic position, in degrees.

    `velocity` is in the local standard of rest, in km/s.
    """
    lon, lat = np.deg2rad(longitude), np.deg2rad(latitude)
    along = _DISTANCES * np.cos(lat)  # in the plane
    height = _DISTANCES * np.sin(lat)
    radius = np.sqrt(_SUN_RADIUS**2 + along**2 - 2.0 * _SUN_RADIUS * along * np.cos(lon))
    speed = rotation_speed(radius) * _SUN_RADIUS / radius - _SUN_SPEED
    recession = speed * np.sin(lon) * np.cos(lat)

    density = _DENSITY * np.exp((_SUN_RADIUS - np.maximum(radius, _INNER_RADIUS)) / _SCALE_LENGTH)
    thickness = _SCALE_HEIGHT * np.exp((radius - _SUN_RADIUS) / _FLARE_LENGTH)
    density = np.where(radius < _EDGE, density * 0.5 ** ((height / thickness) ** 2), 0.0)

    offset = (velocity[:, np.newaxis] - recession) / _DISPERSION
    line = np.exp(-0.5 * offset**2) / (np.sqrt(2.0 * np.pi) * _DISPERSION)
    thin = line @ density * _EMISSION * (_DISTANCES[1] - _DISTANCES[0])
    return np.asarray(_SPIN_TEMPERATURE * (1.0 - np.exp(-thin / _SPIN_TEMPERATURE)))


def antenna_temperature(
    longitude: float, latitude: float, velocity: Floats, beam_width: float
) -> Floats:
    """Return the brightness that a Gaussian beam averages, in K; its width is in degrees."""
    radius = beam_width * np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    weight = np.array([0.25**2, *(2 * 0.25 * radius[1:] / beam_width)])  # the rings' areas
    weight = weight * 0.5 ** ((2.0 * radius / beam_width) ** 2)
    total = np.zeros_like(velocity)
    for ring, share in zip(radius, weight / weight.sum(), strict=True):
        # Rings of points; the first ring is the middle.
        turns = np.arange(12 if ring else 1) / 12.0 * 2.0 * np.pi
        for turn in turns:
            lat = float(np.clip(latitude + ring * np.sin(turn), -89.0, 89.0))
            lon = longitude + ring * np.cos(turn) / np.cos(np.deg2rad(lat))
            total += share / len(turns) * brightness(lon, lat, velocity)
    return total
