"""A comparison of a tree with its server's OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from keyword import iskeyword
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ..template import check_path, compiled
from ..text import printable
from .branches import TreeLine
from .html import code_html, details_html, table_html, text_html

__all__ = ["Compared", "Comparison", "OpenAPIDocument", "compare"]

# OpenAPI 3.1, section 4.8.9: the methods among the keys of a path item.
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_OF_RESOURCE = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HEADINGS = {
    "both": "The server and the tree have:",
    "server": "Only the server has:",
    "tree": "Only the tree has:",
}
# The limits of a readable table; iterating yields all rows, uncut.
_LONGEST = 200
_MOST_SHOWN = 1000


class OpenAPIDocument(msgspec.Struct):
    """The parts of an OpenAPI document that are read."""

    openapi: str
    paths: dict[str, dict[str, Any]] = {}
    servers: list[Any] = []


class Compared(msgspec.Struct, frozen=True):
    """A request of the server's description, of the tree, or of both.

    Attributes
    ----------
    where : str
        Which of them has it: ``both``, ``server`` or ``tree``.
    method : str
        The HTTP method.
    path : str
        The template of the path below the client's ``base_api_url``.
    calls : tuple of str
        The calls that send it: those of the tree, or else one that works without it.
    note : str
        A remark on the difference.
    """

    where: Literal["both", "server", "tree"]
    method: str
    path: str
    calls: tuple[str, ...]
    note: str = ""


class Comparison:
    """The requests that a server describes, compared with those of a tree.

    Its `str` is a table, also in a notebook; iterating over it yields its rows.

    Parameters
    ----------
    rows : iterable of Compared
        The rows.
    """

    def __init__(self, rows: Iterable[Compared]) -> None:
        by_place: dict[str, list[Compared]] = {where: [] for where in _HEADINGS}
        for row in rows:
            by_place[row.where].append(row)
        self.both, self.only_server, self.only_tree = by_place.values()

    def __iter__(self) -> Iterator[Compared]:
        yield from (*self.both, *self.only_server, *self.only_tree)

    def __len__(self) -> int:
        return len(self.both) + len(self.only_server) + len(self.only_tree)

    def __str__(self) -> str:
        rows = [row for _, part in self._shown() for row in part]
        method, path = (
            max((len(_cut(getattr(row, name))) for row in rows), default=0)
            for name in ("method", "path")
        )
        lines = []
        for heading, part in self._shown():
            lines += ["", heading]
            for row in part:
                first, *rest = [*row.calls, *(["# " + row.note] if row.note else [])] or [""]
                start = f"  {row.method:{method}}  {_cut(row.path):{path}}  "
                lines.append(f"{start}{_cut(first)}".rstrip())
                lines += [" " * len(start) + _cut(line) for line in rest]
        return "\n".join(lines[1:])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(
            details_html(
                text_html(heading),
                table_html(
                    [
                        text_html(row.method),
                        code_html(_cut(row.path)),
                        "<br>".join(code_html(_cut(call)) for call in row.calls),
                        text_html(_cut(row.note)),
                    ]
                    for row in part
                ),
                is_open=True,
            )
            for heading, part in self._shown()
        )

    def _shown(self) -> Iterator[tuple[str, list[Compared]]]:
        for heading, part in zip(
            _HEADINGS.values(), (self.both, self.only_server, self.only_tree), strict=True
        ):
            if len(part) > _MOST_SHOWN:
                yield f"{heading} ({_MOST_SHOWN} of {len(part)})", part[:_MOST_SHOWN]
            elif part:
                yield heading, part


def compare(
    tree: Iterable[TreeLine],
    document: OpenAPIDocument,
    base_api_url: str,
    notes: Mapping[tuple[str, str], str],
) -> Comparison:
    """Return the comparison of a tree with an OpenAPI document.

    Parameters
    ----------
    tree : iterable of TreeLine
        The calls of the tree.
    document : OpenAPIDocument
        The document.
    base_api_url : str
        The URL below which the tree stands.
    notes : Mapping
        Remarks on single differences, by method and template.
    """
    ours: dict[tuple[str, str], list[TreeLine]] = {}
    for line in tree:
        ours.setdefault(_key(line.method, line.template), []).append(line)
    remarks = {_key(*request): note for request, note in notes.items()}
    return Comparison(_rows(ours, document, base_api_url, remarks))


def _rows(
    ours: dict[tuple[str, str], list[TreeLine]],
    document: OpenAPIDocument,
    base_api_url: str,
    remarks: Mapping[tuple[str, str], str],
) -> Iterator[Compared]:
    url = urlsplit(base_api_url)
    origin, prefix = f"{url.scheme}://{url.netloc}", url.path
    starts = _starts(document)
    seen: set[tuple[str, str]] = set()
    for path, method in _described(document):
        below = _below(prefix, starts, path)
        if below is None:
            call = f"client.request({method!r}, {origin + path!r})"
            note = f"outside {prefix}, below which the client's paths are"
            yield Compared("server", method, path, (call,), note)
            continue
        key = _key(method, below)
        seen.add(key)
        if key in ours:
            template = ours[key][0].template
            slash = "" if template[-1:] == below[-1:] else f"the server writes {below}"
            calls = tuple(line.call for line in ours[key])
            yield Compared("both", method, template, calls, slash or remarks.get(key, ""))
        else:
            found = _call(method, below)
            note = remarks.get(key, "") if found else "no client can send such a path"
            yield Compared("server", method, below, (found,) if found else (), note)
    for key, lines in ours.items():
        if key not in seen:
            calls = tuple(line.call for line in lines)
            yield Compared("tree", key[0], lines[0].template, calls, remarks.get(key, ""))


def _described(document: OpenAPIDocument) -> Iterator[tuple[str, str]]:
    for path, item in document.paths.items():
        for method in _METHODS:
            if method in item:
                yield path if path.startswith("/") else f"/{path}", method.upper()


def _starts(document: OpenAPIDocument) -> list[str]:
    """Return the prefixes that the paths of a document may have: FastAPI may have a root path."""
    starts = [""]
    for server in document.servers:
        try:
            starts.append(urlsplit(server["url"]).path.rstrip("/"))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return starts


def _below(prefix: str, starts: list[str], path: str) -> str | None:
    for start in starts:
        if f"{start}{path}/".startswith(f"{prefix}/"):
            return f"{start}{path}".removeprefix(prefix)
    return None


def _key(method: str, template: str) -> tuple[str, str]:
    """Return a key that is the same for templates whose variables, or last slashes, differ."""
    path = re.sub(r"\{[?&][^{}]*\}", "", template)
    return method, re.sub(r"\{[^{}]*\}", "{}", path).rstrip("/")


def _call(method: str, path: str) -> str:
    """Return a call that sends a request without the tree, or nothing if none can."""
    names: dict[str, str] = {}  # with a value, to check that they make a path

    def variable(match: re.Match[str]) -> str:
        name = re.sub(r"\W", "_", match[1], flags=re.ASCII)
        name = name if name.isidentifier() else f"_{name}"
        name = f"{name}_" if iskeyword(name) else name
        while name in names:
            name = f"{name}_{len(names)}"
        names[name] = "value"
        return f"{{{name}}}"

    template = re.sub(r"\{([^{}]*)\}", variable, path)
    if re.search("[{}]", re.sub(r"\{\w+\}", "", template)):
        return ""
    try:
        check_path(compiled(template).expand(names))
    except ValueError:
        return ""
    variables = "".join(f", {name}=..." for name in names)
    resource = f"client.resource({template!r}{variables})"
    if method in _OF_RESOURCE:
        return f"{resource}.{method.lower()}()"
    return f"client.request({method!r}, {resource}.path)"


def _cut(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
