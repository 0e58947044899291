"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

PLUGIN = "grad300_sdk.pytest_plugin"
OPTIONS = (
    *("-p", PLUGIN, "-p", "anyio", "-p", "no:cacheprovider", "-W", "error"),
    *("-W", "ignore:Module already imported"),  # by another test
)


@pytest.fixture(autouse=True)
def _no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the plugin of this checkout alone, whichever are installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def run(pytester: pytest.Pytester) -> Any:
    """Run tests with the plugin."""

    def run_tests(source: str) -> Any:
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess(*OPTIONS)

    return run_tests


def test_a_client_is_logged_in_to_the_sandbox(run: Any) -> None:
    run("""
        import pytest

        clients = []

        def test_client(grad300_client, grad300_sandbox):
            assert grad300_client.base_api_url == f"{grad300_sandbox.url}/api/v1"
            assert grad300_client.login.test_token()["email"] == grad300_sandbox.user
            clients.append(grad300_client)

        def test_each_test_has_its_own(grad300_client):
            assert grad300_client is not clients[0]

        def test_earlier_ones_are_closed():
            with pytest.raises(RuntimeError, match="closed"):
                clients[0].scans["TPI"].get()
        """).assert_outcomes(passed=3)


def test_one_sandbox_serves_all_tests(run: Any) -> None:
    run("""
        import pytest

        urls = set()

        @pytest.fixture(scope="session")
        def files(grad300_sandbox):
            return grad300_sandbox.url

        @pytest.mark.parametrize("number", range(3))
        def test_sandbox(grad300_sandbox, files, number):
            urls.add(grad300_sandbox.url)
            assert urls == {files}
        """).assert_outcomes(passed=3)


def test_the_options_of_the_sandbox(run: Any, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest

        @pytest.fixture(scope="session")
        def grad300_sandbox_options():
            return {"scans": 4, "max_limit": 1}
        """)
    run("""
        import pytest

        def test_all(grad300_client):
            assert len(list(grad300_client.scans.search())) == 4

        @pytest.mark.parametrize("grad300_sandbox", [{"scans": 9}], indirect=True)
        def test_this_one(grad300_client):
            assert len(list(grad300_client.scans.search())) == 9
            assert len(grad300_client.scans["TPI"].get(limit=2)) == 1
        """).assert_outcomes(passed=2)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_asynchronous_client(run: Any, backend: str) -> None:
    run(f"""
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "{backend}"

        @pytest.mark.anyio
        async def test_client(grad300_async_client):
            assert len(await grad300_async_client.scans["TPI"].get(limit=3)) == 3

        @pytest.mark.anyio
        async def test_closed_by_hand(grad300_async_client, grad300_client):
            async with grad300_async_client as client:
                rows = [row async for row in client.scans["TPI"].search()]
            assert rows == list(grad300_client.scans["TPI"].search())
        """).assert_outcomes(passed=2)


def test_an_asynchronous_client_without_a_plugin_for_tests(run: Any) -> None:
    run("""
        import asyncio, gc

        def test_client(grad300_async_client):
            async def get():
                return await grad300_async_client.scans["TPI"].get(limit=3)

            assert len(asyncio.run(get())) == 3
            gc.collect()
        """).assert_outcomes(passed=1)


@pytest.fixture
def users_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave credentials, settings and a proxy wherever the SDK looks for them."""
    token = tmp_path / "token"
    token.write_text("users-token")
    (tmp_path / f"bt_u{os.getuid()}").write_text("users-token")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password users-password")
    (tmp_path / ".netrc").chmod(0o600)
    for folder in ("astropy", ".config/astropy", ".astropy/config"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "grad300_sdk.cfg").write_text("api_prefix = /users\nretries = 77\n")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("ASTROPY_CONFIG_DIR", str(tmp_path / "astropy"))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(token))
    monkeypatch.setenv("GRAD300_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GRAD300_TOKEN_FILE", str(token))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")


TESTS_OF_THE_ENVIRONMENT = """
    import os
    from pathlib import Path

    import pytest

    from grad300_sdk import Client, cache

    {imports}


    def test_client(grad300_client, grad300_environment):
        assert grad300_client.auth_source == "user and password"
        assert len(grad300_client.scans["TPI"].get(limit=3)) == 3
        path = grad300_client.scans["TPI"][1].file.local_path()
        assert path.is_relative_to(grad300_environment)
        assert cache.folder().is_relative_to(grad300_environment)


    @pytest.mark.anyio
    async def test_async_client(grad300_async_client):
        assert len(await grad300_async_client.scans["TPI"].get(limit=3)) == 3


    def test_the_users_own_client(grad300_environment, grad300_sandbox):
        with Client(grad300_sandbox.url, api_prefix="/api/v1") as client:
            assert client.auth_source == "none"
            {check}
        assert not [name for name in os.environ if name.startswith("GRAD300_")]


    def test_afterwards():
        assert Path(os.environ["BEARER_TOKEN_FILE"]).read_text() == "users-token"
    """


@pytest.mark.parametrize(
    ("imports", "check"),
    [
        ("", "assert client.session.retries == 3"),
        ("from grad300_sdk import conf", "assert conf.api_prefix == '/users'"),
    ],
)
@pytest.mark.usefixtures("users_environment")
def test_the_users_environment_stays_out(
    pytester: pytest.Pytester, imports: str, check: str
) -> None:
    pytester.makepyfile(TESTS_OF_THE_ENVIRONMENT.format(imports=imports, check=check))
    done = pytester.runpytest_subprocess(*OPTIONS, "-k", "not trio")
    done.assert_outcomes(passed=4, deselected=1)
    assert "users-" not in done.stdout.str()


def test_without_the_extra_only_a_test_that_needs_it_fails(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("grad300_sdk.sandbox")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = run("""
        def test_other():
            pass

        def test_client(grad300_client):
            pass
        """)
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["E *ImportError: *pip install *grad300-sdk*"])


def test_loading_it_imports_nothing() -> None:
    code = f"""
import sys
import pytest
before = set(sys.modules)
import {PLUGIN}
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["grad300_sdk", PLUGIN]
