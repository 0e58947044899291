"""Where settings come from, without a process of its own for each case."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grad300_sdk.defaults import DEFAULTS
from grad300_sdk.settings import setting


@pytest.fixture(autouse=True)
def _without_astropy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "astropy.config", raising=False)
    astropy = sys.modules.get("astropy")
    if hasattr(astropy, "config"):  # a second import replaces it, and later tests want the first
        monkeypatch.setattr(astropy, "config", astropy.config)


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(name: str) -> None:
    assert setting(name) == DEFAULTS[name][0]
    assert "astropy.config" not in sys.modules


def test_conf_shows_its_settings() -> None:
    from grad300_sdk import conf

    with conf.set_temp("timeout", 5.0):
        lines = repr(conf).splitlines()
    assert len(lines) == 1 + len(DEFAULTS)
    assert "  timeout = 5.0" in lines


def test_conf_shows_no_password() -> None:
    from grad300_sdk import conf

    with conf.set_temp("base_url", "https://me:s3cret@archive"):
        assert "base_url = 'https://***@archive'" in repr(conf)


def test_a_misspelt_setting_is_an_error() -> None:
    from grad300_sdk import conf

    with pytest.raises(AttributeError, match="no setting 'timout'; did you mean 'timeout'"):
        conf.timout = 5


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "ASTROPY_CONFIG_DIR", None])
def test_a_configuration_file_is_looked_for(
    variable: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {
        "XDG_CONFIG_HOME": tmp_path / "astropy",
        "ASTROPY_CONFIG_DIR": tmp_path,
        None: Path.home() / ".config" / "astropy",
    }
    folder = folders[variable]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "grad300_sdk.cfg").touch()
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    assert setting("timeout") == 30.0
    assert "astropy.config" in sys.modules or "grad300_sdk.configuration" in sys.modules
