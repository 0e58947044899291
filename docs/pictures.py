"""The pictures of the documentation, drawn from the code: the tree, the rooms, a request's way.

``python docs/pictures.py FOLDER`` draws them all; a build of the documentation does so itself.
Each comes in two shades, for light and dark pages.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.style import library
from tqdm import tqdm

import grad300_sdk
from grad300_sdk import Client, quicklook
from grad300_sdk.sandbox import Sandbox

DOCS = Path(__file__).parent
PACKAGE = Path(grad300_sdk.__file__).parent
SANS, MONO = "system-ui, sans-serif", "ui-monospace, monospace"
ROW = 20  # from one line of text to the next
MONO_WIDTH = 8.5  # of a character, at the most


class Shade(NamedTuple):
    """The colours of a picture."""

    text: str
    muted: str
    fill: str
    line: str
    accent: str


SHADES = {
    "light": Shade("#1f2328", "#57606a", "#f3f5f7", "#8a949e", "#0a6172"),
    "dark": Shade("#e3e8ed", "#a9b4bf", "#232b35", "#7d8894", "#6cc7d9"),
}


class Drawing:
    """An SVG picture under way."""

    def __init__(self, width: int, shade: Shade) -> None:
        self.width, self.shade = width, shade
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, font: str = SANS, size: int = 14, **style: Any
    ) -> None:
        """Write a line of text."""
        style = {"fill": self.shade.text, **style}
        attributes = " ".join(f'{name.replace("_", "-")}="{style[name]}"' for name in style)
        self.parts.append(
            f'<text x="{x}" y="{y}" font-family="{font}" font-size="{size}" {attributes} '
            f'xml:space="preserve">{escape(text)}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a box with round corners."""
        style = {"fill": self.shade.fill, "stroke": self.shade.line, **style}
        attributes = " ".join(f'{name}="{style[name]}"' for name in style)
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" {attributes}/>'
        )

    def arrow(self, path: str) -> None:
        """Draw a line that ends in an arrow."""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{self.shade.accent}" stroke-width="1.6" '
            'marker-end="url(#arrow)"/>'
        )

    def line(self, path: str) -> None:
        """Draw a line."""
        self.parts.append(f'<path d="{path}" fill="none" stroke="{self.shade.line}"/>')

    def svg(self, height: float) -> str:
        """Return the picture."""
        marker = (
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{self.shade.accent}"/>'
            "</marker></defs>"
        )
        size = f'width="{self.width}" height="{height:g}" viewBox="0 0 {self.width} {height:g}"'
        body = "\n".join(self.parts)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{marker}\n{body}\n</svg>\n'


THERE = {
    "caller": "client.scans[…].get(limit=3)",
    "node": "knows the path",
    "flow": "checks the arguments, yields what it wants: Send(GET, …)",
    "driver": "adds credentials, decides about retries and redirects",
    "network": "checks out a connection, for a thread or for a task",
    "httpx": "sends the request",
}
BACK = {
    "caller": "has the result, or an error",
    "adapter": "knows what the JSON, or a file, means",
    "flow": "continues with the response",
    "driver": "decodes and limits the body, raises the SDK's errors",
    "network": "hands over the body as it arrives",
    "httpx": "receives the response",
}


def draw_request(shade: Shade) -> str:
    """Draw the way of a request to the server, and of its response back."""
    drawing = Drawing(520, shade)
    width, height, gap = 240, 66, 26
    for x, steps in ((0, THERE), (280, BACK)):
        for number, (name, text) in enumerate(steps.items()):
            y = number * (height + gap) + 1
            drawing.box(x + 0.5, y, width - 1, height)
            drawing.text(x + 12, y + 21, name, font_weight="bold")
            for line, words in enumerate(wrap(text, 32)):
                drawing.text(x + 12, y + 41 + 17 * line, words, size=13, fill=shade.muted)
    for number in range(len(THERE)):
        top = number * (height + gap) + height + 3
        drawing.arrow(f"M120 {top}v{gap - 6}")
        drawing.arrow(f"M400 {top + gap - 4}v{-(gap - 6)}")
    y = len(THERE) * (height + gap) + 1
    drawing.box(0.5, y, 519, 44, fill="none", stroke=shade.accent)
    drawing.text(260, y + 27, "the archive's server", text_anchor="middle", font_weight="bold")
    return drawing.svg(y + 46)


