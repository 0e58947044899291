"""fsspec's own tests of file systems, as far as they read.

They write the files that they need, at paths of their own. Here these files are put into an
archive, and a table of names stands between their paths and the archive's.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fsspec.tests import abstract

from grad300_sdk.filesystem import Grad300FileSystem


class NamedFileSystem(Grad300FileSystem):
    """An archive whose files have any path, and which is filled by those who would write."""

    protocol = "named"
    cachable = False

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.names: dict[str, int] = {}
        transport = httpx.MockTransport(self._answer)
        super().__init__("https://archive", transport=transport, force_noauth=True)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        *_, scan_id, _ = request.url.path.split("/")
        return httpx.Response(200, content=self.contents[int(scan_id)])

    def _scan(self, path: str) -> Any:
        path = self._strip_protocol(path)
        if path not in self.names:
            raise FileNotFoundError(path)
        return super()._scan(f"TPI/{self.names[path]}")

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super(Grad300FileSystem, cls)._strip_protocol(path)

    async def _isdir(self, path: str) -> bool:
        path = self._strip_protocol(path)
        return not path or any(name.startswith(f"{path}/") for name in self.names)

    async def _info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        if await self._isdir(path):
            return {"name": path, "type": "directory", "size": 0}
        self._scan(path)
        return {"name": path, "type": "file", "size": len(self.contents[self.names[path]])}

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        path = self._strip_protocol(path)
        start = f"{path}/" if path else ""
        below = [name.removeprefix(start) for name in self.names if name.startswith(start)]
        names = dict.fromkeys(start + name.partition("/")[0] for name in below)
        return [await self._info(name) for name in names or [path]]

    def touch(self, path: str, **kwargs: Any) -> None:
        self.pipe(path, b"")

    def pipe(self, path: str, value: bytes) -> None:
        # What does not start like a FITS file is not saved.
        self.names[path] = len(self.contents)
        self.contents.append(b"SIMPLE" + value)

    def makedirs(self, path: str, **kwargs: Any) -> None:
        """Do nothing: a folder is there when a file is in it."""

    mkdir = makedirs

    def rm(self, path: str, **kwargs: Any) -> None:
        self.names.clear()


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self) -> NamedFileSystem:
        return NamedFileSystem()

    @pytest.fixture
    def fs_path(self) -> str:
        return "folder"

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestGet(abstract.AbstractGetTests, Fixtures):
    def test_get_with_source_and_destination_as_list(
        self, fs: Any, fs_join: Any, fs_10_files_with_hashed_names: str, tmp_path: Any
    ) -> None:
        """Check what the test of that name does, for files that start like FITS files."""
        names = fs.find(fs_10_files_with_hashed_names)
        places = [str(tmp_path / name.rpartition("/")[2]) for name in names]
        fs.get(names, places)
        for name, place in zip(names, places, strict=True):
            with open(place, "rb") as file:
                assert file.read() == fs.contents[fs.names[name]]
