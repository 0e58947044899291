"""The command line as users run it: in pipes, on a terminal, and within this process."""

from __future__ import annotations

import csv
import inspect
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table
from sybil import Example, Sybil
from sybil.parsers.rest import CodeBlockParser

from grad300_sdk import Client, __version__
from grad300_sdk import __main__ as main_module
from grad300_sdk.command_line import run
from grad300_sdk.command_line.application import COMMANDS
from grad300_sdk.sandbox import Sandbox
from tests.support.commands import COMMAND, HOSTILE, Done, is_harmless, piped, posix, shown
from tests.support.wire import STALL, Wire, answer


class TestUsage:
    COMMANDS = tuple(command.__name__ for command in COMMANDS)

    def test_help_names_the_commands(self, here):
        done = here("--help")
        assert (done.status, done.errors) == (0, "")
        for command in self.COMMANDS:
            assert f"\n  {command} " in done.output
        assert here("-h") == done

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_on_a_command_has_an_example(self, here, command):
        done = here(command, "--help")
        assert (done.status, done.errors) == (0, "")
        assert f"\n  Example: grad300 {command}" in done.output

    def test_help_loads_neither_astropy_nor_httpx(self):
        code = (
            "import sys; from grad300_sdk.command_line import run; run(['--help']); "
            "print([m for m in ('astropy', 'httpx', 'numpy') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
        assert done.stdout.splitlines()[-1] == b"[]"

    def test_getting_json_loads_no_astropy(self, access):
        code = (
            "import sys; from grad300_sdk.command_line import run; "
            "print(run(sys.argv[1:]), 'astropy' in sys.modules)"
        )
        command = [sys.executable, "-c", code, *access, "get", "/scans/TPI/1"]
        done = subprocess.run(command, capture_output=True, timeout=60)
        assert done.stdout.splitlines()[-1] == b"0 False"

    def test_alone_it_is_its_help(self, here):
        assert here() == here("--help")

    def test_the_version(self, here):
        assert here("--version") == Done(0, f"grad300 {__version__}\n", "")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ("tre", "No such command 'tre'. Did you mean 'tree'? See 'grad300 --help'"),
            ("--what tree", "No such option: --what"),
            ("scans --base-url x", "--base-url must be an http or https URL"),
            ("scans --base-url", "--base-url needs a value"),
            ("scans --quiet --verbose", "use either --quiet or --verbose, not both"),
            ("get", "Missing argument 'PATH'; see 'grad300 get --help'"),
            ("scans TPI sun", "unexpected argument 'sun'; see 'grad300 scans --help'"),
            ("scans --max-results", "--max-results needs a value; see"),
            (
                "scans --sorce sun",
                "No such option: --sorce; did you mean '--source'? See 'grad300",
            ),
            ("scans --form csv", "No such option: --form; there are --format, --from, --to"),
            ("download TPI/42 --dir x", "write the type and the id apart: 'download TPI 42'"),
            ("plot TPI/1 --output x.jpg", "'x.jpg' must end with one of .png, .svg, .pdf"),
            ("get /scans/../users/me", "'/scans/../users/me' has a segment '.' or '..'"),
            ("get https://example.org/", "PATH must be a path below the API's prefix"),
            ("get //example.org/", "such as '/scans/', not '//example.org/'"),
            ("get /scans/#1", "write '%23'"),
            ("get /scans/TPI/ --param limit", "--param must be NAME=VALUE, not 'limit'"),
            ("get /scans/TPI/ --param =3", "--param must be NAME=VALUE, not '=3'"),
            ("scans moon", "'moon' is not a scan type; the scan types are 'TPI', 'Images'"),
            ("scans --from yesterday", "--from is 'yesterday', but must be a valid date"),
            ("scans --to 2025-13-01", "--to is '2025-13-01', but must be a valid date"),
            ("scans --from 2025-02-02 --to 2025-02-01", "--to (2025-02-01) is before --from"),
            ("scans --max-results 0", "--max-results must be at least 1, not 0"),
            ("scans --max-results few", "'--max-results': 'few' is not an integer; see"),
            (
                "scans --format xls",
                "'xls' is not one of table, csv, ecsv, json, votable, fits, parquet; see",
            ),
            ("scans --format cvs", "did you mean 'csv'?"),
            (
                "scans --output x.txt",
                "'x.txt' ends with '.txt', which means no format; use one of",
            ),
            ("scans --output x.json --columns id", "--columns is for tables"),
            ("scans --columns id,", "--columns must be names such as 'id,date', not 'id,'"),
            ("scans --output nowhere/x.csv", "--output 'nowhere/x.csv' does not exist"),
            ("scans --output .", "--output must be a file, but '.' is a folder"),
            ("download 1 --dir x", "the type of the scans is missing: 'download TPI 1', for"),
            ("download 1 2 --dir x", "the type of the scans is missing: 'download TPI 1 2', for"),
            ("download TPI 1 --layout {nme} --dir x", "nme"),
            ("download TPI --dir x", "either by ids or by filters"),
            ("download TPI --source= --dir x", "either by ids or by filters"),
            ("download TPI 1 --source sun --dir x", "either by ids or by filters"),
            ("download TPI one --dir x", "'one' is not an integer"),
            ("download TPI 1.5 --dir x", "'1.5' is not an integer"),
            ("download TPI -1 --dir x", "-1"),
            ("download TPI --dir x -- -1", "ID must be at least 0, not -1"),
            ("download moon 1 --dir x", "'moon' is not a scan type"),
            ("sandbox --port 70000", "--port must be from 0 to 65535, not 70000"),
            ("sandbox --scans -1", "--scans must be at least 0, not -1"),
            ("sandbox --seed x", "'--seed': 'x' is not an integer; see 'grad300 sandbox --help'"),
            ("sandbox --latency x", "'--latency': 'x' is not a number"),
            ("sandbox --failure-rate 2", "--failure-rate must be from 0 to 1, not 2.0"),
            (
                "--base-url archive scans",
                "--base-url must be an http or https URL such as 'https://archive.example.org'",
            ),
            (
                "--base-url http://me:secret@host scans",
                "--base-url holds a user name or password; use --user",
            ),
            ("--token-file missing scans", "the token file missing can't be read"),
            ("--user me --token-file token tree", "use either --user or --token-file, not both"),
            ("--password-stdin tree", "--password-stdin needs --user"),
            ("download TPI 1 --layout /", "--layout is '/', but it must be a relative path"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_line(self, here, monkeypatch, tmp_path, arguments, said):
        monkeypatch.chdir(tmp_path)
        done = here(*arguments.split())
        assert done.status == 2
        assert said in done.error
        assert "secret" not in done.errors
        assert list(tmp_path.iterdir()) == []

    def test_both_ways_to_run_it_are_the_same(self, sandbox):
        script = Path(sys.executable).with_name("grad300")
        if not script.is_file():
            pytest.skip("the package is not installed")
        for arguments in (["tree"], ["get"]):
            done = subprocess.run([script, *arguments], capture_output=True, timeout=60)
            same = piped(*arguments)
            assert done.returncode == same.status
            assert done.stdout.decode() == same.output
            assert done.stderr.decode() == same.errors


class TestWithoutExtras:
    def without(self, module: str, *arguments: str) -> Done:
        """Run a command as if a module were not installed."""
        code = f"""
import sys, importlib.util
from grad300_sdk import __main__
find = importlib.util.find_spec
missing = lambda name, *more: None if name == {module!r} else find(name, *more)
importlib.util.find_spec = __main__.find_spec = missing
sys.exit(__main__.main())
"""
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return Done(done.returncode, done.stdout, done.stderr)

    @pytest.mark.parametrize("module", ["typer", "rich"])
    def test_a_line_says_what_to_install(self, module):
        done = self.without(module, "tree")
        assert done.status == 1
        assert 'pip install "grad300-sdk[cli]"' in done.error

    def test_so_it_does_for_the_sandbox(self):
        done = self.without("fastapi", "sandbox")
        assert done.status == 1
        assert 'pip install "grad300-sdk[sandbox]"' in done.error

    def test_so_it_does_for_bars(self, access, tmp_path):
        done = self.without(
            "tqdm", *access, "download", "TPI", "1", "--dir", str(tmp_path), "--progress"
        )
        assert done.status == 1
        assert 'pip install "grad300-sdk[progress]"' in done.error

    def test_ctrl_c_while_it_loads_is_quiet(self, monkeypatch, capsys):
        def interrupt():
            raise KeyboardInterrupt

        monkeypatch.setattr("grad300_sdk.command_line.run", interrupt)
        assert main_module.main() == 130
        assert capsys.readouterr() == ("", "")


class TestGlobalOptions:
    @pytest.mark.parametrize("place", range(4))
    def test_they_may_stand_anywhere(self, here, access, place):
        command = ["get", "/users/me", "--param=a=b"]
        done = here(*command[:place], *access, *command[place:])
        assert (done.status, done.errors) == (0, "")

    def test_after_two_hyphens_they_are_arguments(self, here):
        assert "'--quiet'" in here("download", "TPI", "--", "--quiet").error

    def test_the_environment_stands_for_them(self, here, sandbox, token_file, monkeypatch):
        monkeypatch.setenv("GRAD300_BASE_URL", sandbox.url)
        monkeypatch.setenv("GRAD300_TOKEN_FILE", str(token_file))
        assert json.loads(here("get", "/users/me").output)["email"] == sandbox.user
        monkeypatch.setenv("GRAD300_USER", "another@example.com")
        assert json.loads(here("get", "/users/me").output)["email"] == sandbox.user
        done = here("--base-url", "http://127.0.0.1:9", "get", "/users/me")
        assert "127.0.0.1:9/" in done.error
        monkeypatch.setattr(sys, "stdin", io.StringIO(sandbox.password))
        done = here("--user", sandbox.user, "--password-stdin", "get", "/users/me")
        assert json.loads(done.output)["email"] == sandbox.user

    def test_a_user_of_the_environment_is_one(self, here, sandbox, monkeypatch):
        monkeypatch.setenv("GRAD300_USER", sandbox.user)
        monkeypatch.setattr(sys, "stdin", io.StringIO(sandbox.password))
        done = here("--base-url", sandbox.url, "--password-stdin", "get", "/users/me")
        assert json.loads(done.output)["email"] == sandbox.user

    def test_quiet_leaves_errors_alone(self, access, tmp_path):
        arguments = (*access, "--quiet", "download", "Images", "1", "--dir", tmp_path)
        environment = {"ASTROPY_CONFIG_DIR": str(tmp_path), "BEARER_TOKEN_FILE": "missing"}
        (tmp_path / "grad300_sdk.cfg").write_text("timout = 5\n")
        done = piped(*arguments, **environment)
        assert (done.status, done.errors) == (0, "")
        done = piped(*arguments, "987654321", **environment)
        assert (done.status, done.errors) == (1, "grad300: Images 987654321: Scan not found\n")


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            ("base_url = 1, 2", "grad300_sdk.cfg is wrong: base_url: the value"),
            ("base_url = archive", "conf.base_url must be an http or https URL"),
        ],
    )
    def test_a_wrong_one_is_named_as_a_setting(self, tmp_path, setting, said):
        (tmp_path / "astropy").mkdir()
        (tmp_path / "astropy" / "grad300_sdk.cfg").write_text(setting)
        done = piped("scans", XDG_CONFIG_HOME=str(tmp_path))
        assert done.status == 2
        assert said in done.error


