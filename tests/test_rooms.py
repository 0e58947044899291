"""The rooms of the package: imports run one way, and docs/design.rst draws them as they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

import grad300_sdk

ROOT = Path(__file__).parents[1]
PACKAGE = Path(grad300_sdk.__file__).parent
ENGINE = "grad300_sdk.engine"

# A module may import the modules before it. What a folder offers, its __init__, comes after all
# that is in the folder.
ROOMS = """
grad300_sdk/
    engine/
        text  errors  checks  template  flow  tracebacks  keywords  light_httpx
        credentials/  kinds  netrc  chain
        sending/      retry  pacing  upload  redact  request  response  session
        network/      threads  streams  certificates  proxies  base  sync  aio  errors
                      incoming  items  driver
        exploring/    completion  branches  html  signatures  preview  curl  openapi  tree
                      explorable
        declaring/    nodes  send  calls  endpoints  resource  callable
        client
    version  defaults  errors  configuration  settings
    filters  records  pages  columns  tables  fits  sky  spectra
    quicklook/        scales  drawing  maps  tables  listings
    downloads/        names  layout  progress  partial  save  bulk
    cache  local_files
    resources/        login  files  paging  watching  scans  openapi
    logins  client  flat  filesystem
    sandbox/          sky  hydrogen  scans  tracks  receiver  faults  files  observing
                      archive  application  server  __main__
    command_line/     output  errors  options  terminal  formats  trees  contents  accounts
                      requests  listings  downloads  files  settings  sandbox
                      application
    pytest_plugin  __main__
