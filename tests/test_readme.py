"""Check that the README is short, renders everywhere, and points to what is there."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from readme_renderer import rst

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.rst").read_text("utf-8")
LINKED = re.findall(r"<([\w./]+)>`__", TEXT) + re.findall(r"^\.\. image:: (\S+)", TEXT, re.M)


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 120


def test_it_renders_without_a_warning() -> None:
    warnings = io.StringIO()
    assert rst.render(TEXT, stream=warnings)
    assert warnings.getvalue() == ""


@pytest.mark.parametrize("target", LINKED)
def test_each_link_leads_to_a_file(target: str) -> None:
    if not (ROOT / "CHANGELOG.rst").is_file():
        pytest.skip("there is no checkout here")
    assert (ROOT / target).is_file()