class TestAccess:
    def test_the_password_is_read_from_standard_input(self, sandbox, by_password):
        done = piped(
            *by_password, "--password-stdin", "get", "/users/me", given=f"{sandbox.password}\n"
        )
        assert (done.status, done.errors) == (0, "")
        assert json.loads(done.output)["email"] == sandbox.user

    @pytest.mark.parametrize("given", ["", "\n"])
    def test_none_there_is_said(self, by_password, given):
        done = piped(*by_password, "--password-stdin", "scans", given=given)
        assert (done.status, done.error) == (2, "the password is empty")

    def test_without_a_terminal_it_is_not_asked_for(self, by_password):
        done = piped(*by_password, "scans")
        assert done.status == 2
        assert "--password-stdin" in done.error

    def test_one_that_can_not_be_read_is_not_shown(self, here, monkeypatch, by_password):
        given = io.TextIOWrapper(io.BytesIO(b"se\xffcret\n"), "utf-8")
        monkeypatch.setattr(sys, "stdin", given)
        done = here(*by_password, "--password-stdin", "scans")
        assert done.status == 2
        assert done.error == "the password is not valid text in the encoding of standard input"

    @posix
    def test_on_a_terminal_it_is_asked_for_and_not_shown(self, sandbox, by_password):
        prompt = f"Password of {sandbox.user}: "
        typed = f"{sandbox.password}\n"
        status, seen = shown(*by_password, "get", "/users/me", answers=((prompt, typed),))
        assert status == 0
        assert sandbox.password not in seen
        assert json.loads(seen.removeprefix(prompt))["email"] == sandbox.user

    @posix
    @pytest.mark.parametrize(("typed", "expected"), [("\x04", 2), ("\x03", 130)])
    def test_the_end_of_input_and_ctrl_c_end_quietly(self, by_password, typed, expected):
        status, seen = shown(*by_password, "scans", answers=((": ", typed),))
        assert status == expected
        assert "Traceback" not in seen

    def test_a_wrong_password_is_a_failure(self, sandbox, by_password):
        done = piped(*by_password, "--password-stdin", "scans", given="not-this-one\n")
        assert done.status == 1
        assert done.error.startswith("Incorrect email or password;")
        assert "not-this-one" not in done.errors

    def test_without_credentials_a_hint_says_what_to_do(self, here, sandbox):
        done = here("--base-url", sandbox.url, "scans", "TPI")
        assert done.status == 1
        assert done.error.startswith("Not authenticated; GET ")
        assert done.error.endswith(
            "answered 401. No credentials were sent. Log in with 'grad300 login', "
            "or use --user or --token-file."
        )

    def test_those_of_the_environment_are_found(self, sandbox, token_file):
        arguments = ("--base-url", sandbox.url, "get", "/users/me")
        assert piped(*arguments, BEARER_TOKEN_FILE=str(token_file)).status == 0

    def test_verbose_says_what_is_sent_without_secrets(self, sandbox, by_password, token_file):
        done = piped(
            *(*by_password, "--password-stdin", "--verbose", "get", "/scans/TPI/1"),
            given=sandbox.password,
        )
        assert done.status == 0
        assert json.loads(done.output)["id"] == 1
        lines = done.errors.splitlines()
        assert len(lines) == 2
        assert f"POST {sandbox.url}/api/v1/login/access-token" in lines[0]
        assert f"GET {sandbox.url}/api/v1/scans/TPI/1" in lines[1]
        assert sandbox.password not in done.errors


