"""The types of every call on both clients; mypy and pyright check this file, nothing runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, assert_type

import httpx
from matplotlib.figure import Figure, SubFigure

from grad300_sdk import (
    AsyncClient,
    Client,
    Grad300Client,
    ScanRecord,
    ScanType,
    quicklook,
    read,
    read_fits,
    read_table,
    repair,
)
from grad300_sdk.engine import Async, Resource, Sync
from grad300_sdk.engine.exploring.openapi import Comparison
from grad300_sdk.engine.exploring.tree import Tree
from grad300_sdk.resources.files import ScanFile
from grad300_sdk.resources.scans import Scan, ScanCollection

Row = dict[str, Any]


def blocking(client: Client) -> None:
    assert_type(client.base_api_url, str)
    assert_type(client.request("GET", "/users/me"), httpx.Response)
    assert_type(client.login("me@example.org", "password"), str)
    assert_type(client.login.method, str)
    assert_type(client.login.request("me@example.org", "password"), httpx.Request)
    assert_type(client.login.response("me@example.org", "password"), httpx.Response)
    assert_type(client.login.curl("me@example.org", "password"), str)
    assert_type(client.login.access_token("me@example.org", "password"), dict[str, Any])
    assert_type(client.login.test_token(), dict[str, Any])
    assert_type(client.scans["TPI"], ScanCollection[Sync])
    assert_type(client.scans[ScanType("image")], ScanCollection[Sync])
    assert_type(client.scans["TPI"].get(limit=3, source="sun"), list[Row])
    assert_type(client.scans["TPI"].search(max_results=3), Iterator[Row])
    assert_type(client.scans.search(date_from="2025-02-04"), Iterator[Row])
    assert_type(client.scans["TPI"].watch(every=60, since="2025-02-04"), Iterator[Row])
    assert_type(client.scans.watch(source="sun"), Iterator[Row])
    assert_type(client.scans["OnOff"][42], Scan[Sync])
    assert_type(client.scans["OnOff"][42].get(), Row)
    assert_type(client.scans["OnOff"][42].file, ScanFile[Sync])
    assert_type(client.scans["OnOff"][42].file.get(), bytes)
    assert_type(client.scans["OnOff"][42].file.plot(), Figure)
    assert_type(client.scans["OnOff"][42].file.stream(), Iterator[bytes])
    assert_type(client.scans["OnOff"][42].file.save("folder"), Path)
    assert_type(client.scans["OnOff"][42].file.local_path(), Path)
    client.scans["OnOff"][42].file.open(cached=True)
    client.scans["OnOff"][42].file.table(cached=True)
    client.scans["OnOff"][42].file.fits(cached=True)
    client.scans.download([], "folder", layout="{file_path}/{file_name}", dry_run=True)
    assert_type(client.scans["OnOff"][42].record(), ScanRecord)
    assert_type(client.scans["TPI"].records(source="sun"), list[ScanRecord])
    assert_type(client.scans.records(max_results=3), list[ScanRecord])
    assert_type(client.openapi.get(), dict[str, Any])
    assert_type(client.openapi.compare(), Comparison)
    assert_type(client.tree(), Tree)
    assert_type(client.scans["TPI"][42].tree(), Tree)
    assert_type(client.resource("/users/{user_id}", user_id="me"), Resource[Sync])
    assert_type(client.scans["TPI"].get.method, str)
    assert_type(client.scans["TPI"].get.path, str)
    assert_type(client.scans["TPI"].get.request(limit=3), httpx.Request)
    assert_type(client.scans["TPI"].get.response(limit=3), httpx.Response)
    assert_type(client.scans["TPI"].search.response(page_size=3), httpx.Response)
    assert_type(client.scans["TPI"].get.curl(limit=3), str)
    with client as entered:
        assert_type(entered, Client)
    assert_type(client.close(), None)


async def awaiting(client: AsyncClient) -> None:
    assert_type(client.base_api_url, str)
    assert_type(await client.request("GET", "/users/me"), httpx.Response)
    assert_type(await client.login("me@example.org", "password"), str)
    assert_type(client.login.method, str)
    assert_type(client.login.request("me@example.org", "password"), httpx.Request)
    assert_type(await client.login.response("me@example.org", "password"), httpx.Response)
    assert_type(client.login.curl("me@example.org", "password"), str)
    assert_type(await client.login.access_token("me@example.org", "password"), dict[str, Any])
    assert_type(await client.login.test_token(), dict[str, Any])
    assert_type(client.scans["TPI"], ScanCollection[Async])
    assert_type(await client.scans["TPI"].get(limit=3, source="sun"), list[Row])
    assert_type(client.scans["TPI"].search(max_results=3), AsyncIterator[Row])
    assert_type(client.scans.search(date_from="2025-02-04"), AsyncIterator[Row])
    assert_type(client.scans["TPI"].watch(every=60, since="2025-02-04"), AsyncIterator[Row])
    assert_type(client.scans.watch(source="sun"), AsyncIterator[Row])
    assert_type(client.scans["OnOff"][42], Scan[Async])
    assert_type(await client.scans["OnOff"][42].get(), Row)
    assert_type(await client.scans["OnOff"][42].file.get(), bytes)
    assert_type(await client.scans["OnOff"][42].file.plot(), Figure)
    assert_type(client.scans["OnOff"][42].file.stream(), AsyncIterator[bytes])
    assert_type(await client.scans["OnOff"][42].file.save("folder"), Path)
    assert_type(await client.scans["OnOff"][42].file.local_path(), Path)
    await client.scans["OnOff"][42].file.open(cached=True)
    await client.scans["OnOff"][42].file.table(cached=True)
    await client.scans["OnOff"][42].file.fits(cached=True)
    await client.scans.download([], "folder", layout="{file_path}/{file_name}", dry_run=True)
    assert_type(await client.scans["OnOff"][42].record(), ScanRecord)
    assert_type(await client.scans["TPI"].records(source="sun"), list[ScanRecord])
    assert_type(await client.scans.records(max_results=3), list[ScanRecord])
    assert_type(await client.openapi.get(), dict[str, Any])
    assert_type(await client.openapi.compare(), Comparison)
    assert_type(client.resource("/users/{user_id}", user_id="me"), Resource[Async])
    assert_type(client.scans["TPI"].get.request(limit=3), httpx.Request)
    assert_type(await client.scans["TPI"].get.response(limit=3), httpx.Response)
    assert_type(client.scans["TPI"].get.curl(limit=3), str)
    async with client as entered:
        assert_type(entered, AsyncClient)
    assert_type(await client.aclose(), None)


def flat(client: Grad300Client) -> None:
    assert_type(client.list_records("tpi", limit=3), list[ScanRecord])
    assert_type(client.query_records(source="sun"), list[ScanRecord])
    assert_type(client.test_token(), dict[str, Any])
    assert_type(client.login("me@example.org", "password"), str)
    assert_type(client.scans["TPI"].get(), list[Row])


def on_disk(path: Path, content: bytes, file: BinaryIO) -> None:
    for source in (path, str(path), content, bytearray(content), file, BytesIO(content)):
        read(source)
        read_table(source)
        read_fits(source)
        assert_type(repair(source, "copy.fits", overwrite=True), Path)


def pictures(data: object, figure: Figure, part: SubFigure) -> None:
    assert_type(quicklook.plot(data), Figure)
    assert_type(quicklook.plot(data, figure=figure), Figure)
    assert_type(quicklook.plot(data, figure=part), SubFigure)
