"""FITS files with faults of every kind: a result, with one warning at most, or a DecodeError.

The files are the same in every run. ``python -m tests.campaigns.fits`` draws others, for minutes.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.fits_files import check_reading, mutated_files, other_files, telescope_files

FILES = {**telescope_files(), **other_files()}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_files_of_every_kind(content):
    check_reading(content)


@settings(
    derandomize=True,
    max_examples=600,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(mutated_files())
def test_files_with_faults(content):
    check_reading(content)
