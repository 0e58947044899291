"""Dask and joblib know a node again, whoever asks for it and in whichever process."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask
import joblib
import pytest
from dask.base import tokenize

from grad300_sdk import AsyncClient, Client, Grad300Client
from tests.conftest import Harness

SECRET = "s3cret-that-nobody-may-see"
CODE = """
import joblib
from dask.base import tokenize
from grad300_sdk import Client

node = Client("https://archive", token="another").scans["TPI"][42].file
for thing in (node, node.get, node.client):
    print(tokenize(thing), joblib.hash(thing))
"""


def node_of(client: Any) -> Any:
    return client.scans["TPI"][42].file


def test_equal_nodes_are_one_key(harness: Harness) -> None:
    node = node_of(harness.client("https://archive", token=SECRET))
    for make in (Client, AsyncClient, Grad300Client):
        other = node_of(make("https://archive", force_noauth=True, retries=1))
        for hashed in (tokenize, joblib.hash):
            assert hashed(node) == hashed(other)
            assert hashed(node.get) == hashed(other.get)
            assert hashed([1, {"node": node}]) == hashed([1, {"node": other}])


def test_other_nodes_are_other_keys() -> None:
    client, elsewhere = Client("https://archive"), Client("https://elsewhere")
    things = [
        *(client, elsewhere, client.scans, client.scans["TPI"], client.scans["Images"]),
        *(client.scans["TPI"][1], client.scans["TPI"][2], elsewhere.scans["TPI"][1]),
        *(client.scans["TPI"][1].file, client.scans["TPI"][1].file.get),
        *(client.scans["TPI"][1].file.table, client.scans["TPI"][1].get),
    ]
    for hashed in (tokenize, joblib.hash):
        assert len({hashed(thing) for thing in things}) == len(things)


def test_they_are_the_same_in_another_process() -> None:
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    node = node_of(Client("https://archive", token=SECRET))
    things = (node, node.get, node.client)
    assert done.stdout.split() == [h(thing) for thing in things for h in (tokenize, joblib.hash)]


def test_no_secret_is_hashed() -> None:
    """A hash of one would let anyone find it by trying."""
    node = node_of(Client("https://archive", user="me", password=SECRET))
    assert SECRET not in repr(node.__dask_tokenize__())
    hashed = pickle.dumps(node, protocol=3)
    assert SECRET.encode() not in hashed
    with pytest.raises(pickle.UnpicklingError, match="protocol 4 or later"):
        pickle.loads(hashed)


def test_joblib_carries_nodes(tmp_path: Path) -> None:
    node = node_of(Client("https://archive", token=SECRET))
    joblib.dump(node, tmp_path / "node")
    copy = joblib.load(tmp_path / "node")
    assert copy == node
    assert copy.client.auth_source == "token"


def test_a_result_in_memory_is_found_by_another_user(tmp_path: Path) -> None:
    calls = []

    def count(node: Any) -> int:
        calls.append(node)
        return len(calls)

    counted = joblib.Memory(tmp_path, verbose=0).cache(count)
    assert counted(node_of(Client("https://archive", token=SECRET))) == 1
    assert counted(node_of(Client("https://archive"))) == 1
    assert counted(node_of(Client("https://elsewhere"))) == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert SECRET.encode() not in path.read_bytes()


def test_a_graph_has_one_task_for_equal_nodes() -> None:
    nodes = [node_of(Client("https://archive", token=token)) for token in ("1", SECRET)]
    tasks = [dask.delayed(str, pure=True)(node) for node in nodes]
    assert len({task.key for task in tasks}) == 1
    assert dask.compute(*tasks, scheduler="sync") == (str(nodes[0]),) * 2
    assert SECRET not in repr(dict(tasks[1].dask))
