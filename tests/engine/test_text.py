"""Text in messages: short, printable, and compared with the names that are known."""

from __future__ import annotations

import pytest

from grad300_sdk.engine.text import excerpt, nearest, printable


def test_an_excerpt_is_one_harmless_line() -> None:
    assert excerpt("a\n\tb\u202e\x00c é 東") == "a b c é 東"
    assert excerpt("x" * 1000) == "x" * 80 + "…"
    assert excerpt(" " * 1000 + "x") == "…"


def test_the_nearest_name() -> None:
    assert nearest("limt", ["offset", "limit"]) == "; did you mean 'limit'?"
    assert nearest("limt", []) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain é 東", "plain é 東"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31mred\x00", r"\x1b[31mred\x00"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("\ud800", r"\ud800"),
        ("a\\b", "a\\b"),
    ],
)
def test_a_text_is_made_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).isprintable()
