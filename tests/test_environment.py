"""What stands around a process: its home, its files, its streams, its threads and addresses."""

from __future__ import annotations

import errno
import io
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import httpx
import pytest

import grad300_sdk
from grad300_sdk import (
    AsyncClient,
    Client,
    Grad300Warning,
    RequestTimeoutError,
    TransportError,
    cache,
)
from tests.conftest import Harness
from tests.support.versions import ASTROPY_7
from tests.support.wire import STALL, chunked
from tests.support.wire import answer as wire_answer

HOST = "archive"
URL = f"https://{HOST}"
PASSWORD = "password-that-nobody-may-see"


# No home directory


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave this process without a home directory, as a user without an entry has none."""

    def no_entry(key: object) -> Any:
        raise KeyError(key)

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NETRC", "ASTROPY_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASTROPY_CONFIG_DIR", str(Path(grad300_sdk.__file__).parent))
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    monkeypatch.setattr(pwd, "getpwnam", no_entry)
    monkeypatch.chdir(tmp_path)


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/download"):
        return httpx.Response(200, content=b"SIMPLE  = T".ljust(2880))
    return httpx.Response(200, json=[])


@pytest.mark.usefixtures("homeless")
class TestNoHome:
    def test_a_client_needs_none(self, harness: Harness) -> None:
        client = harness.client(URL, transport=httpx.MockTransport(answer))
        assert client.auth_source == "none"
        assert harness.run(client.scans["TPI"].get()) == []

    def test_a_netrc_is_not_looked_for_in_a_folder_called_like_a_home(self) -> None:
        Path("~").mkdir()
        Path("~/.netrc").write_text(f"machine {HOST} login me password {PASSWORD}\n")
        Path("~/.netrc").chmod(0o600)
        assert Client(URL).auth_source == "none"

    @pytest.mark.parametrize("path", ["~/token", "~nobody-of-that-name/token"])
    def test_a_path_below_a_home(self, harness: Harness, path: str) -> None:
        with pytest.raises(ValueError, match=r"token_file is '~.*that home directory"):
            Client(URL, token_file=path)
        with pytest.raises(ValueError, match=r"verify is '~.*no such CA file"):
            Client(URL, verify=path)
        file = harness.client(URL, transport=httpx.MockTransport(answer)).scans["TPI"][1].file
        with pytest.raises(ValueError, match=r"destination_dir is '~.*that home directory"):
            harness.run(file.save(path))
        assert list(Path().iterdir()) == []

    def test_the_cache_names_the_variable(self, harness: Harness) -> None:
        file = harness.client(URL, transport=httpx.MockTransport(answer)).scans["TPI"][1].file
        for call in (cache.folder, lambda: harness.run(file.local_path())):
            with pytest.raises(ValueError, match="set XDG_CACHE_HOME"):
                call()


@pytest.mark.skipif(ASTROPY_7, reason="astropy 7 itself needs a home")
def test_without_a_home_astropy_starts(tmp_path: Path) -> None:
    code = """
import os, pwd
def no_entry(key):
    raise KeyError(key)
pwd.getpwuid = no_entry
from grad300_sdk import Client, conf, tables
assert conf.timeout == 30.0
assert Client("https://archive").auth_source == "none"
"""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath}
    for extra in ({}, {"XDG_CONFIG_HOME": str(tmp_path)}):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={**environment, **extra},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


# Configuration files


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Any]:
    """Run a script with a configuration file; return its errors' last line."""

    def run(content: bytes, code: str, *, before: str = "") -> str:
        folder = tmp_path / "astropy"
        folder.mkdir(exist_ok=True)
        (folder / "grad300_sdk.cfg").write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-c", f"{before}\nfrom grad300_sdk import Client\n{code}"],
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    return run


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"timeout = soon\n", "timeout: "),
        (b"[a\nbase_url\n", "line"),
        (b"base_url = \xff\xfe\x00\n", "wrong"),
        (b"retries = 1, 2\n", "retries: "),
        (b"retries = -1\n", "retries must be at least 0"),
    ],
)
@pytest.mark.parametrize("code", ["Client()", "from grad300_sdk import conf; Client()"])
def test_a_wrong_configuration_file_is_named(
    configured: Any, content: bytes, message: str, code: str
) -> None:
    last = configured(content, code).splitlines()[-1]
    assert last.startswith("ValueError: ")
    assert message in last
    assert "grad300_sdk.cfg" in last or message.startswith("retries must")


def test_a_misspelt_setting_is_warned_of(configured: Any) -> None:
    shown = configured(b"timout = 5\n", "print(Client().driver.session.requests.timeouts['read'])")
    assert "Warning: the configuration file" in shown
    assert "has 'timout', which is not a setting; did you mean 'timeout'?" in shown
    assert "30.0" in shown


def test_an_unreadable_configuration_file_is_named(configured: Any) -> None:
    before = "import os; os.access = lambda path, mode: False"  # root can read all
    shown = configured(b"timeout = 5\n", "Client()", before=before)
    assert "grad300_sdk.cfg can't be read: permission denied" in shown.splitlines()[-1]


