"""Run every example in the README, the documentation and the docstrings.

On a page, the ``>>>`` examples run in order. A ``python`` block or an included file is a script of
its own; the ``output`` block that follows it shows everything that it prints. The blocks that have
a file name as their caption are the files of a run of pytest.
"""

from __future__ import annotations

import getpass
import io
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.rest import CodeBlockParser, DocTestParser
from sybil.parsers.rest.lexers import DirectiveLexer

import grad300_sdk
from grad300_sdk import AsyncClient, Client

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PACKAGE = Path(grad300_sdk.__file__).parent
TEXTS = [ROOT / "README.rst", *sorted(ROOT.glob("docs/*.rst"))]
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]
QUICKSTART = ROOT / "docs/examples/quickstart.py"
# Examples that are programs have their own tests.
PROGRAMS = {QUICKSTART, ROOT / "docs/examples/mirror.py", ROOT / "docs/examples/mcp_server.py"}


def run_script(example: Example) -> None:
    """Run a script and keep its output for the block that follows."""
    source = "\n" * (example.line + 1) + example.parsed
    with redirect_stdout(io.StringIO()) as output:
        exec(compile(source, example.path, "exec"), {"__name__": "__main__"})
    example.namespace["printed"] = output.getvalue()


def compare_output(example: Example) -> str | None:
    """Compare an ``output`` block with the last output, ignoring blanks at the ends of lines."""
    printed = re.sub(" +$", "", example.namespace.pop("printed"), flags=re.MULTILINE)
    return None if printed == example.parsed else f"the script printed:\n{printed}"


def included_scripts(document: Document) -> Iterator[Region]:
    """Yield the files that a page includes, except for programs."""
    for region in DirectiveLexer("literalinclude")(document):
        path = Path(document.path).parent / region.lexemes["arguments"]
        if path not in PROGRAMS:
            region.parsed, region.evaluator = path.read_text("utf-8"), run_script
            yield region


def unnamed_scripts(document: Document) -> Iterator[Region]:
    """Yield the scripts on a page that are not files of a test run."""
    regions = CodeBlockParser("python", run_script)(document)
    return (region for region in regions if "caption" not in region.lexemes["options"])


PARSERS = [
    unnamed_scripts,
    CodeBlockParser("output", compare_output),
    DocTestParser(ELLIPSIS | NORMALIZE_WHITESPACE),
    included_scripts,
]
SYBIL = Sybil(PARSERS, document_types={".py": PythonDocStringDocument})


def check_examples(path, **names):
    """Run the examples of a file and return their number."""
    document = SYBIL.parse(path)
    document.namespace.update(names)
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    assert not document.namespace.get("printed"), "the output of the last script is not shown"
    return len(examples)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_the_examples_in_a_text_run(path, monkeypatch, tmp_path, no_backoff):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "docs/examples")
    number = check_examples(path)
    assert number or path.name != "README.rst"


def test_the_tests_in_a_text_pass(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    text = (ROOT / "docs/testing.rst").read_text("utf-8")
    document = Document(text, "testing.rst")
    number = 0
    for region in DirectiveLexer("code-block")(document):
        if name := region.lexemes["options"].get("caption"):
            source = region.lexemes["source"]
            pytester.path.joinpath(name).write_text(source)
            number += source.count("def test_")
    plugins = ("grad300_sdk.pytest_plugin", "anyio", "pytest_httpx", "respx.plugin")
    options = [option for name in plugins for option in ("-p", name)]
    filters = ("-W", "error", "-W", "ignore:Module already imported")
    done = pytester.runpytest_inprocess(*filters, *options)
    done.assert_outcomes(passed=number + 1)  # one is parametrized


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_examples_in_docstrings_run(path, sandbox):
    assert check_examples(path, sandbox=sandbox, Client=Client, AsyncClient=AsyncClient)


def quickstart(*arguments):
    command = [sys.executable, "-W", "error", QUICKSTART, *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def test_the_quickstart_brings_its_own_archive():
    done = quickstart()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Running a sandbox with synthetic scans on this machine."
    assert "  client.scans[scan_type].get                       GET   /scans/{scan_type}/" in lines
    for kind, what in (
        ("_TPI-", ": a table of "),
        ("_IMAGE-", ": an image of "),
        ("_SPECTRUM-", ": an HDU with "),
        ("_ONOFF-", ": an HDU with "),
    ):
        assert any(kind in line and what in line for line in lines)
    assert "NotFoundError: Scan not found" in done.stdout


def test_the_quickstart_takes_a_server_and_a_token_file(sandbox, tmp_path):
    with Client(sandbox.url) as client:
        token = client.login(sandbox.user, sandbox.password)
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    done = quickstart("--base-url", sandbox.url, "--token-file", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{sandbox.user} is logged in." in done.stdout
    assert token not in done.stdout


def run_quickstart_here(monkeypatch, *arguments, password=""):
    monkeypatch.setattr(sys, "argv", ["quickstart.py", *arguments])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: password)
    runpy.run_path(str(QUICKSTART), run_name="__main__")


def test_the_quickstart_asks_for_the_password(sandbox, monkeypatch, capsys):
    arguments = ("--base-url", sandbox.url, "--user", sandbox.user)
    run_quickstart_here(monkeypatch, *arguments, password=sandbox.password)
    output = capsys.readouterr().out
    assert f"{sandbox.user} is logged in." in output
    assert sandbox.password not in output


def test_a_wrong_password_is_one_line(sandbox, monkeypatch):
    arguments = ("--base-url", sandbox.url, "--user", sandbox.user)
    with pytest.raises(SystemExit) as raised:
        run_quickstart_here(monkeypatch, *arguments, password="wrong")
    assert raised.value.code == "AuthenticationError: Incorrect email or password"


@pytest.mark.parametrize("arguments", [("--token-file", "token"), ("--user", "me"), ("--what",)])
def test_wrong_usage_is_said_before_anything_starts(arguments):
    done = quickstart(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
