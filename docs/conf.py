"""Sphinx configuration; the build needs no network."""

from __future__ import annotations

import inspect
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

import grad300_sdk
import grad300_sdk.engine
from grad300_sdk.engine.declaring.endpoints import Endpoint

DOCS = Path(__file__).parent
GENERATED = DOCS / "generated"  # the pages of the reference, the pictures and the inventories
sys.path.insert(0, str(DOCS))

project = "grad300_sdk"
author = copyright = "The grad300_sdk developers"  # noqa: A001 - Sphinx requires this name
version = release = grad300_sdk.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_js_files = ["names.js"]
html_theme_options = {
    "logo": {"text": project},
    "header_links_before_dropdown": 4,
    "navigation_with_keys": False,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}
html_copy_source = False
html_show_sourcelink = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

nb_execution_mode = "force"  # a cache would not notice that the SDK has changed
nb_execution_raise_on_error = True  # the notebooks hold no outputs
nb_execution_timeout = 120
nb_merge_streams = True

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings document the types
python_use_unqualified_type_names = True

# The reference: a page for each class and function.
autosummary_context = {
    "more_options": {
        "grad300_sdk.Client": (
            ":inherited-members:\n:exclude-members: aclose, client, path, template"
        ),
        "grad300_sdk.resources.login.Login": ":special-members: __call__",
        "grad300_sdk.engine.Sender": ":special-members: __call__",
    },
    "only_members": {
        "grad300_sdk.filesystem.Grad300FileSystem": "created, modified, walk",
        "grad300_sdk.ScanRecord": "coord, project, scan_tag, sub_scan",
        "grad300_sdk.engine.Call": (
            "method, path, template, client, request, response, curl, flow"
        ),
        "grad300_sdk.engine.RootNode": "client, base_api_url, max_connections",
        "grad300_sdk.engine.CredentialChain": "resolve",
    },
}
INTERNAL_MEMBERS = {"driver", "session"}  # of a client: its author needs them, its user does not

# What a docstring calls a thing, for the links of its types.
NAMES = {
    **{name: f"grad300_sdk.engine.{name}" for name in grad300_sdk.engine.__all__},
    **{name: f"grad300_sdk.{name}" for name in grad300_sdk.__all__},
    "Sandbox": "grad300_sdk.sandbox.Sandbox",
    "ScanTable": "astropy.table.Table",
    **{name: f"astropy.table.{name}" for name in ("QTable", "Table")},
    "HDUList": "astropy.io.fits.HDUList",
    "Quantity": "astropy.units.Quantity",
    "SkyCoord": "astropy.coordinates.SkyCoord",
    "Time": "astropy.time.Time",
    "Figure": "matplotlib.figure.Figure",
    "ndarray": "numpy.ndarray",
    "Compared": "grad300_sdk.engine.exploring.openapi.Compared",
    "Path": "pathlib.Path",
    "datetime": "datetime.datetime",
    "date": "datetime.date",
    **{name: f"typing.{name}" for name in ("Any", "Literal")},
    **{
        name: f"collections.abc.{name}"
        for name in ("AsyncIterator", "Callable", "Iterable", "Iterator", "Mapping", "Sequence")
    },
    **{
        name: f"collections.abc.{name.title()}"  # numpydoc would link to Python's glossary
        for name in ("iterable", "mapping", "sequence")
    },
    **{
        name: name
        for name in (
            *("bool", "bytes", "callable", "dict", "float", "int", "list", "object", "str"),
            *("tuple", "type"),
            *(f"httpx.{name}" for name in ("BaseTransport", "AsyncBaseTransport", "Proxy", "URL")),
            *(f"httpx.{name}" for name in ("Request", "Response", "Timeout")),
            *("astropy.io.fits.HDUList", "astropy.table.Table", "ssl.SSLContext"),
        )
    },
}

numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    name: f":py:obj:`{name}`" if name == whole and "." in name else whole
    for name, whole in NAMES.items()
}
numpydoc_xref_ignore = "all"  # what NAMES does not have
numpydoc_validation_checks = {
    "all",
    *("GL01", "GL08"),  # a summary may be on the first line, and ruff finds missing docstrings
    *("ES01", "EX01", "SA01", "SA04"),  # extended summary, examples and references are optional
    *("PR01", "PR04", "RT01"),  # a one-line docstring may omit parameters and results
    *("RT02", "RT03", "YD01"),  # the description of a result is optional
}


def write_inventories() -> dict[str, tuple[str, str]]:
    """Write the inventories of other projects, and return what intersphinx wants to know of them.

    Each has the names that these pages link to, so that a build needs no network.
    """
    mapping = {}
    for path in sorted(DOCS.glob("inventories/*.txt")):
        url, *lines = path.read_text("utf-8").splitlines()
        entries = []
        for line in lines:
            name, role, place = line.split()
            entries.append(f"{name} {role} 1 {place.replace('$', name)} -\n")
        head = f"# Sphinx inventory version 2\n# Project: {path.stem}\n# Version:\n# zlib\n"
        inventory = GENERATED / f"{path.stem}.inv"
        inventory.parent.mkdir(exist_ok=True)
        inventory.write_bytes(head.encode() + zlib.compress("".join(entries).encode()))
        mapping[path.stem] = (url, str(inventory))
    return mapping


intersphinx_mapping = write_inventories()