# Files with credentials


def test_a_bearer_token_file_that_is_not_there_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "missing"))
    runtime = tmp_path / f"bt_u{os.getuid()}"
    runtime.write_text("token")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.warns(Grad300Warning, match="BEARER_TOKEN_FILE names .*missing") as caught:
        assert Client(URL).auth_source == "XDG_RUNTIME_DIR"
    assert len(caught) == 1
    assert Client(URL, token="mine").auth_source == "token"


@pytest.mark.parametrize("content", ["", "two\nlines", None])
def test_a_bearer_token_file_that_is_wrong_is_named_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "token"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(path))
    with pytest.raises(ValueError, match=rf"{path}.*BEARER_TOKEN_FILE"):
        Client(URL)


OTHER = "machine elsewhere login you password other"
OWN = f"machine {HOST} login me password {PASSWORD}"


@pytest.mark.parametrize(
    "odd",
    [
        "machine elsewhere login you password other port 22",
        "machine elsewhere login you password with blanks",
        "protocol ftp",
        "macdef init\ncd /",
        "# machine archive login me password old\nbogus",
    ],
)
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_netrc_that_can_not_be_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str, mode: int
) -> None:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    path.write_text(f"{OTHER}\n{odd}\n")
    path.chmod(mode)
    assert Client(URL).auth_source == "none"
    path.write_text(f"{OTHER}\n{odd}\n{OWN}\n" if "macdef" not in odd else f"{OWN}\n{odd}")
    with pytest.raises(ValueError, match=str(path)) as caught:
        Client(URL)
    assert ("chmod 600" in str(caught.value)) == (mode == 0o644)
    assert HOST in str(caught.value)
    assert caught.value.__context__ is None
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "content", [f"# a comment\n{OWN}", f"{OWN} # a comment", f"#x\n{OTHER}\n\n{OWN}\n# end"]
)
def test_a_netrc_with_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "netrc"
    path.write_text(content)
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    assert Client(URL).auth_source == "netrc"


def test_a_netrc_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "netrc"
    path.write_text(OWN)
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(ValueError, match="an entry for archive, but belongs to another user"):
        Client(URL)
    path.write_text(OTHER)
    assert Client(URL).auth_source == "none"


# Tokens' expiry


@pytest.mark.parametrize("names", [(), ("decode",), ("InvalidTokenError",)])
def test_another_package_called_jwt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    other = types.ModuleType("jwt")
    other.__file__ = "/somewhere/jwt.py"
    for name in names:
        setattr(other, name, ValueError)
    monkeypatch.setitem(sys.modules, "jwt", other)
    token_file = tmp_path / "token"
    token_file.write_text("abc")
    assert Client(URL, token_file=token_file).auth_source == "token file"
    account = {"user": "me", "password": PASSWORD}
    assert Client(URL, **account).auth_source == "user and password"
    wrong = pytest.raises(ValueError, match=r"jwt in /somewhere/jwt\.py is not PyJWT.*'pyjwt'")
    with wrong:
        Client(URL, token_file=token_file, auth_reload=True)
    with wrong:
        Client(URL, **account, auth_reload=True)
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(token_file))
    with wrong:  # it may be another service's
        Client(URL)


# Addresses


Addresses: TypeAlias = list[tuple[int, tuple[Any, ...]]]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have a host called ``archive.test`` resolve to these addresses."""
    real = socket.getaddrinfo

    def arrange(addresses: Addresses) -> None:
        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host not in ("archive.test", b"archive.test"):
                return real(host, *args, **kwargs)
            return [
                (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)
                for family, address in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return arrange


@pytest.fixture
def dead() -> Iterator[tuple[str, int]]:
    """The address of a listener that takes no more connections: they wait for ever."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield address


def closed_port(family: int) -> tuple[Any, ...]:
    with socket.socket(family) as unused:
        unused.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        return tuple(unused.getsockname())


def test_a_dead_address_does_not_take_all_the_time(
    harness: Harness, wire: Any, resolve: Any, dead: tuple[str, int]
) -> None:
    server = wire(wire_answer(b"[]"))
    resolve([(socket.AF_INET, dead), (socket.AF_INET, ("127.0.0.1", server.port))])
    client = harness.client(
        f"http://archive.test:{server.port}", timeout=2.0, retries=0, force_noauth=True
    )
    assert harness.run(client.scans["TPI"].get()) == []


def test_dead_addresses_take_the_time_out_together(resolve: Any, dead: tuple[str, int]) -> None:
    resolve([(socket.AF_INET, dead)] * 4)
    client = Client("http://archive.test", timeout=0.4, retries=0, force_noauth=True)
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError, match="timed out"):
        client.scans["TPI"].get()
    assert 0.3 < time.monotonic() - began < 1.2


