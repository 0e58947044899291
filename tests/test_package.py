"""What the package offers, what it needs, what it loads, and what is in its distributions."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email.parser import HeaderParser
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from test_rooms import MODULES, PACKAGE, ROOT, imports, within

import grad300_sdk
import grad300_sdk.engine

# Frozen: whoever changes these lists changes what users rely on.
PUBLIC_NAMES = {
    "grad300_sdk": {
        *("AsyncClient", "Client", "Conf", "ScanType", "__version__", "conf"),
        *("AuthenticationError", "DecodeError", "DownloadError", "Grad300APIError"),
        *("Grad300Error", "Grad300Warning", "NotFoundError", "RateLimitError"),
        *("RequestTimeoutError", "ServerError", "TransportError", "ValidationError"),
        *("Grad300", "Grad300Client", "ScanRecord"),
        *("read", "read_fits", "read_table", "repair"),
    },
    "grad300_sdk.engine": {
        *("Anonymous", "Async", "Basic", "Call", "CallableNode", "Chunks", "ClientOptions"),
        *("Comparison", "CredentialChain", "Credentials", "Exclusive", "FileContent"),
        *("Flow", "Gather", "Items", "ItemsFlow", "KeptLogin", "Login", "M", "Node", "OnRetry"),
        *("OpenAPIDocument", "Resource", "Root", "RootNode", "Send", "Sender", "Sink", "Sleep"),
        *("Sync", "Token", "TokenFile", "Tree", "TreeLine", "call_attributes", "check_base_url"),
        *("check_integer", "check_path", "check_positive", "child", "decode_error"),
        *("decode_json", "describe"),
        *("describe_bytes", "drop_none", "endpoint", "errors", "excerpt", "expand_user"),
        *(
            "is_loopback",
            "iterator",
            "nearest",
            "printable",
            "public",
            "redact",
            "show_full_tracebacks",
            "warn",
            "without_body",
        ),
    },
    "grad300_sdk.sandbox": {"Sandbox"},
}


def documented_names(page: str) -> list[str]:
    """Return the names that a page of the reference lists, or describes itself."""
    text = (ROOT / f"docs/{page}.rst").read_text("utf-8")
    return re.findall(r"^(?:   |\.\. py:data:: )([\w.]+)$", text, re.MULTILINE)


class TestPublicNames:
    @pytest.mark.parametrize("module", PUBLIC_NAMES)
    def test_they_are_these(self, module):
        assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC_NAMES[module])

    @pytest.mark.parametrize("module", MODULES)
    def test_each_of_them_is_there(self, module):
        namespace = importlib.import_module(module)
        for name in getattr(namespace, "__all__", ()):
            assert getattr(namespace, name) is not None

    @pytest.mark.parametrize("name", sorted(PUBLIC_NAMES["grad300_sdk"] - {"__version__"}))
    def test_the_reference_has_them(self, name):
        assert name in documented_names("reference")

    @pytest.mark.parametrize("name", sorted(PUBLIC_NAMES["grad300_sdk.engine"] - {"errors"}))
    def test_the_reference_of_the_engine_has_them(self, name):
        assert name in documented_names("engine_reference")

    def test_completion_shows_them(self):
        assert set(dir(grad300_sdk)) >= PUBLIC_NAMES["grad300_sdk"]

    def test_a_misspelt_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="'Clinet'"):
            grad300_sdk.Clinet  # noqa: B018


OF_EXTRAS = {
    ("grad300_sdk.command_line", "pyarrow"),
    ("grad300_sdk.command_line", "rich"),
    ("grad300_sdk.command_line", "typer"),
    ("grad300_sdk.downloads.progress", "tqdm"),
    ("grad300_sdk.filesystem", "fsspec"),
    ("grad300_sdk.pytest_plugin", "pytest"),
    ("grad300_sdk.quicklook", "matplotlib"),
    ("grad300_sdk.quicklook.drawing", "matplotlib"),
    ("grad300_sdk.quicklook.listings", "matplotlib"),
    ("grad300_sdk.quicklook.maps", "matplotlib"),
    ("grad300_sdk.quicklook.tables", "matplotlib"),
    ("grad300_sdk.resources.files", "matplotlib"),
}


def test_what_the_package_needs_is_declared():
    needs = [text for text in requires("grad300-sdk") if "extra ==" not in text]
    declared = {re.match(r"[\w.-]+", text)[0].lower() for text in needs}
    homes = packages_distributions()
    for module in MODULES:
        for found in imports(module):
            top = found.module.partition(".")[0]
            if top == "grad300_sdk" or within(module, "grad300_sdk.sandbox"):
                continue
            if any(within(module, user) and top == needed for user, needed in OF_EXTRAS):
                continue
            if top not in sys.stdlib_module_names:
                home = {home.lower() for home in homes[top]}
                assert home & declared, f"{module} imports {top}"


def modules_loaded_by(code: str, *arguments: str) -> set[str]:
    """Run code in a Python of its own, and give the modules that it loads."""
    code = f"import sys\n{code}\nprint(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


class TestWhatIsLoaded:
    LATER = ("astropy.table", "astropy.io.fits")

    @pytest.mark.parametrize("module", ["cache", "quicklook", "sandbox", "sky", "spectra"])
    def test_by_naming_a_module(self, module):
        loaded = modules_loaded_by(f"import grad300_sdk\ngrad300_sdk.{module}")
        assert f"grad300_sdk.{module}" in loaded

    def test_by_importing_the_package(self):
        loaded = modules_loaded_by("import grad300_sdk")
        assert {name for name in loaded if within(name, "grad300_sdk")} == {"grad300_sdk"}
        assert not [name for name in loaded if within(name, "astropy", "httpx", "msgspec")]

    def test_by_asking_for_json(self, sandbox):
        code = """