"""

# What reads JSON and files takes plain data and knows no client.
DATA = ["filters", "records", "pages", "columns", "tables", "fits", "sky", "spectra"]
DATA += [
    f"quicklook{part}" for part in ("", ".scales", ".drawing", ".maps", ".tables", ".listings")
]
DATA_MAY_IMPORT_FROM_THE_ENGINE = {"excerpt", "warn"}

IMPORTS_HTTPX = {
    f"{ENGINE}.{module}"
    for module in (
        *("checks", "client", "light_httpx", "network.aio", "network.base"),
        *("network.certificates", "network.driver", "network.incoming"),
        *("network.errors", "network.proxies", "network.sync", "sending.request"),
        *("sending.response", "sending.session", "sending.redact"),
    )
}


def module_names(drawing: str) -> list[str]:
    """Return the modules that a drawing of the rooms names, in its order.

    A folder ends with a slash, and what it holds stands on its line or is indented below it. Names
    are apart by two blanks at least, and so are the remarks on them, of two words at least.
    """
    names: list[str] = []
    folders: list[tuple[int, str]] = []

    def leave(indent: int) -> None:
        while folders and folders[-1][0] >= indent:
            names.append(folders.pop()[1])

    for line in filter(str.strip, drawing.splitlines()):
        indent = len(line) - len(line.lstrip())
        leave(indent)
        for word in re.split(r"\s{2,}", line.strip()):
            within = "".join(f"{folder}." for _, folder in folders[-1:])
            if word.endswith("/"):
                folders.append((indent, within + word.rstrip("/")))
            elif re.fullmatch(r"\w+(\.py)?", word):
                names.append(within + word.removesuffix(".py"))
    leave(0)
    return names


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
ORDER = module_names(ROOMS)


class Import(NamedTuple):
    """One name that a module imports, wherever in it."""

    module: str
    name: str
    is_relative: bool
    is_for_types: bool

    @property
    def full_name(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module

    @property
    def imported_module(self) -> str:
        return self.full_name if self.full_name in MODULES else self.module


def read_imports(source: str, module: str, *, is_package: bool) -> Iterator[Import]:
    """Yield what a module imports, at run time or for type checkers alone."""
    todo: list[tuple[ast.AST, bool]] = [(ast.parse(source), False)]
    while todo:
        node, is_for_types = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            todo += [(child, True) for child in node.body]
            todo += [(child, is_for_types) for child in node.orelse]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", False, is_for_types)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) + is_package - node.level]
                origin = ".".join([*parts, *filter(None, [origin])])
            for alias in node.names:
                yield Import(origin, alias.name, bool(node.level), is_for_types)
        else:
            todo += [(child, is_for_types) for child in ast.iter_child_nodes(node)]


def imports(module: str) -> list[Import]:
    path = MODULES[module]
    source = path.read_text("utf-8")
    return list(read_imports(source, module, is_package=path.name == "__init__.py"))


def within(name: str, *packages: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def find_faults(module: str, found: Import) -> list[str]:
    """Return the rules that an import of a module breaks."""
    imported = found.imported_module
    in_engine = within(module, ENGINE)
    rules = {
        "only modules before it": (
            not within(imported, "grad300_sdk")
            or (imported in ORDER and ORDER.index(imported) < ORDER.index(module))
        ),
        "relative in the engine, absolute outside": (
            found.is_relative == (in_engine and within(imported, "grad300_sdk"))
        ),
        "the engine knows neither GRAD300 nor astropy": (
            not in_engine
            or within(imported, ENGINE)
            or not within(imported, "grad300_sdk", "astropy")
        ),
        "no private door into the engine": (
            in_engine or not within(imported, ENGINE) or imported in (ENGINE, f"{ENGINE}.errors")
        ),
        "no private name": not re.match("_(?!_)", found.name),
        "httpx in a few modules": (
            not within(imported, "httpx") or found.is_for_types or module in IMPORTS_HTTPX
        ),
        "data knows no client": (
            module.removeprefix("grad300_sdk.") not in DATA
            or imported != ENGINE
            or found.name in DATA_MAY_IMPORT_FROM_THE_ENGINE
        ),
        "the sandbox stands alone": (
            not within(module, "grad300_sdk.sandbox")
            or within(imported, "grad300_sdk.sandbox")
            or not within(imported, "grad300_sdk", "httpx")
        ),
        "only the command line and the fixtures start the sandbox": (
            not within(imported, "grad300_sdk.sandbox")
            or within(module, "grad300_sdk.sandbox")
            or within(module, "grad300_sdk.command_line")
            or module == "grad300_sdk.pytest_plugin"
        ),
    }
    return [rule for rule, holds in rules.items() if not holds]


def test_every_module_has_its_place():
    assert sorted(ORDER) == sorted(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_it_may(module):
    faults = {found.full_name: find_faults(module, found) for found in imports(module)}
    assert {name: rules for name, rules in faults.items() if rules} == {}


def test_httpx_is_imported_nowhere_else():
    users = {
        module
        for module in MODULES
        for found in imports(module)
        if within(found.module, "httpx") and not found.is_for_types
    }
    assert users == IMPORTS_HTTPX


def test_there_is_no_circle():
    graph = {module: {found.imported_module for found in imports(module)} for module in MODULES}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("engine.declaring.nodes", "from grad300_sdk.records import ScanType"),
        ("engine.declaring.nodes", "from ...records import ScanType"),
        ("engine.declaring.nodes", "from grad300_sdk.engine.flow import Flow"),
        ("engine.declaring.nodes", "from .calls import Call"),
        ("engine.exploring.tree", "import astropy.time"),
        ("engine.exploring.tree", "from ..declaring.nodes import Node"),
        ("engine.exploring.html", "from . import tree"),
        ("engine.sending.upload", "import httpx"),
        ("engine.sending.retry", "from ..network import driver"),
        ("resources.scans", "from httpx import Response"),
        ("resources.scans", "from grad300_sdk.engine.flow import Flow"),
        ("resources.scans", "from grad300_sdk.resources.files import _private"),
        ("resources.scans", "from .files import ScanFile"),
        ("records", "from grad300_sdk.client import Client"),
        ("filters", "from grad300_sdk import Client"),
        ("tables", "from grad300_sdk.engine import Node"),
        ("fits", "import grad300_sdk.engine.text"),
        ("configuration", "from grad300_sdk.settings import setting"),
        ("defaults", "from grad300_sdk.configuration import conf"),
        ("downloads.save", "from grad300_sdk.resources.scans import Scans"),
        ("cache", "from grad300_sdk.resources import scans"),
        ("client", "from grad300_sdk.sandbox import Sandbox"),
        ("client", "from grad300_sdk import __version__"),
        ("sandbox.files", "from grad300_sdk.records import ScanType"),
        ("sandbox.files", "import httpx"),
    ],
)
def test_these_would_be_found(module, line):
    [found] = read_imports(line, f"grad300_sdk.{module}", is_package=False)
    assert find_faults(f"grad300_sdk.{module}", found)


def test_all_ways_to_import_are_seen():
    source = """
import httpx
from . import errors
from ..text import nearest as near
if TYPE_CHECKING:
    from .flow import Flow
else:
    import json
def function():
    try:
        from grad300_sdk import client
    finally:
        pass
"""
    found = read_imports(source, "grad300_sdk.engine.exploring", is_package=True)
    assert {(item.full_name, item.is_relative, item.is_for_types) for item in found} == {
        ("httpx", False, False),
        ("grad300_sdk.engine.exploring.errors", True, False),
        ("grad300_sdk.engine.text.nearest", True, False),
        ("grad300_sdk.engine.exploring.flow.Flow", True, True),
        ("json", False, False),
        ("grad300_sdk.client", False, False),
    }


def test_docs_design_draws_the_rooms():
    text = (ROOT / "docs/design.rst").read_text("utf-8")
    drawing = re.search(r"^( +)grad300_sdk/\n(\1.*\n|\n)*", text, re.MULTILINE)
    assert drawing is not None
    assert module_names(dedent(drawing[0])) == ORDER
