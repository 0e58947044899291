"""Exploring the tree at a prompt, in IPython and in a notebook, which sends nothing."""

from __future__ import annotations

import inspect
import json
import os
import pydoc
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from astropy.table import Table

import grad300_sdk
from grad300_sdk import Client, ScanRecord, ScanType
from grad300_sdk.engine import Call, Node
from grad300_sdk.engine.exploring.branches import TreeLine
from grad300_sdk.engine.exploring.openapi import compare
from grad300_sdk.engine.exploring.tree import Tree
from grad300_sdk.sandbox import Sandbox
from tests.conftest import Harness

URL = "http://127.0.0.1:9"
HOSTILE = "<script>alert(1)</script>\x1b[31m\r\n\u202e'\"&"


class Refusing(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that raises an error for every request."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request} was sent")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request} was sent")


@pytest.fixture
def unused(harness: Harness) -> Any:
    """Return a client, synchronous or asynchronous, that must not send anything."""
    return harness.client(URL, token="t0ken", transport=Refusing())


def called(client: Any, line: TreeLine) -> Any:
    """Return the call or the callable node that a line of the tree shows."""
    path, _, _ = line.call.rpartition("(")
    return eval(path, {"client": client, "scan_type": "TPI", "scan_id": 1})


def all_objects(client: Any) -> Iterator[Any]:
    """Yield a client, its nodes and its calls."""
    yield client
    for line in client.tree():
        call = called(client, line)
        yield from (call, call.node if isinstance(call, Call) else call)
    yield from (client.request, client.get_json)
    resource = client.resource("/users/{name}", name=HOSTILE)
    yield from (resource, resource.get, resource.tree())
    yield from (client.tree(), client.scans["TPI"][42].file.tree())


def help_on(item: Any) -> str:
    """Return the text that `help` prints."""
    return pydoc.render_doc(item, renderer=pydoc.plaintext)


def test_nothing_is_sent_by_looking(unused: Any) -> None:
    for item in all_objects(unused):
        assert repr(item)
        assert str(item)
        assert dir(item)
        assert item == item
        assert item != unused.resource("/elsewhere")
        assert item in {item}
        assert inspect.getdoc(item)
        assert help_on(item)
        assert isinstance(item._repr_html_(), str)
    assert unused.scans._ipython_key_completions_() == ["TPI", "Images", "Spectrum", "OnOff"]
    with pytest.raises(AssertionError, match="was sent"):  # the transport does raise
        Client(URL, transport=Refusing()).openapi.get()


# At a prompt


OF_A_NODE = {"client", "parent", "path", "template", "tree"}


def test_completion_shows_what_is_there_and_nothing_else(harness: Harness, unused: Any) -> None:
    own = {"login", "scans", "openapi"}
    tools = {"base_api_url", "auth_source", "max_connections", "set_token", "clear_token"}
    more = {"request", "get_json", "resource", "with_options"}
    more |= {"close" if harness.mode == "blocking" else "aclose"}
    assert set(dir(unused)) == OF_A_NODE | own | tools | more
    listing = {"search", "records", "table", "watch"}
    assert set(dir(unused.scans)) == OF_A_NODE | listing | {"download"}
    assert set(dir(unused.scans["TPI"])) == OF_A_NODE | listing | {"get", "scan_type"}
    of_a_scan = {"get", "record", "file", "scan_id", "scan_type"}
    assert set(dir(unused.scans["TPI"][42])) == OF_A_NODE | of_a_scan
    of_a_call = {"method", "path", "template", "client", "node"}
    ways = {"request", "response", "curl", "flow"}
    assert set(dir(unused.scans["TPI"].get)) == of_a_call | ways
    login = {"access_token", "test_token", "method", "request", "response", "curl"}
    assert set(dir(unused.login)) == OF_A_NODE | login