from grad300_sdk import Client
_, url, user, password = sys.argv
with Client(url, user=user, password=password) as client:
    assert len(client.scans["TPI"].get(limit=3)) == 3
    assert client.scans["TPI"][1].file.get()
"""
        loaded = modules_loaded_by(code, sandbox.url, sandbox.user, sandbox.password)
        assert "httpx" in loaded
        assert not [name for name in loaded if within(name, "astropy", "numpy")]

    def test_by_the_configuration(self):
        loaded = modules_loaded_by("from grad300_sdk import Client, conf\nClient()")
        assert "astropy.config" in loaded
        assert not loaded & set(self.LATER)


def built(kind: str, folder: Path) -> Path:
    """Build a distribution of this checkout, by the hooks of PEP 517."""
    if not (ROOT / "grad300_sdk").is_dir():
        pytest.skip("there is no checkout here to build from")
    code = f"import sys, hatchling.build as b; b.build_{kind}(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, folder], cwd=ROOT, check=True, timeout=60)
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    with tarfile.open(built("sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        yield archive


class TestDistributions:
    def test_the_wheel_holds_the_package_alone(self, wheel):
        names = wheel.namelist()
        information = f"grad300_sdk-{grad300_sdk.__version__}.dist-info"
        assert {name.partition("/")[0] for name in names} == {"grad300_sdk", information}
        assert "grad300_sdk/py.typed" in names
        sources = {path.relative_to(PACKAGE.parent).as_posix() for path in MODULES.values()}
        assert {name for name in names if name.endswith(".py")} == sources

    def test_what_other_packages_find(self, wheel):
        [name] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        found = ConfigParser()
        found.read_string(wheel.read(name).decode())
        file_system = "grad300_sdk.filesystem:Grad300FileSystem"
        assert dict(found["fsspec.specs"]) == {"grad300": file_system}
        assert dict(found["universal_pathlib.implementations"]) == {"grad300": "upath:UPath"}

    def test_the_metadata(self, wheel):
        [name] = [name for name in wheel.namelist() if name.endswith("METADATA")]
        metadata = HeaderParser().parsestr(wheel.read(name).decode())
        assert metadata["Name"] == "grad300-sdk"
        assert metadata["Version"] == grad300_sdk.__version__
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["License-Expression"] == "BSD-3-Clause"
        extras = set(metadata.get_all("Provides-Extra"))
        assert extras >= {"all", "cli", "dev", "docs", "fsspec", "sandbox", "test", "testing"}

    def test_the_wheel_has_a_plugin_for_pytest(self, wheel):
        [name] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        entries = ConfigParser()
        entries.read_string(wheel.read(name).decode())
        assert dict(entries["pytest11"]) == {"grad300": "grad300_sdk.pytest_plugin"}

    def test_the_sdist_holds_tests_and_documentation(self, sdist):
        names = {name.partition("/")[2] for name in sdist.getnames()}
        assert names >= {
            *("CHANGELOG.rst", "LICENSE", "README.rst", "pyproject.toml"),
            *("docs/conf.py", "docs/examples/quickstart.py", "docs/index.rst"),
            *("grad300_sdk/py.typed", "tests/conftest.py", "tests/test_package.py"),
        }
        assert not [name for name in names if "_build" in name or name.endswith(".pyc")]

    def test_the_changelog_knows_the_version(self):
        if not (ROOT / "CHANGELOG.rst").is_file():
            pytest.skip("there is no checkout here")
        assert f"\n{grad300_sdk.__version__}" in (ROOT / "CHANGELOG.rst").read_text("utf-8")


def test_the_readme_has_the_two_commands():
    lines = [line.strip() for line in (ROOT / "README.rst").read_text("utf-8").splitlines()]
    assert [line for line in lines if line.startswith("$ python")] == [
        '$ python -m pip install ".[sandbox]" && python docs/examples/quickstart.py',
        '$ python -m pip install ".[test]" && python -m pytest',
    ]