class ClientTree(SphinxDirective):
    """A directive that lists all calls of a client, each with a link to its documentation."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        text = ""
        for branch, cls in tree_nodes():
            names = [m.accessor[1:] or "__call__" for m in cls._members() if not m.node_class]
            for line, name in zip(branch.calls, names, strict=True):
                text += f":py:obj:`{line.call} <{cls.__module__}.{cls.__name__}.{name}>`\n"
                text += f"    {line.method} ``{line.template}``: {line.summary}\n\n"
        return self.parse_text_to_nodes(text)


def tree_nodes(
    branch: Any = None, cls: type[Any] = grad300_sdk.Client
) -> Iterator[tuple[Any, type[Any]]]:
    """Yield the branches of a client's tree, each with its class, from the top."""
    branch = branch or grad300_sdk.Client().tree().root
    yield branch, cls
    below = [member.node_class for member in cls._members() if member.node_class]
    for inner, node_class in zip(branch.branches, below, strict=True):
        yield from tree_nodes(inner, node_class)


PLACES = {cls: branch.name for branch, cls in tree_nodes()}


class NotebookTree(SphinxDirective):
    """A directive that shows the tree of a client as a notebook shows it."""

    def run(self) -> list[nodes.Node]:
        """Return the tree."""
        html = grad300_sdk.Client().tree()._repr_html_()
        return [nodes.raw("", f'<div class="notebook-tree">{html}</div>', format="html")]


class Picture(SphinxDirective):
    """A directive that shows a generated picture, a light and a dark one."""

    required_arguments = 1
    option_spec = {  # noqa: RUF012 - a convention of docutils
        "alt": directives.unchanged_required,
        "width": directives.length_or_percentage_or_unitless,
    }

    def run(self) -> list[nodes.Node]:
        """Return both images; the theme shows the one that fits."""
        name, extension = self.arguments[0].rsplit(".")
        images = []
        for shade in ("light", "dark"):
            image = nodes.image(
                uri=f"/generated/pictures/{name}-{shade}.{extension}",
                alt=self.options["alt"],
                classes=[f"only-{shade}", "picture"],
            )
            if width := self.options.get("width"):
                image["width"] = width
            images.append(image)
        return images


def get_documented(owner: Any, name: str, *default: Any) -> Any:
    """Return an attribute, with a function that has the signature of the call for an endpoint."""
    attribute = getattr(owner, name, *default)
    if not isinstance(attribute, Endpoint):
        return attribute

    def call() -> None: ...

    call.__name__, call.__doc__ = name, attribute.__doc__
    call.__signature__ = attribute.signature(is_bound=False)
    return call


def correct_signature(
    app: Sphinx, kind: str, name: str, documented: Any, options: Any, arguments: str, result: str
) -> tuple[str, str] | None:
    """Return the signature of a call with its return annotation, its names in full.

    That of a node is left out: it is reached through the tree.
    """
    if name.startswith("grad300_sdk.resources.") and kind == "class":
        return "", ""
    signature = getattr(documented, "__signature__", None)
    if kind != "method" or signature is None:
        return None
    annotation = str(signature.return_annotation)
    return arguments, re.sub(r"[\w.]+", lambda match: NAMES.get(match[0], match[0]), annotation)


def skip_internal_members(
    app: Sphinx, kind: str, name: str, documented: Any, is_skipped: bool, options: Any
) -> bool | None:
    """Skip what the user of a client does not need."""
    return True if name in INTERNAL_MEMBERS else None


def mark_parameters(
    app: Sphinx, kind: str, name: str, documented: Any, options: Any, lines: list[str]
) -> None:
    """Show a parameter that a docstring names in single backquotes as code: it has no page."""
    try:
        own = set(inspect.signature(documented).parameters)
    except (TypeError, ValueError):
        return
    text = "\n".join(lines)
    text = re.sub(
        r"(?<![`:\w])`(\w+)`(?!`)",
        lambda match: f"``{match[1]}``" if match[1] in own else match[0],
        text,
    )
    lines[:] = text.split("\n")


def show_place(
    app: Sphinx, kind: str, name: str, documented: Any, options: Any, lines: list[str]
) -> None:
    """Say how a node is reached, and name the class of a node that an attribute leads to."""
    if kind == "class" and documented in PLACES and documented is not grad300_sdk.Client:
        lines[1:1] = ["", f"How to reach it: ``{PLACES[documented]}``."]
    for cls, place in PLACES.items():
        if kind != "class" and place == f"client.{name.removeprefix('grad300_sdk.Client.')}":
            lines += ["", f"It is a `~{cls.__module__}.{cls.__name__}`."]


def draw_pictures(app: Sphinx, config: Config) -> None:
    """Draw the pictures of these pages."""
    from pictures import draw

    draw(GENERATED / "pictures")


def setup(app: Sphinx) -> None:
    """Register the extensions of this documentation."""
    app.add_directive("client-tree", ClientTree)
    app.add_directive("notebook-tree", NotebookTree)
    app.add_directive("picture", Picture)
    app.add_autodoc_attrgetter(type, get_documented)
    app.connect("autodoc-process-signature", correct_signature)
    app.connect("autodoc-process-docstring", mark_parameters, priority=400)  # before numpydoc
    app.connect("autodoc-process-docstring", show_place, priority=400)
    app.connect("autodoc-skip-member", skip_internal_members)
    app.connect("config-inited", draw_pictures)