def test_a_repr_is_a_line_that_says_what_to_do_next(harness: Harness, unused: Any) -> None:
    name = "Client" if harness.mode == "blocking" else "AsyncClient"
    do = "" if harness.mode == "blocking" else "await "
    assert repr(unused) == f"<{name} {URL}/api/v1: .login .scans .openapi>"
    assert str(unused) == f"<{name} {URL}/api/v1>"
    scan = unused.scans["TPI"][42]
    assert repr(scan) == "<Scan /scans/TPI/42: .file .get() .record()>"
    assert str(scan) == "<Scan /scans/TPI/42>"
    assert repr(scan.get) == f"<call GET /scans/TPI/42: {do}get()>"
    assert repr(scan.parent).endswith(" .records() .table() … [scan_id]>")
    login = "<Login /login: (email, password) .access_token() .test_token()>"
    assert repr(unused.login) == login
    account = "(email, password)>"
    sent = "POST /login/access-token"
    assert repr(unused.login.__call__) == f"<call {sent}: {do}login{account}"
    assert repr(unused.login.access_token) == f"<call {sent}: {do}access_token{account}"
    search = repr(unused.scans["TPI"].search)
    assert search.startswith("<call GET /scans/TPI/: search(source=, ")
    assert search.endswith(", …)>")
    assert repr(unused.request).startswith(f"<call {do}request(method, path, params=")
    assert repr(unused.get_json) == f"<call GET: {do}get_json(path, params=)>"
    for item in all_objects(unused):
        if not isinstance(item, Tree):
            assert len(repr(item)) <= 79
            assert repr(item).isprintable()


def test_a_long_path_is_shortened_in_its_middle(unused: Any) -> None:
    node = unused.resource("/{name}/end", name="n" * 10_000)
    assert repr(node).startswith("<Resource /nnnn")
    assert "…" in repr(node)
    assert "nnn/end: .get() " in repr(node)
    assert len(repr(node)) <= 79
    assert len(repr(node.get)) <= 79
    assert len(node.path) > 10_000


def test_help_shows_a_call_as_its_user_makes_it(harness: Harness, unused: Any) -> None:
    text = help_on(unused.scans["TPI"].get)
    wrap = "{}" if harness.mode == "blocking" else "Awaitable[{}]"
    result = re.escape(wrap.format("list[dict[str, Any]]"))
    signature = re.compile(rf"\nget\(\s*\*,\s*offset: int = 0,\s[^)]*\) -> {result}\n")
    assert signature.search(text)  # on one line, or from Python 3.13 on several
    assert "Sends ``GET /scans/{scan_type}/``." in text
    assert "self" not in text
    assert "send:" not in text
    stream = inspect.signature(unused.scans["TPI"][1].file.stream)
    kind = "Iterator" if harness.mode == "blocking" else "AsyncIterator"
    assert str(stream) == f"() -> {kind}[bytes]"
    login = help_on(unused.login)
    assert f"\nlogin(email: str, password: str) -> {wrap.format('str')}\n" in login
    assert "Sends ``POST /login/access-token``." in login
    assert "access_token(self, email: str, " in help_on(type(unused.login))


def test_help_says_what_is_sent_where_the_docstring_does_not(unused: Any) -> None:
    resource = unused.resource("/users/{name}", name="me")
    assert "Sends ``PUT /users/{name}``." in help_on(resource.put)


def test_every_call_says_what_it_sends(unused: Any) -> None:
    for line in unused.tree():
        assert f"Sends ``{line.method} {line.template}``" in called(unused, line).__doc__