def test_an_address_that_refuses_is_passed_over(harness: Harness, wire: Any, resolve: Any) -> None:
    server = wire(wire_answer(b"[]"))
    resolve(
        [
            (socket.AF_INET, closed_port(socket.AF_INET)),
            (socket.AF_INET, ("127.0.0.1", server.port)),
        ]
    )
    client = harness.client(f"http://archive.test:{server.port}", retries=0, force_noauth=True)
    assert harness.run(client.scans["TPI"].get()) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_a_kernel_without_ipv6(
    harness: Harness, wire: Any, resolve: Any, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    init = socket.socket.__init__

    def without_ipv6(self: Any, family: int = -1, *args: Any, **kwargs: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        init(self, family, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "__init__", without_ipv6)
    server = wire(wire_answer(b"[]"))
    six = (socket.AF_INET6, ("2001:db8::1", server.port, 0, 0))
    four = (socket.AF_INET, ("127.0.0.1", server.port))
    resolve([six, four] if is_first else [four, six])
    client = harness.client(f"http://archive.test:{server.port}", retries=0, force_noauth=True)
    assert harness.run(client.scans["TPI"].get()) == []
    gone = (socket.AF_INET, closed_port(socket.AF_INET))
    resolve([six, gone] if is_first else [gone, six])
    other = harness.client("http://archive.test:9", retries=0, force_noauth=True)
    with pytest.raises(TransportError) as caught:
        harness.run(other.scans["TPI"].get())
    if isinstance(other, Client):
        assert "refused" in str(caught.value)


# Threads


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_thread_to_look_up_an_address(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def ask() -> None:
        async with AsyncClient("http://archive.test", retries=0, force_noauth=True) as client:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", start)
                with pytest.raises(TransportError, match=r"can.t start the thread.*ulimit -u"):
                    await client.scans["TPI"].get()

    anyio.run(ask, backend=backend)


# A pool that is exhausted


def test_a_full_pool_says_what_helps(harness: Harness, wire: Any) -> None:
    server = wire(answerer=lambda request: chunked(b"SIMPLE"))
    client = harness.client(
        server.url, retries=0, force_noauth=True, timeout=0.3, max_connections=1
    )
    chunks = client.scans["TPI"][1].file.stream()
    assert harness.next(chunks) == b"SIMPLE"
    with pytest.raises(TransportError, match=r"end the streams .*larger max_connections"):
        harness.run(client.scans["TPI"].get())
    harness.stop(chunks)


# An iteration that is cancelled


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_iteration_does_not_look_complete(backend: str, wire: Any) -> None:
    server = wire(answerer=lambda request: [STALL])

    async def walk() -> None:
        async with AsyncClient(server.url, force_noauth=True) as client:
            for items in (
                client.scans["TPI"].search(),
                client.scans["TPI"][1].file.stream(),
            ):
                with anyio.move_on_after(0.05) as scope:
                    await anext(items)
                assert scope.cancelled_caught
                for _ in range(2):
                    with pytest.raises(
                        RuntimeError, match="cancelled before its end; start a new"
                    ):
                        await anext(items)
                await items.aclose()

    anyio.run(walk, backend=backend)


def test_an_interrupted_iteration_does_not_look_complete() -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    client = Client(URL, transport=httpx.MockTransport(interrupt), force_noauth=True)
    items = client.scans["TPI"].search()
    with pytest.raises(KeyboardInterrupt):
        next(items)
    with pytest.raises(RuntimeError, match="cancelled before its end; start a new"):
        next(items)


# Standard streams


CLOSED = ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


def in_shell(command: str) -> int:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        ["/bin/sh", "-c", command], env=environment, check=False, capture_output=True
    ).returncode


@pytest.mark.parametrize(
    ("redirection", "arguments", "status"),
    [
        *((redirection, "tree", 0) for redirection in (*CLOSED, "2>/dev/full")),
        *((redirection, "get", 2) for redirection in (*CLOSED, "2>/dev/full")),
        (">&- 2>&-", "--version", 0),
        (">&- 2>&-", "--base-url http://127.0.0.1:9 get /x", 1),
    ],
)
def test_closed_streams_change_no_status(redirection: str, arguments: str, status: int) -> None:
    command = f"exec '{sys.executable}' -m grad300_sdk {arguments} {redirection}"
    assert in_shell(command) == status


@pytest.mark.parametrize("redirection", CLOSED)
def test_closed_streams_take_no_number_of_a_file(tmp_path: Path, redirection: str) -> None:
    code = (
        "from grad300_sdk import __main__ as m; m._replace_closed_streams(); "
        "raise SystemExit(open('x', 'w').fileno() < 3)"
    )
    assert in_shell(f"cd '{tmp_path}' && exec '{sys.executable}' -c \"{code}\" {redirection}") == 0


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("progress", [True, None])
def test_a_file_is_saved_without_a_standard_error(
    harness: Harness,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_closed: bool,
    progress: bool | None,
) -> None:
    stream = io.StringIO() if is_closed else None
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    client = harness.client(URL, transport=httpx.MockTransport(answer))
    path = harness.run(client.scans["TPI"][1].file.save(tmp_path, progress=progress))
    assert [path] == list(tmp_path.iterdir())