class TestTree:
    def test_it_is_that_of_the_client_and_sends_nothing(self, here):
        with Client(force_noauth=True) as client:
            assert here("tree") == Done(0, f"{client.tree()}\n", "")

    @pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
    def test_it_is_indented_and_fits_into_a_width(self, here, width):
        done = here("tree", "--width", width)
        lines = done.output.splitlines()
        assert (done.status, done.errors) == (0, "")
        assert max(map(len, lines)) <= width
        nodes = [line for line in lines if " GET " not in line and " POST " not in line]
        assert [node.split()[0] for node in nodes] == [
            *("client", ".login", ".scans", "[scan_type]", "[scan_id]", ".file", ".openapi"),
        ]
        with Client(force_noauth=True) as client:
            assert len(lines) - len(nodes) == len(client.tree())
        assert any(re.match(r"      \[scan_id\] +\{scan_id\}$", line) for line in lines)
        assert any(re.match(r"    \.test_token\(\) +GET +/test-token", line) for line in lines)

    @posix
    @pytest.mark.parametrize("columns", [60, 80])
    def test_on_a_terminal_it_has_the_width_of_that(self, here, columns):
        status, seen = shown("tree", columns=columns)
        assert (status, seen) == (0, here("tree", "--width", columns).output)

    def test_a_width_must_hold_something(self, here):
        assert here("tree", "--width", "3").error == "--width must be at least 20, not 3"

    def test_it_asks_for_no_password(self):
        assert piped("--user", "me", "tree").status == 0