def draw_tree(shade: Shade) -> str:
    """Draw the nodes of the tree, each with its path and its calls."""
    drawing = Drawing(520, shade)
    y = 0.0

    def branch(drawn: Any, parent: str, depth: int) -> float:
        nonlocal y
        x, top = depth * 28 + 1, y
        own = drawn.name.removeprefix(parent)
        calls = [
            call.call.removeprefix(drawn.name).partition("(")[0] + "()" for call in drawn.calls
        ]
        columns = int((drawing.width - x - 20) / MONO_WIDTH)
        lines = wrap("   ".join(calls), columns)
        height = 32 + ROW * len(lines)
        drawing.box(x, y + 1, drawing.width - x - 1, height)
        drawing.text(x + 10, y + 22, own, font=MONO, font_weight="bold")
        drawing.text(
            drawing.width - 12,
            y + 22,
            drawn.template or "/api/v1",
            font=MONO,
            size=12,
            fill=shade.muted,
            text_anchor="end",
        )
        for number, line in enumerate(lines):
            place = y + 22 + ROW * (number + 1)
            drawing.text(x + 10, place, line, font=MONO, size=13, fill=shade.accent)
        y += height + 10
        middles = [branch(below, drawn.name, depth + 1) for below in drawn.branches]
        for middle in middles:
            drawing.line(f"M{x + 12} {top + height + 1}V{middle}h16")
        return top + 17

    branch(Client().tree().root, "", 0)
    return drawing.svg(y)


class Room(NamedTuple):
    """A line in the drawing of the rooms: a folder, or modules that belong together."""

    title: str
    modules: list[str]
    is_engine: bool


def read_rooms() -> Iterator[Room]:
    """Yield the rooms that design.rst draws, from the top."""
    drawing = re.search(r"\n   grad300_sdk/\n((?:      .*\n)+)", (DOCS / "design.rst").read_text())
    if drawing is None:
        raise ValueError("design.rst should draw the rooms")
    lines: list[str] = []
    for line in drawing[1].splitlines():
        if re.match(" {25}", line):  # more of what a folder holds
            lines[-1] += f"  {line.strip()}"
        else:
            lines.append(line)
    for line in lines:
        is_engine = line.startswith(" " * 11)
        within = "engine." if is_engine else ""
        words = re.split(r"\s{2,}", line.strip())
        folders = [word.rstrip("/") for word in words if word.endswith("/")]
        names = [word for word in words if re.fullmatch(r"\w+", word)]
        if folders == ["engine"]:
            continue
        prefix = within + "".join(f"{folder}." for folder in folders)
        title = f"{folders[0]}/" if folders else ""
        # what a folder offers, its __init__, is named as the folder
        modules = [f"{prefix}{name}" for name in names] + [f"{within}{name}" for name in folders]
        yield Room(title, modules, is_engine)


def imported_modules(module: str) -> Iterator[str]:
    """Yield what a module may have imported from the package, submodules included."""
    path = PACKAGE / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    package = module.split(".") if path.is_dir() else module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            origin = (node.module or "").split(".")
            if node.level:
                origin = package[: len(package) + 1 - node.level] + (origin if node.module else [])
            elif origin.pop(0) != "grad300_sdk":
                continue
            for alias in node.names:
                yield ".".join([*origin, alias.name])
            yield ".".join(origin)