@pytest.mark.parametrize(
    ("write", "nearest"),
    [
        (lambda client: client.scnas, "scans"),
        (lambda client: client.lgin, "login"),
        (lambda client: client.scans["TPI"].serch, "search"),
        (lambda client: client.scans["TPI"][1].fil, "file"),
        (lambda client: client.scans["TPI"].get.crl, "curl"),
        (lambda client: client.login.acess_token, "access_token"),
        (lambda client: grad300_sdk.Cleint, "Client"),
        (lambda client: grad300_sdk.ScanRecrod, "ScanRecord"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(
    unused: Any, write: Any, nearest: str
) -> None:
    with pytest.raises(AttributeError, match=rf"did you mean '{nearest}'\?$"):
        write(unused)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda client: client.scans["TPI"][1].open, "file.open"),
        (lambda client: client.table, "scans.table"),
        (lambda client: client.test_token, "login.test_token"),
    ],
)
def test_a_name_of_the_node_below_is_answered_with_it(unused: Any, write: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=rf"did you mean '{re.escape(name)}'\?$"):
        write(unused)


def test_a_row_or_a_record_is_not_a_key(unused: Any) -> None:
    row = {"scan_type": "TPI", "id": 1, "file_name": "a.fits"}
    for key in (row, ScanRecord(1, ScanType.TPI, "a.fits"), Table([row])[0], Table([row])):
        with pytest.raises(
            ValueError, match=r"client\.scans\[row\['scan_type'\]\]\[row\['id'\]\]"
        ):
            unused.scans[key]
        with pytest.raises(TypeError, match="of a row or a record, pass its id"):
            unused.scans["TPI"][key]


def test_what_is_far_from_any_name_gets_no_hint(unused: Any) -> None:
    for item in (grad300_sdk, unused, unused.scans):
        for name in ("zzzzzz", "list", "_zzzzzz", "__zzzzzz__"):
            with pytest.raises(AttributeError, match=rf"{name}'$"):
                getattr(item, name)


def test_a_branch_stays_what_it_is(unused: Any) -> None:
    with pytest.raises(AttributeError, match=r"'scans' of <.*> can't be set"):
        unused.scans = None
    assert Client.scans.__doc__ == "The scans of all types."
    assert type(unused.login).curl is not None


def test_what_is_kept_in_a_class_stays_what_it_is(unused: Any) -> None:
    class Kept:
        get = unused.scans["TPI"].get
        login = unused.login

    assert Kept().get == unused.scans["TPI"].get
    assert Kept().login == unused.login


# In IPython

IPYTHON = """
import json
import httpx
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from grad300_sdk import Client

def refuse(request):
    raise AssertionError("sent")

shell = InteractiveShell.instance(colors="nocolor")
client = Client("http://127.0.0.1:9", token="t0ken", transport=httpx.MockTransport(refuse))
shell.user_ns["client"] = client
answer = {}
for jedi in (True, False):
    shell.Completer.use_jedi = jedi
    for text in %r:
        with provisionalcompleter():
            found = shell.Completer.completions(text, len(text))
            names = [completion.text.rpartition(".")[2] for completion in found]
        answer[f"{text} {jedi}"] = names
for text in ('client.scans["TPI"].get', "client.login"):
    shell.run_cell(f"item = {text}", silent=True)
    with capture_output() as captured:
        shell.run_cell("item?")
    answer[f"{text}?"] = captured.stdout
shown, _ = shell.display_formatter.format(client)
answer["shown"] = shown
print(json.dumps(answer))
"""
COMPLETED = [
    "client.",
    'client.scans["TPI"].',
    'client.scans["TPI"].get.',
    'client.scans["TPI"][42].file.',
    'client.scans["',
]


