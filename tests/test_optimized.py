"""What Python leaves out or gets wrong: assertions, and possessive regular expressions."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grad300_sdk

PACKAGE = Path(grad300_sdk.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_asserts(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)] == []


PREPARE = """
import asyncio, sys, httpx
from grad300_sdk import AsyncClient, Client, AuthenticationError, DecodeError, Grad300Error
seen = []
def server(request):
    seen.append(request.headers.get("Authorization"))
    if request.url.path.endswith("/access-token"):
        return httpx.Response(200, json=TOKEN)
    return httpx.Response(200, json={})
TOKEN = {"access_token": "abc"}
transport = httpx.MockTransport(server)
def raises(kind, function):
    try:
        function()
    except kind as error:
        if type(error) in (AssertionError, Exception):
            sys.exit(f"{error!r}")
        return
    sys.exit(f"nothing was raised, sent was {seen}")
"""
SCRIPTS = {
    "no assertion is left": "assert False",
    "an account is refused at once": """
for user, password in (("", "x"), ("x", ""), ("x", "\\ud800"), ("\\udfff", "x")):
    raises(ValueError, lambda: Client(user=user, password=password, transport=transport))
for user, password in ((5, "x"), ("x", b"x")):
    raises(TypeError, lambda: Client(user=user, password=password, transport=transport))
""",
    "a log-in is refused before it is sent": """
client = Client(transport=transport)
for password in ("", "\\ud800"):
    raises(ValueError, lambda: client.login("me", password))
    raises(ValueError, lambda: asyncio.run(AsyncClient(transport=transport).login("me", password)))
raises(TypeError, lambda: client.login("me", None))
if seen:
    sys.exit("something was sent")
""",
    "an answer without a token": """
for TOKEN in ({}, {"access_token": None}, {"access_token": ""}, {"access_token": "a b"}, [], None):
    client = Client(user="me", password="x", transport=transport)
    for _ in range(2):
        raises(DecodeError, lambda: client.resource("/x").get())
    raises(DecodeError, lambda: Client(transport=transport).login("me", "x"))
if any(seen):
    sys.exit(f"sent was {seen}")
""",
    "an account logs in": """
Client(user="me", password="x", transport=transport).resource("/x").get()
if seen != [None, "Bearer abc"]:
    sys.exit(f"sent was {seen}")
""",
    "a table of odd rows": """
from grad300_sdk.records import ScanType
from grad300_sdk.tables import make_table
import warnings
warnings.simplefilter("ignore")
rows = [{"id": 1, "file_name": "a"}, {"id": "x"}, 5, None, {"id": 2, "file_name": 2}]
if len(make_table(rows, ScanType.TPI, {})) != 1:
    sys.exit("another number of rows")
""",
}


@pytest.mark.parametrize("option", ["-O", "-OO"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_without_assertions(name: str, option: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, option, "-c", PREPARE + SCRIPTS[name]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# Python 3.11.0 to 3.11.4 match these wrongly where they hold a lookahead: Debian 12 has 3.11.2.
POSSESSIVE = re.compile(r"[*+?}]\+|\(\?>")


def patterns(path: Path) -> Iterator[str]:
    """Yield the literal parts of a module's regular expressions, without escapes and sets."""
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        is_re = isinstance(call, ast.Call) and ast.unparse(call.func).startswith("re.")
        for part in ast.walk(call.args[0]) if is_re and call.args else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
                text = part.value if isinstance(part.value, str) else part.value.decode("latin-1")
                yield re.sub(r"\[\^?\]?[^\]]*\]", "[]", re.sub(r"\\.", "x", text))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_regular_expression_is_possessive_or_atomic(path: Path) -> None:
    assert [pattern for pattern in patterns(path) if POSSESSIVE.search(pattern)] == []