def draw_rooms(shade: Shade) -> str:
    """Draw the rooms, with an arrow from each to those that it imports from.

    An arrow is left out where others lead to the same room.
    """
    rooms = list(read_rooms())
    place = {module: number for number, room in enumerate(rooms) for module in room.modules}
    place["engine"] = max(number for number, room in enumerate(rooms) if room.is_engine)
    uses: list[set[int]] = []
    for number, room in enumerate(rooms):
        found = {
            place[imported]
            for module in room.modules
            for imported in imported_modules(module)
            if imported in place
        }
        uses.append(found - {number})
    reached: list[set[int]] = []
    for found in uses:
        reached.append(found.union(*(reached[other] for other in found)))
    drawing = Drawing(470, shade)
    width, y, tops, heights = 420, 36.0, [], []
    drawing.text(12, 24, "engine/", font=MONO, font_weight="bold", fill=shade.accent)
    for room, following in pairwise([*rooms, None]):
        names = " ".join(name.rpartition(".")[2] for name in room.modules)
        names = names.removesuffix(room.title.rstrip("/")) if room.title else names
        lines = wrap(names, 48)
        height = 12 + ROW * (len(lines) + bool(room.title))
        tops.append(y)
        heights.append(height)
        drawing.box(10, y, width - 20, height)
        if room.title:
            drawing.text(20, y + 21, room.title, font=MONO, font_weight="bold")
        for number, line in enumerate(lines):
            below = y + 21 + ROW * (number + bool(room.title))
            drawing.text(20, below, line, font=MONO, size=13, fill=shade.muted)
        y += height + 9
        if room.is_engine and following is not None and not following.is_engine:
            drawing.box(1, 1, width - 2, y - 2, fill="none", stroke=shade.accent)
            y += 14
    for number, found in enumerate(uses):
        direct = [other for other in found if not any(other in reached[via] for via in found)]
        for other in direct:
            start = tops[number] + heights[number] / 2 - 4
            end = tops[other] + heights[other] / 2 + 4
            bend = min(24 + 9 * (number - other), 56)
            edge = width - 10
            drawing.arrow(
                f"M{edge} {start:g}C{edge + bend} {start:g} {edge + bend} {end:g} {edge} {end:g}"
            )
    return drawing.svg(y)


def draw_progress(shade: Shade) -> str:
    """Draw a terminal in which files are downloaded."""
    bar = tqdm.format_meter(
        n=23_300_000,
        total=38_100_000,
        elapsed=2.4,
        ncols=66,
        unit="B",
        unit_scale=True,
        postfix="7/12 files",
    )
    lines = ["$ grad300 download TPI --source casa", bar]
    drawing = Drawing(540, shade)
    drawing.box(0.5, 0.5, 539, 96, fill="#14181d", stroke=shade.line)
    for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        drawing.parts.append(f'<circle cx="{18 + 18 * number}" cy="18" r="5" fill="{color}"/>')
    for number, line in enumerate(lines):
        y = 52 + 26 * number
        drawing.text(14, y, line, font=MONO, fill="#e3e8ed", textLength=round(len(line) * 7.7))
    return drawing.svg(97)


DRAWINGS = {
    "request": draw_request,
    "tree": draw_tree,
    "rooms": draw_rooms,
    "progress": draw_progress,
}


QUICK_LOOKS = {"sun": ("Images", 1), "power": ("TPI", 1), "spectrum": ("Spectrum", 5)}
STYLES = {
    "light": {},
    "dark": {
        **library["dark_background"],
        "axes.facecolor": "#14181e",
        "figure.facecolor": "none",
    },
}


def draw_quick_looks(folder: Path) -> None:
    """Draw the quick looks of scans of the sandbox, as the home page does."""
    with (
        Sandbox(seed=1) as archive,
        Client(archive.url, user=archive.user, password=archive.password) as client,
    ):
        for name, (scan_type, scan_id) in QUICK_LOOKS.items():
            data = client.scans[scan_type][scan_id].file.open()
            for shade, style in STYLES.items():
                with rc_context(style):
                    quicklook.plot(data).savefig(folder / f"{name}-{shade}.png", dpi=144)


def draw(folder: Path) -> None:
    """Draw all pictures into a folder, quick looks only where they are missing: they take time."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "spectrum-dark.png").exists():
        draw_quick_looks(folder)
    for name, function in DRAWINGS.items():
        for shade, colors in SHADES.items():
            (folder / f"{name}-{shade}.svg").write_text(function(colors), "utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
