"""How much has arrived, for a progress bar or for a caller's function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping
from importlib.util import find_spec
from threading import Lock
from typing import Any, TypeAlias

__all__ = ["BulkProgress", "Progress", "ProgressBar", "progress_function"]

# Called with the bytes that have arrived, and with the size of the file where it is known.
Progress: TypeAlias = Callable[[int, int | None], object]


class ProgressBar:
    """A progress bar, drawn by tqdm."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, total: int | None) -> None:
        """Draw the progress."""
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(unit="B", unit_scale=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def annotate(self, text: str) -> None:
        """Append a text to the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def progress_function(progress: Progress | bool | None) -> Progress | None:
    """Return the function to call for what a user passed as `progress`, if any."""
    if callable(progress):
        return progress
    if progress is not None and not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False, None or callable, not {progress!r}")
    if progress is False or (progress is None and not _is_visible()) or not _can_be_drawn():
        return None
    if find_spec("tqdm"):
        return ProgressBar()
    if progress:
        raise ImportError(
            'a progress bar needs tqdm: python -m pip install "grad300-sdk[progress]"'
        )
    return None


def _is_visible() -> bool:
    """Return whether a bar would be seen: on a terminal, or in a notebook."""
    return "ipykernel" in sys.modules or (_can_be_drawn() and sys.stderr.isatty())


def _can_be_drawn() -> bool:
    """Return whether there is a standard error to draw a bar on."""
    return sys.stderr is not None and not getattr(sys.stderr, "closed", False)


class BulkProgress:
    """The progress of many files as that of one; several threads may report to it.

    Parameters
    ----------
    report : callable
        Called with the sums over all files.
    sizes : Mapping
        The files, and their sizes as far as they are known.
    """

    def __init__(self, report: Progress, sizes: Mapping[Any, int | None]) -> None:
        self._report = report
        self._lock = Lock()
        self._sizes = dict(sizes)
        self._done = dict.fromkeys(sizes, 0)
        self._total_done = self._files_done = 0
        self._total_size = sum(size or 0 for size in sizes.values())
        self._unknown_sizes = sum(size is None for size in sizes.values())

    def of(self, file: Hashable) -> Progress:
        """Return the function to call for one of the files."""

        def update(done: int, size: int | None) -> None:
            with self._lock:
                self._total_done += done - self._done[file]
                self._done[file] = done
                self._correct_size(file, size)
                self._update()

        return update

    def count_file(self) -> None:
        """Count a file that is complete."""
        with self._lock:
            self._files_done += 1
            if isinstance(self._report, ProgressBar):
                self._report.annotate(f"{self._files_done}/{len(self._sizes)} files")
                self._update()

    def _correct_size(self, file: Hashable, size: int | None) -> None:
        """Replace the size in the listing by the server's."""
        listed = self._sizes[file]
        if size is not None and size != listed:
            self._sizes[file] = size
            self._total_size += size - (listed or 0)
            self._unknown_sizes -= listed is None

    def _update(self) -> None:
        self._report(self._total_done, None if self._unknown_sizes else self._total_size)
