"""Run the notebooks of the documentation, each in a Python of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))
PICTURES = {"day": 4, "hydrogen": 2, "sun": 3}


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cell(source: str) -> Any:
    return nbformat.v4.new_code_cell(source)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_a_warning_and_shows_its_pictures(
    path: Path, tmp_path: Path
) -> None:
    notebook = read(path)
    first = code_cell("import warnings; warnings.simplefilter('error')")
    last = code_cell("warnings.resetwarnings()")  # the kernel warns of itself when it ends
    notebook.cells = [first, *notebook.cells, last]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == PICTURES[path.stem]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_what_it_shows(path: Path) -> None:
    for cell in read(path).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_documentation_has_it(path: Path) -> None:
    assert f"notebooks/{path.stem}\n" in (DOCS / "notebooks.rst").read_text("utf-8")
