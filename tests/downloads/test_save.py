"""Saving a file over a network that fails: every fault on both clients."""

from __future__ import annotations

import gzip
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from grad300_sdk import (
    DownloadError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from tests.conftest import Harness
from tests.support.wire import CLOSE, RESET, STALL, Act, Wire, answer, chunked

from .bench import (
    ALL,
    ETAG,
    FILE,
    HTML,
    OTHER,
    SIZE,
    TOKEN,
    Fault,
    after,
    asked,
    assert_all_closed,
    assert_no_secret,
    assert_nothing_hidden,
    cut,
    hidden,
    part,
    refusal,
    seen,
    whole,
)

SLOW = {"timeout": 0.5}
GZIPPED = gzip.compress(FILE)

FAULTS = [
    Fault("nothing", [whole()], [ALL]),
    Fault("no length", [[*chunked(FILE, ETag=ETAG), b"0\r\n\r\n"]], [ALL]),
    Fault("an answer compressed all the same", [whole(GZIPPED, Content_Encoding="gzip")], [ALL]),
    Fault("no answer", [[RESET], whole()], [ALL, ALL]),
    Fault("reset in the headers", [[b"HTTP/1.1 200 OK\r\nETag", RESET], whole()], [ALL, ALL]),
    Fault("reset in the body", [cut(5000, RESET), part(5000)], [ALL, after(5000)]),
    Fault("closed in the body", [cut(5000, CLOSE), part(5000)], [ALL, after(5000)]),
    Fault(
        "closed in chunks",
        [[*chunked(FILE[:4000], ETag=ETAG), CLOSE], part(4000)],
        [ALL, after(4000)],
    ),
    Fault("stalled", [cut(5000, STALL), part(5000)], [ALL, after(5000)], options=SLOW),
    Fault("stalled before the answer", [[STALL], whole()], [ALL, ALL], options=SLOW),
    Fault(
        "cut twice",
        [cut(3000, RESET), part(3000, count=2000, end=RESET), part(5000)],
        [ALL, after(3000), after(5000)],
    ),
    Fault(
        "cut, then busy",
        [cut(3000, RESET), answer(b"", "503 Busy"), part(3000)],
        [ALL, after(3000), after(3000)],
    ),
    Fault("cut before the first byte", [cut(0, RESET), whole()], [ALL, ALL]),
    Fault("no ETag", [cut(5000, RESET, None), whole()], [ALL, ALL]),
    Fault("a weak ETag", [cut(5000, RESET, 'W/"1"'), whole()], [ALL, ALL]),
    Fault("an ETag without quotes", [cut(5000, RESET, "1"), whole()], [ALL, ALL]),
    Fault("a server without ranges", [cut(5000, RESET), whole()], [ALL, after(5000)]),
    Fault("another file", [cut(5000, RESET), whole(OTHER, '"2"')], [ALL, after(5000)], OTHER),
    Fault(
        "a part of another file",
        [cut(5000, RESET), part(5000, etag='"2"'), whole(OTHER)],
        [ALL, after(5000), ALL],
        OTHER,
    ),
    Fault(
        "a part without ETag",
        [cut(5000, RESET), part(5000, etag=None), whole()],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a part from elsewhere", [cut(5000, RESET), part(4000), whole()], [ALL, after(5000), ALL]
    ),
    Fault(
        "a part with a gap after it",
        [cut(5000, RESET), part(5000, content_range=f"bytes 5000-{SIZE - 2}/{SIZE}"), whole()],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a part of a longer file",
        [cut(5000, RESET), part(5000, content_range=f"bytes 5000-{SIZE}/{SIZE + 1}"), whole()],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a part of nobody knows what",
        [cut(5000, RESET), part(5000, content_range=f"bytes 5000-{SIZE - 1}/*"), whole()],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a compressed part",
        [
            cut(5000, RESET),
            answer(
                b"x",
                "206 Partial Content",
                Content_Encoding="gzip",
                ETag=ETAG,
                Content_Range=f"bytes 5000-{SIZE - 1}/{SIZE}",
            ),
            whole(),
        ],
        [ALL, after(5000), ALL],
    ),
    Fault("a refused part", [cut(5000, RESET), refusal(), whole()], [ALL, after(5000), ALL]),
    Fault(
        "a part refused with nonsense",
        [cut(5000, RESET), refusal("x"), whole()],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a part refused of another file",
        [cut(5000, RESET), refusal(5000, ETag='"2"'), whole(OTHER)],
        [ALL, after(5000), ALL],
        OTHER,
    ),
    Fault(
        "one part after the other that is none",
        [cut(5000, RESET), part(1), cut(4000, RESET), cut(4500, RESET), whole()],
        [ALL, after(5000), ALL, ALL, ALL],
    ),
    Fault(
        "cut for good",
        [cut(5000, RESET), part(5000, count=10, end=CLOSE)],
        [ALL, after(5000)],
        DownloadError,
        5010,
        f"5010 bytes of a body of {SIZE}",
        {"retries": 1},
    ),
    Fault(
        "cut for good without ETag",
        [cut(5000, RESET, None)] * 2,
        [ALL] * 2,
        DownloadError,
        0,
        f"5000 bytes of a body of {SIZE}",
        {"retries": 1},
    ),
    Fault(
        "stalled for good",
        [cut(5000, STALL)],
        [ALL],
        RequestTimeoutError,
        5000,
        "timed out",
        {"retries": 0, **SLOW},
    ),
    Fault("gone for good", [[RESET]] * 4, [ALL] * 4, TransportError),
    Fault(
        "cut, then an error",
        [cut(5000, RESET), answer(b"", "503 Busy")],
        [ALL, after(5000)],
        ServerError,
        5000,
        options={"retries": 1},
    ),
    Fault(
        "cut, then not found",
        [cut(5000, RESET), answer(b"", "404 Not Found")],
        [ALL, after(5000)],
        NotFoundError,
    ),
    Fault("nothing in it", [whole(b"")], [ALL], DownloadError, says="not a FITS file"),
    Fault("HTML", [whole(HTML, Content_Type="text/html")], [ALL], DownloadError, says="<html>"),
    Fault("JSON", [whole(b"{}")], [ALL], DownloadError, says="not a FITS file"),
    Fault(
        "a cut archive",
        [whole(GZIPPED[:-9], Content_Encoding="gzip")],
        [ALL],
        Exception,
        says="was cut",
    ),
    Fault(
        "a part that is shorter than it says",
        [
            cut(5000, RESET),
            answer(
                FILE[5000:5010],
                "206 Partial Content",
                ETag=ETAG,
                Content_Range=f"bytes 5000-{SIZE - 1}/{SIZE}",
            ),
        ],
        [ALL, after(5000)],
        DownloadError,
        5010,
        f"5010 bytes of a body of {SIZE}",
    ),
    Fault(
        "a part that is longer than it says",
        [
            cut(5000, RESET),
            part(5000, FILE[5000:] + b"more", content_range=f"bytes 5000-{SIZE - 1}/{SIZE}"),
            whole(),
        ],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a part in chunks that does not end",
        [
            cut(5000, RESET),
            [
                b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n"
                b"ETag: %s\r\nContent-Range: bytes 5000-%d/%d\r\n\r\n"
                % (ETAG.encode(), SIZE - 1, SIZE),
                *(b"%x\r\n%s\r\n" % (SIZE, FILE) for _ in range(3)),
                STALL,
            ],
            whole(),
        ],
        [ALL, after(5000), ALL],
    ),
    Fault(
        "a part that was not asked for",
        [part(0)],
        [ALL],
        DownloadError,
        says="answered 206 with something other than the whole file",
    ),
    Fault(
        "a part that was not asked for, and is cut",
        [part(0, count=5000, end=RESET)],
        [ALL],
        DownloadError,
        says="answered 206 with something other than the whole file",
    ),
    Fault(
        "HTML in place of a part",
        [cut(5000, RESET), whole(HTML)],
        [ALL, after(5000)],
        DownloadError,
        says="not a FITS file",
    ),
]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_faults(
    harness: Harness,
    wire: Callable[..., Wire],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    overwrite: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    server = wire(*fault.script)
    client = harness.client(server.url, token=TOKEN, **fault.options)
    before = {"TPI_42.fits": b"old"} if overwrite else {}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    save = client.scans["TPI"][42].file.save
    error: Exception | None = None
    if isinstance(fault.outcome, bytes):
        path = harness.run(save(tmp_path, overwrite=overwrite))
        assert seen(tmp_path) == {path.name: fault.outcome}
    else:
        with pytest.raises(fault.outcome, match=fault.says or None) as caught:
            harness.run(save(tmp_path, overwrite=overwrite))
        error = caught.value
        assert seen(tmp_path) == before
    assert asked(server) == fault.asked
    if fault.left:
        assert list(hidden(tmp_path).values()) == [fault.left]
    else:
        assert_nothing_hidden(tmp_path)
    harness.run(harness.close_client(client))
    assert_all_closed([server])
    assert_no_secret(error, caplog.text)


def save(harness: Harness, server: Wire, folder: Path, **options: Any) -> Path:
    """Save with a client of its own, as another process does."""
    client = harness.client(server.url, token=TOKEN, retries=0)
    path: Path = harness.run(client.scans["TPI"][42].file.save(folder, **options))
    return path


RESUMED = [
    Fault("the rest", [part(5000)], [after(5000)]),
    Fault("the whole", [whole()], [after(5000)]),
    Fault("another file", [whole(OTHER)], [after(5000)], OTHER),
    Fault("another part", [part(4000), whole()], [after(5000), ALL]),
    Fault("refused", [refusal(), whole()], [after(5000), ALL]),
    Fault("it is whole already", [refusal(5000)], [after(5000)], FILE[:5000]),
    Fault("cut again", [part(5000, count=10, end=RESET)], [after(5000)], DownloadError, 5010),
    Fault("not reached", [[RESET]], [after(5000)], TransportError, 5000),
    Fault("gone", [answer(b"", "404 Not Found")], [after(5000)], NotFoundError),
]


@pytest.mark.parametrize("fault", RESUMED, ids=str)
def test_the_next_call_resumes(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path, fault: Fault
) -> None:
    server = wire(cut(5000, RESET), *fault.script)
    with pytest.raises(DownloadError):
        save(harness, server, tmp_path)
    if isinstance(fault.outcome, bytes):
        steps: list[tuple[int, int | None]] = []
        path = save(harness, server, tmp_path, progress=lambda *step: steps.append(step))
        assert seen(tmp_path) == {path.name: fault.outcome}
        assert not steps or steps[-1] == (SIZE, SIZE)
    else:
        with pytest.raises(fault.outcome):
            save(harness, server, tmp_path)
        assert seen(tmp_path) == {}
    assert asked(server)[1:] == fault.asked
    assert sum(hidden(tmp_path).values()) == fault.left


def test_the_name_is_remembered(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    first = answer(
        FILE[:5000], length=SIZE, ETag=ETAG, Content_Disposition="attachment; filename=a#1.fits"
    )
    server = wire([*first, RESET], part(5000))
    with pytest.raises(DownloadError):
        save(harness, server, tmp_path)
    assert save(harness, server, tmp_path) == tmp_path / "a#1.fits"
    assert seen(tmp_path) == {"a#1.fits": FILE}


@pytest.mark.parametrize(
    "state", [b"", b"{", b"[]", b'{"etag": 3}', b"\xff", b'{"etag": "x\\n", "file_name": 1}']
)
def test_a_state_that_cannot_be_read(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path, state: bytes
) -> None:
    server = wire(cut(5000, RESET), whole())
    with pytest.raises(DownloadError):
        save(harness, server, tmp_path)
    (path,) = tmp_path.glob(".*.state")
    path.write_bytes(state)
    save(harness, server, tmp_path)
    assert asked(server) == [ALL, ALL]
    assert seen(tmp_path) == {"TPI_42.fits": FILE}
    assert_nothing_hidden(tmp_path)


def test_files_of_two_servers_are_not_mixed(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    first, second = wire(cut(5000, RESET)), wire(whole(OTHER))
    with pytest.raises(DownloadError):
        save(harness, first, tmp_path)
    save(harness, second, tmp_path)
    assert asked(second) == [ALL]
    assert seen(tmp_path) == {"TPI_42.fits": OTHER}


def test_a_link_in_the_place_of_the_hidden_file(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    server = wire(cut(5000, RESET), whole())
    folder = tmp_path / "folder"
    with pytest.raises(DownloadError):
        save(harness, server, folder)
    (path,) = folder.glob(".*.part")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.unlink()
    path.symlink_to(victim)
    save(harness, server, folder)
    assert victim.read_bytes() == b"precious"
    assert seen(folder) == {"TPI_42.fits": FILE}


def test_a_hidden_file_that_became_the_file(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    server = wire(cut(5000, RESET), cut(100, RESET))
    with pytest.raises(DownloadError):
        save(harness, server, tmp_path)
    (path,) = tmp_path.glob(".*.part")
    os.link(path, tmp_path / "TPI_42.fits")  # and then the process was killed
    with pytest.raises(DownloadError):
        save(harness, server, tmp_path, overwrite=True)
    assert seen(tmp_path) == {"TPI_42.fits": FILE[:5000]}


def test_a_save_that_is_given_up_is_resumed(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    server = wire(cut(5000, STALL), part(5000))
    client = harness.client(server.url, token=TOKEN, max_connections=1, retries=0)
    save = client.scans["TPI"][42].file.save

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    async def cancel() -> None:
        with anyio.CancelScope() as scope:
            await save(tmp_path, progress=lambda *step: scope.cancel())
        assert scope.cancelled_caught

    if harness.mode == "blocking":
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path, progress=interrupt)
    else:
        harness.run(cancel())
    assert seen(tmp_path) == {}
    assert list(hidden(tmp_path).values()) == [5000]
    harness.run(save(tmp_path))  # on the only connection there may be
    assert asked(server) == [ALL, after(5000)]
    assert seen(tmp_path) == {"TPI_42.fits": FILE}
    assert_nothing_hidden(tmp_path)


def test_a_token_that_expires_meanwhile_is_renewed(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    def token(name: str) -> list[bytes | Act]:
        said = {"access_token": name, "token_type": "bearer"}
        return answer(json.dumps(said).encode(), Content_Type="application/json")

    refused = answer(
        b'{"detail": "Could not validate credentials"}',
        "403 Forbidden",
        Content_Type="application/json",
    )
    server = wire(token("first"), cut(5000, RESET), refused, token("second"), part(5000))
    client = harness.client(server.url, user="me", password="my-own-password")
    harness.run(client.scans["TPI"][42].file.save(tmp_path))
    sent = [(r.headers.get("authorization"), r.headers.get("range")) for r in server.requests]
    assert sent == [
        (None, None),
        ("Bearer first", None),
        ("Bearer first", "bytes=5000-"),
        (None, None),
        ("Bearer second", "bytes=5000-"),
    ]
    assert seen(tmp_path) == {"TPI_42.fits": FILE}


def test_what_is_whole_already_and_not_a_file(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path
) -> None:
    page = [*answer(HTML, length=SIZE, ETag=ETAG), RESET]
    server = wire(page, refusal(len(HTML)))
    for says in ("of a body of", "not a FITS file"):
        with pytest.raises(DownloadError, match=says):
            save(harness, server, tmp_path)
    assert asked(server) == [ALL, after(len(HTML))]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_in_the_place_of_the_file(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path, overwrite: bool
) -> None:
    server = wire(whole())
    (tmp_path / "TPI_42.fits").mkdir()
    for options in ({"file_name": "TPI_42.fits"}, {}):
        with pytest.raises(FileExistsError, match="is a folder") as caught:
            save(harness, server, tmp_path, overwrite=overwrite, **options)
        assert "overwrite=True" not in str(caught.value)
    assert len(server.requests) == 1  # where only the server knows what the file is called
    assert_nothing_hidden(tmp_path)


@pytest.mark.parametrize("folder", ["blocked", "blocked/below/it"])
def test_a_folder_that_cannot_be_made_is_one_error(
    harness: Harness, wire: Callable[..., Wire], tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "blocked").symlink_to(tmp_path / "missing" / "file")
    client = harness.client(wire(whole()).url, retries=0, force_noauth=True)
    with pytest.raises(OSError, match="blocked") as caught:
        harness.run(client.scans["TPI"][1].file.save(tmp_path / folder))
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_folder_with_a_null_character_is_named(harness: Harness, tmp_path: Path) -> None:
    client = harness.client("https://archive", force_noauth=True)
    with pytest.raises(ValueError, match="destination_dir contains a null character"):
        harness.run(client.scans["TPI"][1].file.save(f"{tmp_path}\0"))
