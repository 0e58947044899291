"""`grad300 config`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grad300_sdk.defaults import DEFAULTS
from tests.support.commands import Done, piped
from tests.support.versions import ASTROPY_7

FOLDER = ".astropy/config" if ASTROPY_7 else ".config/astropy"
FILE = f"{FOLDER}/grad300_sdk.cfg"


def test_all_settings_are_shown(here):
    done = here("config")
    assert (done.status, done.errors) == (0, "")
    expected = [f"{name} = {value}" for name, (value, _) in DEFAULTS.items()]
    assert done.output.splitlines() == expected


def test_one_setting_is_its_value(here):
    assert here("config", "timeout") == Done(0, "30.0\n", "")


def test_a_setting_is_kept_for_commands_and_clients():
    done = piped("config", "base_url", "http://127.0.0.1:8000")
    file = Path.home() / FILE
    assert done == Done(0, "", f"grad300: base_url = http://127.0.0.1:8000 in {file}\n")
    assert file.read_text() == "base_url = http://127.0.0.1:8000\n"
    assert piped("config", "base_url").output == "http://127.0.0.1:8000\n"
    code = "from grad300_sdk import Client; print(Client().base_api_url)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert shown.stdout == b"http://127.0.0.1:8000/api/v1\n"


def test_what_else_is_in_the_file_stays():
    file = Path.home() / FILE
    file.parent.mkdir(parents=True)
    file.write_text("# mine\ntimeout = 5\nretries = 1\n")
    assert piped("config", "timeout", "7.5", "--quiet") == Done(0, "", "")
    assert file.read_text() == "# mine\ntimeout = 7.5\nretries = 1\n"
    done = piped("config", "timeout", "--unset")
    assert done.errors == f"grad300: timeout is unset in {file}\n"
    assert file.read_text() == "# mine\nretries = 1\n"


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "ASTROPY_CONFIG_DIR"])
def test_the_file_is_where_clients_look(tmp_path, variable):
    if ASTROPY_7 and variable == "ASTROPY_CONFIG_DIR":
        pytest.skip("astropy 7 does not look there")
    (tmp_path / "astropy").mkdir()  # astropy 7 only looks in a folder that is there
    place = {variable: str(tmp_path)}
    assert piped("config", "retries", "7", **place).status == 0
    assert piped("config", "retries", **place).output == "7\n"
    assert len(list(tmp_path.rglob("grad300_sdk.cfg"))) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("base_ur x", "'base_ur' is not a setting; did you mean 'base_url'? See"),
        ("what", "'what' is not a setting; there are base_url, api_prefix"),
        ("base_url archive", "base_url must be an http or https URL"),
        ("base_url http://me:secret@host", "base_url holds a user name or password"),
        ("timeout soon", "timeout must be a number, not 'soon'"),
        ("timeout 0", "timeout must be a finite number above 0"),
        ("retries 2.5", "retries must be an integer, not '2.5'"),
        ("default_page_size 0", "default_page_size must be at least 1, not 0"),
        ("max_connections 0", "max_connections must be at least 1, not 0"),
        ("api_prefix /a?b", "api_prefix must be a path"),
        ("ra_unit kg", "ra_unit must be an angle such as 'hourangle' or 'deg', not 'kg'"),
        ("ra_unit nonsense", "ra_unit must be an angle such as 'hourangle'"),
        ("--unset", "--unset needs the name of a setting"),
        ("timeout 5 --unset", "--unset needs the name of a setting"),
    ],
)
def test_what_is_wrong_is_not_written(arguments, said):
    done = piped("config", *arguments.split())
    assert done.status == 2
    assert said in done.error
    assert "secret" not in done.error
    assert not (Path.home() / FILE).exists()


def test_an_account_in_the_file_is_not_shown():
    file = Path.home() / FILE
    file.parent.mkdir(parents=True)
    file.write_text("base_url = http://me:secret@host\n")
    assert "base_url = http://***@host\n" in piped("config").output


@pytest.mark.skipif(ASTROPY_7, reason="astropy 7 itself needs a home")
def test_without_a_home_a_line_says_so():
    if os.name != "posix":
        pytest.skip("Windows has other variables")
    code = (
        "import os; os.path.expanduser = lambda path: path; import sys; "
        "from grad300_sdk.command_line import run; sys.exit(run(['config', 'retries', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "there is no home directory for the configuration file" in done.stderr
