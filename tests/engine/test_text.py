"""Text in messages: short, printable, and compared with the names that are known."""

from __future__ import annotations

from grad300_sdk.engine.text import excerpt, nearest


def test_an_excerpt_is_one_harmless_line() -> None:
    assert excerpt("a\n\tb\u202e\x00c é 東") == "a b c é 東"
    assert excerpt("x" * 1000) == "x" * 80 + "…"
    assert excerpt(" " * 1000 + "x") == "…"


def test_the_nearest_name() -> None:
    assert nearest("limt", ["offset", "limit"]) == "; did you mean 'limit'?"
    assert nearest("limt", []) == ""