class TestGet:
    def test_json_is_a_line_in_a_pipe(self, here, access, sandbox, token_file):
        done = here(*access, "get", "/scans/TPI/", "--param", "limit=2", "--param", "source=sun")
        assert (done.status, done.errors) == (0, "")
        assert done.output.count("\n") == 1
        with Client(sandbox.url, token_file=token_file) as client:
            assert json.loads(done.output) == client.scans["TPI"].get(limit=2, source="sun")

    @posix
    def test_it_is_indented_on_a_terminal(self, access):
        status, seen = shown(*access, "get", "scans/TPI/1")
        assert status == 0
        assert seen.startswith('{\n  "id": 1,\n')
        assert json.loads(seen)["id"] == 1

    def test_parameters_may_be_repeated_and_hold_anything(self, here):
        with Wire(answer(b"[]")) as wire:
            names = ("a=1", "b=x=y&z", "a=2", "c=")
            options = [part for name in names for part in ("--param", name)]
            assert here("--base-url", wire.url, "get", "/x?d=4", *options).status == 0
            assert wire.requests[0].target == "/api/v1/x?d=4&a=1&a=2&b=x%3Dy%26z&c="

    def test_nan_is_null(self, here):
        with Wire(answer(b'{"a": NaN, "b": [-Infinity], "c": "NaN"}')) as wire:
            done = here("--base-url", wire.url, "get", "/x")
        assert done.output == '{"a":null,"b":[null],"c":"NaN"}\n'

    def test_bytes_go_through_a_pipe_unchanged(self, access, sandbox, token_file):
        command = [*COMMAND, *access, "get", "/scans/Images/1/download"]
        done = subprocess.run(command, capture_output=True, timeout=60)
        with Client(sandbox.url, token_file=token_file) as client:
            assert done.stdout == client.scans["Images"][1].file.get()
        assert (done.returncode, done.stderr) == (0, b"")

    @posix
    def test_but_not_to_a_terminal(self, access):
        status, seen = shown(*access, "get", "/scans/Images/1/download")
        assert status == 1
        assert seen.count("\n") == 1
        assert "> FILE" in seen

    def test_nothing_is_nothing(self, here):
        with Wire(answer(b"", "204 No Content")) as wire:
            assert here("--base-url", wire.url, "get", "/x") == Done(0, "", "")

    def test_an_error_is_a_line(self, here, access, sandbox):
        done = here(*access, "get", "/scans/TPI/987654321")
        assert done.status == 1
        url = f"{sandbox.url}/api/v1/scans/TPI/987654321"
        assert done.error == f"Scan not found; GET {url} answered 404."

    def test_so_is_a_server_that_is_not_there(self, here):
        with Wire() as wire:
            url = wire.url
        done = here("--base-url", url, "get", "/x")
        assert done.status == 1
        assert done.error.startswith(f"GET {url}/api/v1/x: ")

    def test_whatever_else_goes_wrong_is_a_line_too(self, here, monkeypatch):
        def fail(self, **options):
            raise RuntimeError("something\nunexpected")

        monkeypatch.setattr(Client, "tree", fail)
        done = here("tree")
        assert (done.status, done.error) == (1, "RuntimeError: something unexpected")


