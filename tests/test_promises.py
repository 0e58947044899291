"""Check that each promise in the documentation names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/promises.rst").read_text("utf-8")
NAMED = sorted(set(re.findall(r"``(tests/[^`]+)``", TEXT)))


@cache
def names(path: str) -> set[str]:
    """Return the names of the functions in a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("named", NAMED)
def test_each_named_test_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert name in names(path)


def test_each_promise_names_its_tests() -> None:
    section = TEXT.partition("\nPromises\n---")[2].partition("\nLimits\n---")[0]
    promises = re.split(r"^- ", section, flags=re.MULTILINE)[1:]
    footnotes = dict(re.findall(r"^\.\. \[#([\w-]+)\] (``tests/)", TEXT, re.MULTILINE))
    named = [re.search(r"\[#([\w-]+)\]_\s", promise) for promise in promises]
    assert len(promises) > 20
    assert sorted(found[1] for found in named if found) == sorted(footnotes)
    assert all(named)
