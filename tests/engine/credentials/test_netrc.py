"""Accounts in netrc files."""

from __future__ import annotations

from pathlib import Path

import pytest

from grad300_sdk.engine.credentials.netrc import netrc_account

SECRET = "s3cret"
ENTRY = f"machine library.test login ann password {SECRET}\n"


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """Write a netrc file."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a file that does not exist yet."""
    return tmp_path / "netrc"


@pytest.mark.parametrize(
    ("text", "account"),
    [
        (ENTRY, ("ann", SECRET)),
        ("machine LIBRARY.test login ann password pw", ("ann", "pw")),
        ("machine other.test login a password b\n" + ENTRY, ("ann", SECRET)),
        ("machine sub.library.test login ann password pw", None),
        ("default login ann password pw", None),
        ("machine library.test login ann", None),
        ("machine library.test password pw", None),
        ("", None),
    ],
)
def test_the_account_for_a_host(path: Path, text: str, account: tuple[str, str] | None) -> None:
    assert netrc_account(write(path, text), "library.test") == account


def test_no_file(path: Path) -> None:
    assert netrc_account(path, "library.test") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read(path: Path, mode: int) -> None:
    write(path, ENTRY, mode)
    with pytest.raises(ValueError, match=f"run 'chmod 600 {path}', and change the password"):
        netrc_account(path, "library.test")
    assert netrc_account(path, "other.test") is None


@pytest.mark.parametrize(
    "broken", [f"{ENTRY}machine x nonsense {SECRET}\n", ENTRY.encode() + b"\xff"]
)
def test_a_file_that_can_not_be_parsed(path: Path, broken: str | bytes) -> None:
    write(path, broken)
    with pytest.raises(ValueError, match="it can't be read, and has an entry for") as caught:
        netrc_account(path, "library.test")
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error)
        error = error.__cause__ or error.__context__
    assert netrc_account(path, "other.test") is None
