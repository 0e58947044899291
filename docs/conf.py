"""How Sphinx makes the documentation; nothing in it needs a network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import grad300_sdk
from grad300_sdk.engine.endpoints import Endpoint

project = "grad300_sdk"
author = copyright = "The grad300_sdk developers"  # noqa: A001 - Sphinx wants this name
version = release = grad300_sdk.__version__

extensions = ["numpydoc", "sphinx.ext.autodoc"]
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

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say the types
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "all",
    *("GL01", "GL08"),  # a summary may stand in the first line, and ruff finds what has none
    *("ES01", "EX01", "SA01", "SA04"),  # not each docstring needs more text, examples, references
    *("PR01", "PR04", "RT01"),  # a short docstring says in its summary what is taken and given
    *("RT02", "RT03", "YD01"),  # a type alone may say what is returned
}


class ClientTree(SphinxDirective):
    """All calls of a client, from the descriptions that make the calls."""

    def run(self) -> list[nodes.Node]:
        """Make a list of them."""
        lines = grad300_sdk.Client().tree()
        return self.parse_text_to_nodes(
            "\n".join(
                f"``{line.call}``\n    {line.method} ``{line.template}``: {line.summary}\n"
                for line in lines
            )
        )


def show_call(owner: Any, name: str, *default: Any) -> Any:
    """Get an attribute; in place of a call, a function that looks as the call does to its user."""
    thing = getattr(owner, name, *default)
    if not isinstance(thing, Endpoint):
        return thing

    def call() -> None: ...

    call.__name__, call.__doc__ = name, thing.__doc__
    call.__signature__ = thing.signature(bound=False)
    return call


def show_result(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, arguments: str, result: str
) -> tuple[str, str] | None:
    """Show what a call gives."""
    signature = getattr(thing, "__signature__", None)
    if what != "method" or signature is None:
        return None
    return arguments, str(signature.return_annotation)


def setup(app: Sphinx) -> None:
    """Add what this documentation needs to Sphinx."""
    app.add_directive("client-tree", ClientTree)
    app.add_autodoc_attrgetter(type, show_call)
    app.connect("autodoc-process-signature", show_result)