class TestScans:
    @pytest.fixture
    def expected(self, sandbox: Sandbox, token_file: Path) -> Any:
        with Client(sandbox.url, token_file=token_file) as client:
            return client.scans["TPI"].table(source="casa")

    def test_a_table_in_a_pipe_is_whole(self, here, access, expected):
        done = here(*access, "scans", "tpi", "--source", "casa")
        assert (done.status, done.errors) == (0, "")
        head, *rows = done.output.splitlines()
        assert re.split(" {2,}", head)[:8] == [
            *("id", "scan_type", "file_name", "file_path", "size [byte]", "source"),
            *("ra [hourangle]", "dec [deg]"),
        ]
        assert len(rows) == len(expected)
        for name in expected.colnames:
            assert name in head
        assert all(row["file_name"] in line for row, line in zip(expected, rows, strict=True))

    def test_csv(self, here, access, expected):
        done = here(*access, "scans", "TPI", "--source", "casa", "--format", "csv")
        assert (done.status, done.errors) == (0, "")
        rows = list(csv.DictReader(io.StringIO(done.output)))
        assert list(rows[0]) == expected.colnames
        assert [int(row["id"]) for row in rows] == list(expected["id"])
        assert [float(row["dec"]) for row in rows] == list(expected["dec"])
        assert [row["date"] for row in rows] == list(expected["date"].isot)
        is_missing = expected["azimuth"].mask
        assert [row["azimuth"] == "" for row in rows] == list(is_missing)

    def test_ecsv_and_votable(self, here, access, expected):
        for form, name in (("ecsv", "ascii.ecsv"), ("votable", "votable")):
            done = here(*access, "scans", "TPI", "--source", "casa", "--format", form)
            assert (done.status, done.errors) == (0, "")
            table = Table.read(io.BytesIO(done.output.encode()), format=name)
            assert list(table["id"]) == list(expected["id"])
            assert str(table["dec"].unit) == "deg"

    def test_columns_are_chosen(self, here, access, expected):
        arguments = ("scans", "TPI", "--source", "casa", "--columns")
        done = here(*access, *arguments, "size, id", "--format", "csv")
        rows = list(csv.reader(io.StringIO(done.output)))
        assert rows[0] == ["size", "id"]
        assert len(rows) == 1 + len(expected)
        done = here(*access, *arguments, "sice")
        assert done.status == 2
        assert done.error == "--columns has 'sice', which is not a column; did you mean 'size'?"
        assert "there are id, scan_type" in here(*access, *arguments, "xyz").error

    def test_fits_is_written(self, here, access, expected, tmp_path):
        path = tmp_path / "x.fits"
        done = here(*access, "scans", "TPI", "--source", "casa", "--output", path)
        assert done == Done(0, "", "")
        assert list(Table.read(path)["id"]) == list(expected["id"])

    def test_json_is_the_list_of_raw_objects(self, here, access, sandbox, token_file):
        done = here(*access, "scans", "--format", "json", "--from", "2025-06-01")
        assert (done.status, done.errors) == (0, "")
        with Client(sandbox.url, token_file=token_file) as client:
            assert json.loads(done.output) == list(client.scans.search(date_from="2025-06-01"))

    def test_every_filter_is_used(self, here, access, sandbox, token_file):
        filters = {"source": "sun", "scan_name": "TPI", "date_from": "2025-02-01"}
        options = ("--source", "sun", "--scan-name", "TPI", "--from", "2025-02-01")
        more = ("--to", "2025-08-31", "--max-results", "3", "--format", "json")
        done = here(*access, "scans", *options, *more)
        with Client(sandbox.url, token_file=token_file) as client:
            expected = list(client.scans.search(**filters, date_to="2025-08-31", max_results=3))
        assert json.loads(done.output) == expected
        assert len(expected) == 3

    def test_none_found_is_no_failure(self, here, access):
        done = here(*access, "scans", "--source", "nowhere", "--format", "csv")
        assert (done.status, done.output.count("\n")) == (0, 1)
        assert here(*access, "scans", "--source", "nowhere", "--format", "json").output == "[]\n"

    @posix
    @pytest.mark.parametrize("columns", [20, 80, 100, 400])
    def test_a_table_on_a_terminal_fits(self, access, columns):
        arguments = ("scans", "TPI", "--max-results", "4")
        status, seen = shown(*access, *arguments, columns=columns)
        assert status == 0
        lines = [line for line in seen.splitlines() if not line.startswith("grad300: ")]
        assert lines[0].startswith("\x1b[1mid")
        lines[0] = re.sub(r"\x1b\[\d+m", "", lines[0])
        assert len(lines) == 5
        assert max(map(len, lines)) <= columns
        assert ("columns fit;" in seen) == (columns < 400)
        assert ("2025-01-30 09:30:00" in lines[1]) == (columns >= 80)
        assert ("20250130-093000_TPI" in seen) == (columns > 100)
        assert ("nsamples" in seen) == (columns == 400)

    @posix
    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_colours_can_be_switched_off(self, access, monkeypatch, name, value):
        monkeypatch.setenv(name, value)
        _, seen = shown(*access, "scans", "TPI", "--max-results", "1")
        assert is_harmless(seen)

    @posix
    @pytest.mark.parametrize("form", ["csv", "ecsv", "json", "votable"])
    def test_the_other_formats_are_whole_on_a_terminal(self, access, form):
        status, seen = shown(*access, "scans", "TPI", "--max-results", "2", "--format", form)
        assert status == 0
        for name in ("20250130-093000_TPI", "20250130-104607_TPI", "nsamples"):
            assert name in seen

    @pytest.mark.parametrize(
        ("name", "options", "start"),
        [
            ("x.csv", (), "id,scan_type,"),
            ("x.ECSV", (), "# %ECSV"),
            ("x.json", (), "[{"),
            ("x.vot", (), "<?xml"),
            ("x.xml", (), "<?xml"),
            ("x", (), "id  scan_type"),
            ("x.csv", ("--format", "json"), "[{"),
        ],
    )
    def test_a_file_is_written_in_its_format(self, here, access, tmp_path, name, options, start):
        path = tmp_path / name
        path.write_text("old content")
        done = here(*access, "scans", "--max-results", "2", "--output", path, *options)
        assert done == Done(0, "", "")
        assert path.read_text().startswith(start)
        assert list(tmp_path.iterdir()) == [path]

    def test_a_file_is_written_whole_or_not_at_all(self, here, access, tmp_path, monkeypatch):
        path = tmp_path / "x.csv"
        path.write_text("old content")

        def fail(self, data):
            with self.open("wb") as file:
                file.write(data[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", fail)
        done = here(*access, "scans", "--output", path)
        assert done.status == 1
        assert done.error == f"[Errno 28] No space left on device: '{path}'"
        assert path.read_text() == "old content"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_failure_leaves_no_file(self, here, sandbox, tmp_path):
        done = here("--base-url", sandbox.url, "scans", "--output", tmp_path / "x.csv")
        assert done.status == 1
        assert list(tmp_path.iterdir()) == []

    @posix
    def test_a_link_stays_and_a_device_too(self, here, access, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "x.csv")
        arguments = (*access, "scans", "--max-results", "1", "--output")
        assert here(*arguments, tmp_path / "link").status == 0
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "x.csv").read_text().startswith("id ")
        os.mkfifo(tmp_path / "pipe")
        with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
            assert here(*arguments, tmp_path / "pipe").status == 0
            assert reader.communicate(timeout=60)[0].startswith(b"id ")
        assert (tmp_path / "pipe").is_fifo()
        assert here(*arguments, "/dev/null").status == 0

    def test_a_warning_is_a_line(self):
        rows = [{"id": 1, "file_name": "a"}, {"id": "x", "file_name": "b\x1b[31m"}]
        with Wire(answer(json.dumps(rows).encode()), answer(b"[]")) as wire:
            done = subprocess.run(
                [sys.executable, "-m", "grad300_sdk", "--base-url", wire.url, "scans", "TPI"],
                capture_output=True,
                text=True,
                timeout=60,
            )
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 2
        assert done.stderr.startswith("grad300: warning: ")
        assert done.stderr.count("\n") == 1
        assert is_harmless(done.stderr)


class TestHostileNames:
    def test_csv_in_a_pipe_holds_them_as_they_are(self, hostile):
        done = subprocess.run(
            [*COMMAND, *hostile, "scans", "TPI", "--format", "csv"],
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        file = io.StringIO(done.stdout.decode(), newline="")
        [row] = csv.DictReader(file)
        assert row["file_name"] == row["comment"] == HOSTILE
        assert row["source"] == "[red]sun"

    def test_json_in_a_pipe_says_the_same_harmlessly(self, here, hostile):
        for arguments in (("scans", "TPI", "--format", "json"), ("get", "/scans/TPI/?offset=0")):
            done = here(*hostile, *arguments)
            assert json.loads(done.output)[0]["file_name"] == HOSTILE
            assert is_harmless(done.output)

    def test_a_table_in_a_pipe_has_a_line_a_row(self, here, hostile):
        done = here(*hostile, "scans", "TPI")
        assert done.output.count("\n") == 2
        assert is_harmless(done.output)
        assert r"<script>\x1b[31m[red]\x07\u202e\xad\U000e0041\x85x\ny\rz" in done.output

    @posix
    def test_a_long_cell_leaves_the_others_in_place_on_a_terminal(self):
        row = {"id": 1, "file_name": "n" * 10_000}
        with Wire(answer(json.dumps([row]).encode()), answer(b"[]")) as wire:
            status, seen = shown("--base-url", wire.url, "scans", "TPI", columns=120)
        assert status == 0
        assert f"  {'n' * 60}…  " in seen

    @posix
    @pytest.mark.parametrize("form", ["table", "csv", "ecsv", "json", "votable"])
    def test_a_terminal_gets_nothing_that_it_obeys(self, hostile, form, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")
        status, seen = shown(*hostile, "scans", "TPI", "--format", form, columns=300)
        assert status == 0
        assert "[red]sun" in seen
        assert is_harmless(seen)

    @posix
    def test_nor_does_it_from_get(self, hostile):
        status, seen = shown(*hostile, "get", "/scans/TPI/1")
        assert status == 0
        assert json.loads(seen)["file_name"] == HOSTILE
        assert is_harmless(seen)

    @pytest.mark.parametrize("arguments", [("get", "/broken"), ("get", "/broken\x1b[31m")])
    def test_an_error_is_one_harmless_line(self, hostile, arguments, no_backoff, here):
        done = here(*hostile, *arguments)
        assert done.status == 1
        assert done.error.startswith("<script>")
        assert "[red]" in done.error
        assert is_harmless(done.errors)


class TestDownload:
    def test_without_a_folder_it_is_the_current_one(self, here, access, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        done = here(*access, "download", "Images", "1")
        assert done.status == 0
        assert [path.name for path in tmp_path.iterdir()] == done.output.splitlines()

    def test_by_ids(self, here, access, sandbox, token_file, tmp_path):
        arguments = (*access, "download", "images", "1", "2", "--dir", tmp_path / "a/b")
        done = here(*arguments)
        assert done.errors == "grad300: 2 saved, 0 skipped, 0 failed\n"
        assert done.status == 0
        paths = [Path(line) for line in done.output.splitlines()]
        assert sorted((tmp_path / "a/b").iterdir()) == sorted(paths)
        with Client(sandbox.url, token_file=token_file) as client:
            for number, path in enumerate(paths, 1):
                scan = client.scans["Images"][number]
                assert path.name == scan.record().file_name
                assert path.read_bytes() == scan.file.get()
        again = here(*arguments)
        assert again == Done(0, done.output, "grad300: 0 saved, 2 skipped, 0 failed\n")
        repeated = here(*access, "download", "Images", "1", "1", "--dir", tmp_path / "c")
        assert repeated.errors == "grad300: 1 saved, 0 skipped, 0 failed\n"

    @pytest.mark.parametrize("kind", [(), ("Images",)])
    def test_by_filters(self, here, access, sandbox, token_file, tmp_path, kind):
        done = here(
            *(*access, "download", *kind, "--source", "sun", "--scan-name", "IMAGE"),
            *("--from", "2025-01-01", "--to", "2026-12-31", "--max-results", "2"),
            *("--dir", tmp_path, "--no-progress"),
        )
        assert (done.status, done.errors) == (0, "grad300: 2 saved, 0 skipped, 0 failed\n")
        with Client(sandbox.url, token_file=token_file) as client:
            found = client.scans["Images"].records(source="sun", max_results=2)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            record.file_name for record in found
        )

    def test_a_failure_is_a_line_and_the_rest_is_saved(self, here, access, tmp_path):
        done = here(*access, "download", "Images", "1", "987654321", "--dir", tmp_path)
        assert done.status == 1
        first, last = done.errors.splitlines()
        assert first.startswith("grad300: Images 987654321: ")
        assert last == "grad300: 1 saved, 0 skipped, 1 failed"
        assert [Path(line) for line in done.output.splitlines()] == list(tmp_path.iterdir())

    def test_overwriting(self, here, access, tmp_path):
        arguments = (*access, "download", "Images", "1", "--dir", tmp_path)
        here(*arguments)
        [path] = tmp_path.iterdir()
        content = path.read_bytes()
        path.write_bytes(b"short")
        done = here(*arguments)
        assert (done.status, done.output) == (1, "")
        assert "; --overwrite replaces it\ngrad300: 0 saved, 0 skipped, 1 failed" in done.errors
        assert path.read_bytes() == b"short"
        assert here(*arguments, "--overwrite").status == 0
        assert path.read_bytes() == content

    @posix
    def test_a_bar_is_on_a_terminal_alone(self, access, tmp_path):
        arguments = (*access, "download", "Images", "1", "--dir")
        status, seen = shown(*arguments, tmp_path / "a")
        assert status == 0
        assert "100%" in seen
        status, seen = shown(*arguments, tmp_path / "b", "--no-progress")
        assert status == 0
        assert "%" not in seen
        assert "%" not in piped(*arguments, tmp_path / "c").errors
        assert "100%" in piped(*arguments, tmp_path / "d", "--progress").errors

    def test_hostile_names_and_files_do_no_harm(self, here, hostile, tmp_path):
        done = here(*hostile, "download", "TPI", "1", "--dir", tmp_path)
        assert done.status == 1
        assert "grad300: 0 saved, 0 skipped, 1 failed\n" in done.errors
        assert is_harmless(done.errors)
        assert list(tmp_path.iterdir()) == []


class TestSandbox:
    def test_it_serves_until_ctrl_c(self):
        process = subprocess.Popen(
            [*COMMAND, "sandbox", "--scans", "8", "--seed", "3"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            said = dict(process.stdout.readline().split() for _ in range(3))
            arguments = ("--base-url", said["address"], "--user", said["user"])
            done = piped(
                *(*arguments, "--password-stdin", "scans", "--format", "json"),
                given=said["password"],
            )
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=60)
        assert len(json.loads(done.output)) == 8
        assert (process.returncode, *rest) == (0, "", "")

    @pytest.fixture
    def made(self, monkeypatch):
        """Write down the sandbox's options in place of running it."""
        made = {}
        monkeypatch.setattr("grad300_sdk.sandbox.Sandbox", lambda **options: made.update(options))
        monkeypatch.setattr("grad300_sdk.sandbox.__main__.serve", lambda sandbox: None)
        return made

    def test_all_options_reach_it(self, made, here):
        options = (
            "--host ::1 --port 81 --scans 9 --seed 5 --token-lifetime 60 --max-limit 7 "
            "--ignore-filters --ignore-offset --latency 0.5 --failure-rate 0.25 --broken"
        )
        assert here("sandbox", *options.split()) == Done(0, "", "")
        assert made == {
            "host": "::1",
            "port": 81,
            "scans": 9,
            "seed": 5,
            "token_lifetime": 60.0,
            "max_limit": 7,
            "ignore_filters": True,
            "ignore_offset": True,
            "latency": 0.5,
            "failure_rate": 0.25,
            "broken": True,
        }

    def test_the_defaults_are_those_of_the_sandbox(self, made, here):
        assert here("sandbox").status == 0
        parameters = inspect.signature(Sandbox).parameters
        defaults = {name: parameter.default for name, parameter in parameters.items()}
        del defaults["token_lifetime"]
        assert made == defaults

    def test_a_port_in_use_is_a_line(self, here):
        with Sandbox(scans=4) as sandbox:
            port = sandbox.url.rpartition(":")[2]
            done = here("sandbox", "--port", port, "--scans", "4")
        assert done.status == 1
        assert done.error.startswith(f"cannot listen on 127.0.0.1 port {port}: ")
        assert done.error.endswith("; use another --port, or 0 for a free one")


@posix
class TestEnds:
    """Closed streams, a reader that closes the pipe, and Ctrl-C: no tracebacks."""

    def test_a_broken_pipe_is_quiet(self, access):
        command = [*COMMAND, *access, "scans", "--format", "csv"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 141

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    @pytest.mark.parametrize("command", ["whoami", "config timeout", "show TPI/1", "tree"])
    def test_closed_streams_change_no_status(self, access, command, closed):
        line = f'"$@" {command} {closed}'
        done = subprocess.run(
            ["sh", "-c", line, "sh", sys.executable, "-m", "grad300_sdk", *access],
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0
        assert done.stderr == b""

    def test_a_full_disk_is_a_line(self, access):
        if not Path("/dev/full").exists():
            pytest.skip("/dev/full does not exist")
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*COMMAND, *access, "scans", "--format", "csv"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
            )
        assert done.returncode == 1
        assert done.stderr == "grad300: [Errno 28] No space left on device\n"

    def test_ctrl_c_is_quiet(self):
        with Wire(*[[STALL]] * 4) as wire:
            # Without -W error: interrupting the creation of a socket causes a ResourceWarning.
            command = [sys.executable, "-m", "grad300_sdk", "--base-url", wire.url, "scans"]
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as process:
                while not wire.requests:
                    assert process.poll() is None
                process.send_signal(signal.SIGINT)
                output = process.communicate(timeout=60)
        assert (process.returncode, *output) == (130, b"", b"")


class TestCompletion:
    """Shell completion, for which the shells run the program."""

    def complete(self, **environment: str) -> str:
        done = subprocess.run(
            COMMAND, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("grad300 d", ["download"]),
            ("grad300 scans ", ["TPI", "Images", "Spectrum", "OnOff"]),
            ("grad300 scans S", ["Spectrum"]),
            ("grad300 scans --format v", ["votable"]),
            ("grad300 download --ov", ["--overwrite"]),
            ("grad300 download --qui", ["--quiet"]),
            ("grad300 scans --columns id,fi", ["id,file_name", "id,file_path"]),
            ("grad300 config ti", ["timeout"]),
            ("grad300 download --layout ar", ["archive"]),
            ("grad300 --password", ["--password-stdin"]),
        ],
    )
    def test_what_is_offered(self, words, expected):
        count = str(len(words.split(" ")) - 1)
        bash = self.complete(_GRAD300_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=count)
        assert bash.split() == expected
        zsh = self.complete(_GRAD300_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=words)
        assert re.findall(r'\("?"([\w,-]+)"', zsh) or re.findall(r'^"([\w-]+)"', zsh, re.M)
        fish = self.complete(
            _GRAD300_COMPLETE="complete_fish",
            _TYPER_COMPLETE_FISH_ACTION="get-args",
            _TYPER_COMPLETE_ARGS=words,
        )
        assert [line.split("\t")[0] for line in fish.splitlines()] == expected

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_script_for_each_shell(self, shell):
        assert "grad300" in self.complete(_GRAD300_COMPLETE=f"source_{shell}")

    @pytest.mark.parametrize("words", ["grad300 show m", "grad300 repair m", "grad300 get /"])
    def test_elsewhere_the_shell_completes_files(self, words):
        environment = {"_GRAD300_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words}
        assert self.complete(**environment).strip() == "_files"


class Terminal(io.StringIO):
    """Standard input that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


class TestWithinThisProcess:
    """The tests above within this process, where failures are easier to find."""

    @pytest.fixture
    def on_terminal(self, here, monkeypatch):
        def call(*arguments: object) -> Done:
            monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
            monkeypatch.setenv("COLUMNS", "80")
            return here(*arguments)

        return call

    def test_a_line_says_what_to_install(self, monkeypatch, capsys):
        monkeypatch.setattr(main_module, "find_spec", lambda name: None)
        assert main_module.main() == 1
        assert capsys.readouterr().err.startswith("grad300: the command line needs typer:")

    def test_the_status_is_handed_on(self, monkeypatch):
        monkeypatch.setattr("grad300_sdk.command_line.run", lambda: 7)
        assert main_module.main() == 7

    def test_the_password_is_asked_for(self, here, by_password, sandbox, monkeypatch):
        prompts = []
        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr("getpass.getpass", lambda p: prompts.append(p) or sandbox.password)
        assert here(*by_password, "get", "/users/me").status == 0
        assert prompts == [f"Password of {sandbox.user}: "]

    def test_none_may_be_given(self, here, by_password, monkeypatch):
        def end(prompt):
            raise EOFError

        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr("getpass.getpass", end)
        done = here(*by_password, "scans")
        assert (done.status, done.error) == (2, "the password is empty")

    def test_it_is_read(self, here, by_password, sandbox, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{sandbox.password}\r\nmore"))
        assert here(*by_password, "--password-stdin", "get", "/users/me").status == 0

    def test_there_is_no_terminal_to_ask_at(self, here, by_password, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        assert here(*by_password, "get", "/users/me").status == 2

    def test_a_terminal_gets_what_fits(self, on_terminal, access):
        done = on_terminal(*access, "scans", "TPI", "--max-results", "2")
        assert done.errors == (
            "grad300: 5 of 18 columns fit; --columns chooses others, --format csv has all\n"
        )
        lines = re.sub(r"\x1b\[\d+m", "", done.output).splitlines()
        assert re.split(" {2,}", lines[0]) == [
            *("id", "scan_type", "date", "source", "size [byte]"),
        ]
        assert max(map(len, lines)) <= 80

    def test_a_terminal_gets_no_bytes(self, on_terminal, access):
        assert "> FILE" in on_terminal(*access, "get", "/scans/Images/1/download").error

    @posix
    def test_the_reader_may_go_away(self, access, monkeypatch):
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "w") as out:
            monkeypatch.setattr(sys, "stdout", out)
            assert run([*access, "get", "/users/me"]) == 141

    def test_the_disk_may_be_full(self, here, access, monkeypatch):
        if not Path("/dev/full").exists():
            pytest.skip("/dev/full does not exist")
        with open("/dev/full", "w") as out:
            monkeypatch.setattr(sys, "stdout", out)
            done = here(*access, "get", "/users/me")
        assert (done.status, done.error) == (1, "[Errno 28] No space left on device")

    @pytest.mark.filterwarnings("default")
    def test_a_warning(self, here):
        rows = [{"id": 1, "file_name": "a"}, {"id": "x"}]
        with Wire(answer(json.dumps(rows).encode()), answer(b"[]")) as wire:
            done = here("--base-url", wire.url, "scans", "TPI")
        assert done.status == 0
        assert done.errors.startswith("grad300: warning: ")

    def test_verbose(self, here, access, monkeypatch):
        monkeypatch.setattr(logging.root, "handlers", [])
        level = logging.root.level
        try:
            done = here(*access, "--verbose", "get", "/users/me")
        finally:
            logging.root.setLevel(level)
        assert done.errors.startswith(
            "grad300_sdk.engine.network.incoming: HTTP Request: GET http://127.0.0.1:"
        )
        assert done.errors.count("\n") == 1

    def test_completion(self, monkeypatch, capsys):
        monkeypatch.setenv("_GRAD300_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "grad300 scans ")
        monkeypatch.setenv("COMP_CWORD", "2")
        with pytest.raises(SystemExit):
            run([])
        assert capsys.readouterr().out.split() == ["TPI", "Images", "Spectrum", "OnOff"]


@pytest.fixture
def shell(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to run shells in, with a `grad300` that finds the sandbox and an account."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home / "bin", home / "astropy", work):
        folder.mkdir(parents=True)
    (home / "astropy" / "grad300_sdk.cfg").write_text(f'base_url = "{sandbox.url}"\n')
    (home / ".netrc").touch(0o600)
    (home / ".netrc").write_text(
        f"machine 127.0.0.1 login {sandbox.user} password {sandbox.password}\n"
    )
    for name, command in (("grad300", "-m grad300_sdk"), ("python", "")):
        program = home / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PASSWORD", sandbox.password)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/bin:{os.environ['PATH']}")
    return work


@posix
@pytest.mark.parametrize("page", ["docs/command_line.rst", "README.rst"])
def test_the_examples_in_the_documentation_run(shell, page):
    """Run the `console` blocks, which show the whole output of each command."""

    def run_commands(example: Example) -> str | None:
        for part in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            if command.startswith("python -m pip "):  # .ci/run does that
                continue
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=shell,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=60,
            )
            shown = done.stdout.decode()
            if not OutputChecker().check_output(expected, shown, ELLIPSIS):
                return f"{command}\nshows\n{shown}"
        return None

    path = Path(__file__).parents[2] / page
    examples = list(Sybil([CodeBlockParser("console", run_commands)]).parse(path).examples())
    assert examples
    for example in examples:
        example.evaluate()
