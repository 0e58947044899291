"""Sphinx configuration; the build needs no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import grad300_sdk
from grad300_sdk.engine.declaring.endpoints import Endpoint

project = "grad300_sdk"
author = copyright = "The grad300_sdk developers"  # noqa: A001 - Sphinx requires this name
version = release = grad300_sdk.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars: dict[str, list[str]] = {"**": []}
html_copy_source = False

nb_execution_mode = "force"  # a cache would not notice that the SDK has changed
nb_execution_raise_on_error = True  # the notebooks hold no outputs
nb_execution_timeout = 120
nb_merge_streams = True

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings document the types
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "all",
    *("GL01", "GL08"),  # a summary may be on the first line, and ruff finds missing docstrings
    *("ES01", "EX01", "SA01", "SA04"),  # extended summary, examples and references are optional
    *("PR01", "PR04", "RT01"),  # a one-line docstring may omit parameters and results
    *("RT02", "RT03", "YD01"),  # the description of a result is optional
}


class ClientTree(SphinxDirective):
    """A directive that lists all calls of a client."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        lines = grad300_sdk.Client().tree()
        return self.parse_text_to_nodes(
            "\n".join(
                f"``{line.call}``\n    {line.method} ``{line.template}``: {line.summary}\n"
                for line in lines
            )
        )


def get_documented(owner: Any, name: str, *default: Any) -> Any:
    """Return an attribute, with a function that has the signature of the call for an endpoint."""
    attribute = getattr(owner, name, *default)
    if not isinstance(attribute, Endpoint):
        return attribute

    def call() -> None: ...

    call.__name__, call.__doc__ = name, attribute.__doc__
    call.__signature__ = attribute.signature(is_bound=False)
    return call


def add_return_annotation(
    app: Sphinx, kind: str, name: str, documented: Any, options: Any, arguments: str, result: str
) -> tuple[str, str] | None:
    """Return the signature of a call with its return annotation."""
    signature = getattr(documented, "__signature__", None)
    if kind != "method" or signature is None:
        return None
    return arguments, str(signature.return_annotation)


def setup(app: Sphinx) -> None:
    """Register the extensions of this documentation."""
    app.add_directive("client-tree", ClientTree)
    app.add_autodoc_attrgetter(type, get_documented)
    app.connect("autodoc-process-signature", add_return_annotation)