@pytest.fixture(scope="module")
def ipython(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what IPython shows of a client, in a process of its own."""
    home = str(tmp_path_factory.mktemp("ipython"))
    work = tmp_path_factory.mktemp(
        "work"
    )  # an empty folder, since IPython also completes file names
    done = subprocess.run(
        [sys.executable, "-c", IPYTHON % COMPLETED],
        env={**os.environ, "IPYTHONDIR": home, "HOME": home},
        cwd=work,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_ipython_completes_names(ipython: dict[str, Any]) -> None:
    client = Client(URL)
    for jedi in (True, False):
        shown = set(ipython[f"client. {jedi}"]) - {"aclose"}  # which jedi may see in the class
        assert shown == set(dir(client))
    collection = client.scans["TPI"]
    assert set(ipython['client.scans["TPI"]. True']) == set(dir(collection))
    assert set(ipython['client.scans["TPI"].get. True']) == set(dir(collection.get))
    assert set(ipython['client.scans["TPI"][42].file. True']) == set(dir(collection[42].file))


@pytest.mark.parametrize("jedi", [True, False])
def test_ipython_completes_keys(ipython: dict[str, Any], jedi: bool) -> None:
    keys = [re.sub(r'^.*"', "", key) for key in ipython[f'client.scans[" {jedi}']]
    assert sorted(keys) == ["Images", "OnOff", "Spectrum", "TPI"]


def test_ipython_shows_what_a_call_takes(ipython: dict[str, Any]) -> None:
    get = ipython['client.scans["TPI"].get?']
    assert "offset: int = 0," in get
    assert ") -> list[dict[str, Any]]" in get
    assert "<call GET /scans/TPI/>" in get
    assert "Sends ``GET /scans/{scan_type}/``." in get
    login = ipython["client.login?"]
    assert "item(email: str, password: str) -> str" in login
    assert "Log in and use the new token from now on." in login


def test_ipython_shows_a_node_as_text_and_as_html(ipython: dict[str, Any]) -> None:
    shown = ipython["shown"]
    assert shown["text/plain"] == f"<Client {URL}/api/v1: .login .scans .openapi>"
    assert shown["text/html"].startswith("<details open>")


# In a notebook


class Checker(HTMLParser):
    """An HTML parser that collects tags, attributes and text, and fails on unclosed tags."""

    EMPTY = ("br",)

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check_html(html: str) -> Checker:
    """Check that HTML is complete, runs nothing and loads nothing."""
    read = Checker(html)
    assert set(read.tags) <= {
        *("details", "summary", "div", "table", "tbody", "tr", "td", "code", "pre", "br")
    }
    assert {name for name, _ in read.attributes} <= {"open", "style"}
    assert not re.search(r"url\(|color|#[0-9a-f]{3}|rgb", str(read.attributes))
    assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]*", read.text)
    return read


def test_html_is_whole_and_harmless(unused: Any) -> None:
    for item in all_objects(unused):
        check_html(item._repr_html_())


def test_the_html_of_the_tree_folds(unused: Any) -> None:
    read = check_html(unused.tree()._repr_html_())
    assert read.tags.count("details") == 7
    assert read.tags.count("tr") == len(unused.tree())
    for line in unused.tree():
        assert line.summary in read.text
    assert "client.scans[scan_type][scan_id].file" in read.text


def test_the_html_of_a_call(unused: Any) -> None:
    read = check_html(unused.scans["TPI"][42].file.save._repr_html_())
    assert "client.scans['TPI'][42].file.save" in read.text
    assert "GET /scans/TPI/42/download" in read.text
    assert "save(destination_dir: str | os.PathLike[str], *, " in read.text
    assert "DownloadError" in read.text
    assert "client.login POST /login/access-token" in check_html(
        unused.login.__call__._repr_html_()
    ).text.replace("\n", " ")


class Described(Node[Any], template="{+parent}/described"):
    __doc__ = HOSTILE


def test_hostile_text_is_harmless_everywhere(unused: Any) -> None:
    for node in (unused.resource(f"/{HOSTILE.replace('#', '')}"), Described(unused)):
        for text in (repr(node), str(node), *str(node.tree()).splitlines()):
            assert text.isprintable()
        assert "<script>" not in node._repr_html_()
        check_html(node._repr_html_())
        check_html(node.tree()._repr_html_())
    document: Any = grad300_sdk.engine.exploring.openapi.OpenAPIDocument(
        "3.1.0", {HOSTILE: {"get": HOSTILE}, f"/api/v1/{HOSTILE}": {"put": None}}
    )
    comparison = compare(unused.tree(), document, f"{URL}/api/v1", {("GET", "/x"): HOSTILE})
    assert len(comparison.only_server) == 2
    for line in str(comparison).splitlines():
        assert line.isprintable()
    assert "<script>" not in comparison._repr_html_()
    check_html(comparison._repr_html_())


@pytest.mark.parametrize("detail", [HOSTILE, [{"loc": ["query", HOSTILE], "msg": HOSTILE}]])
def test_what_a_server_says_of_an_error_is_harmless(harness: Harness, detail: Any) -> None:
    answer = httpx.Response(422, json={"detail": detail})
    client = harness.client(URL, transport=httpx.MockTransport(lambda request: answer))
    with pytest.raises(grad300_sdk.ValidationError) as caught:
        harness.call(client.openapi.get)
    assert str(caught.value).isprintable()
    assert r"<script>alert(1)</script>\x1b[31m\r\n\u202e" in str(caught.value)
    assert caught.value.response_body == {"detail": detail}


# The whole tree, and any part of it


def test_any_node_has_a_tree(unused: Any) -> None:
    whole = unused.tree()
    part = unused.scans["TPI"][42].tree()
    assert [line.call for line in part][:2] == [
        "client.scans['TPI'][42].get()",
        "client.scans['TPI'][42].record()",
    ]
    below = [line for line in whole if "[scan_id]" in line.call]
    assert [line.template for line in part] == [line.template for line in below]
    assert [line.summary for line in part] == [line.summary for line in below]
    [get, *_] = unused.resource("/users/{name}", name="a'b").tree()
    assert get.call.startswith("client.resource('/users/a%27b').get(")
    assert get.template == "/users/{name}"
    assert [line.call for line in Described(unused).tree()] == []


# Each call, in all its forms


LINES = list(Client(URL, force_noauth=True).tree())


every_call = pytest.mark.parametrize("line", LINES, ids=lambda line: line.call.partition("(")[0])


def needed(call: Any, sandbox: Sandbox, folder: Path) -> list[Any]:
    """Return a value for each required argument of a call."""
    known = {
        "email": sandbox.user,
        "password": sandbox.password,
        "destination_dir": folder,
        "rows": [call.client.scans["TPI"][1]],
    }
    return [
        known[name]
        for name, parameter in inspect.signature(call).parameters.items()
        if parameter.default is parameter.empty
    ]


@every_call
def test_every_call_can_be_looked_at(
    harness: Harness, client: Any, sandbox: Sandbox, tmp_path: Path, line: TreeLine
) -> None:
    call = called(client, line)
    arguments = needed(call, sandbox, tmp_path)
    request = call.request(*arguments)
    assert call.method == request.method == line.method
    assert "Authorization" not in request.headers
    curl = call.curl(*arguments)
    assert sandbox.password not in curl + request.content.decode()
    response = harness.call(call.response, *arguments)
    assert response.status_code == 200
    assert str(response.request.url) == str(request.url)
    assert "Authorization" not in response.request.headers


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("bash")), reason="curl and bash are not installed"
)
@every_call
def test_the_command_of_every_call_runs_as_pasted(
    sandbox: Sandbox, tmp_path: Path, line: TreeLine
) -> None:
    with Client(sandbox.url) as client:
        token = client.login(sandbox.user, sandbox.password)
        call = called(client, line)
        command = call.curl(*needed(call, sandbox, tmp_path))
        body = call.response(*needed(call, sandbox, tmp_path)).content
    assert token not in command
    done = subprocess.run(
        ["bash", "-euc", f"{command} --fail --silent --show-error"],
        env={**os.environ, "TOKEN": token, "PASSWORD": sandbox.password},
        check=True,
        capture_output=True,
        timeout=30,
    )
    # Each login returns a different token.
    assert done.stdout == body or b"access_token" in done.stdout
