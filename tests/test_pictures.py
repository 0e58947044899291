"""Check the pictures that the documentation draws from the code."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_rooms import ORDER

from grad300_sdk import Client

PICTURES = runpy.run_path(str(Path(__file__).parents[1] / "docs/pictures.py"))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.text]


@pytest.mark.parametrize("name", PICTURES["DRAWINGS"])
def test_each_is_an_svg_in_every_shade(name):
    drawn = {
        shade: PICTURES["DRAWINGS"][name](PICTURES["SHADES"][shade]) for shade in ("light", "dark")
    }
    assert texts(drawn["light"]) == texts(drawn["dark"])
    assert drawn["light"] != drawn["dark"]


def test_the_rooms_have_all_modules_and_no_arrow_leads_down():
    svg = PICTURES["draw_rooms"](PICTURES["SHADES"]["light"])
    words = set(re.findall(r"\w+", " ".join(texts(svg))))
    assert words >= {module.rpartition(".")[2] for module in ORDER} - {"grad300_sdk"}
    arrows = re.findall(r'd="M\d+ ([\d.]+)C[\d. ]+ (?P<end>[\d.]+) \d+ [\d.]+"', svg)
    assert len(arrows) > 10
    assert all(float(start) > float(end) for start, end in arrows)


def test_the_tree_has_all_calls():
    drawn = texts(PICTURES["draw_tree"](PICTURES["SHADES"]["light"]))
    calls = sorted(call for line in drawn for call in re.findall(r"(?:\.\w+)?\(\)", line))
    expected = (line.call.partition("(")[0] for line in Client().tree())
    assert [call.strip(".()") for call in calls if call != "()"] == sorted(
        name.rpartition(".")[2] for name in expected if name != "client.login"
    )
