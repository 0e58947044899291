"""The example of an MCP server, over its standard streams."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client as MCPClient
from mcp import StdioServerParameters

from grad300_sdk import Client
from grad300_sdk.sandbox import Sandbox

SCRIPT = Path(__file__).parents[2] / "docs/examples/mcp_server.py"


@pytest.fixture
def token(sandbox: Sandbox, tmp_path: Path) -> Path:
    """Return a file with a token of the sandbox."""
    with Client(sandbox.url) as client:
        token = client.login(sandbox.user, sandbox.password)
    file = tmp_path / "token"
    file.write_text(token)
    return file


@asynccontextmanager
async def serving(url: str, **environment: str) -> AsyncIterator[MCPClient]:
    """Run the server, and give a client of it."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-W", "error", str(SCRIPT), "--base-url", url],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )
    async with MCPClient(parameters) as client:
        yield client


def test_the_tools(sandbox: Sandbox, token: Path) -> None:
    with Client(sandbox.url, token_file=token) as client:
        page = client.scans["TPI"].get(offset=2, limit=3)
        spectrum = client.scans["Spectrum"][1].get()
        suns = list(client.scans.search(source="sun", max_results=5))
    answers: dict[str, Any] = {}

    async def main() -> None:
        async with serving(sandbox.url, BEARER_TOKEN_FILE=str(token)) as client:
            tools = (await client.list_tools()).tools
            answers["read only"] = {
                tool.name: tool.annotations and tool.annotations.read_only_hint for tool in tools
            }
            for name, arguments in (
                ("list_scans", {"scan_type": "TPI", "offset": 2, "limit": 3}),
                ("search_scans", {"source": "sun", "max_results": 5}),
                ("describe_scan", {"scan_type": "Spectrum", "scan_id": 1}),
                ("quick_look", {"scan_type": "Images", "scan_id": 1}),
            ):
                answers[name] = await client.call_tool(name, arguments)

    anyio.run(main)
    assert answers.pop("read only") == dict.fromkeys(answers, True)
    assert not [name for name, answer in answers.items() if answer.is_error]
    assert answers["list_scans"].structured_content == {"result": page}
    assert answers["search_scans"].structured_content == {"result": suns}
    described = answers["describe_scan"].structured_content
    assert described["scan"] == spectrum
    empty, table = described["hdus"]
    assert empty["header"]["NAXIS"] == 0
    assert table["header"]["BNDRES"] == pytest.approx(61094.8, abs=0.1)
    assert table["columns"]["Azimuth"] == "deg"
    [picture] = answers["quick_look"].content
    assert picture.mime_type == "image/png"
    assert base64.b64decode(picture.data).startswith(b"\x89PNG")
    assert token.read_text() not in str(answers)


def test_errors_are_answered_without_secrets(sandbox: Sandbox, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret-token")
    answers = []

    async def main() -> None:
        async with serving(sandbox.url, BEARER_TOKEN_FILE=str(token)) as client:
            for arguments in (
                {"max_results": 101},
                {"scan_type": "Moon"},
                {"date_from": "2025-02-02", "date_to": "2025-02-01"},
                {"source": "sun"},
            ):
                answers.append(await client.call_tool("search_scans", arguments))

    anyio.run(main)
    assert all(answer.is_error for answer in answers)
    limit, unknown, wrong, refused = (answer.content[0].text for answer in answers)
    assert "less than or equal to 100" in limit
    assert "'TPI', 'Images', 'Spectrum' or 'OnOff'" in unknown
    assert "date_to" in wrong
    assert "Could not validate credentials" in refused
    assert "s3cret" not in str(answers)
