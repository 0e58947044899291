"""Saving files to the disk.

::

    names      the names that files are saved under
    layout     the folders and names that a user asks for
    progress   how much has arrived, for a progress bar or for a caller's function
    partial    hidden files, which hold what has arrived of a body
    save       one download
    bulk       many downloads, and their report
"""

from grad300_sdk.downloads.bulk import BulkDownload, DownloadItem, log_stale_sizes
from grad300_sdk.downloads.names import check_unused, fallback_name
from grad300_sdk.downloads.partial import (
    entity_tag,
    parse_entity_tag,
    remove_stale,
    write_atomically,
)
from grad300_sdk.downloads.progress import Progress
from grad300_sdk.downloads.save import Download

__all__ = [
    "BulkDownload",
    "Download",
    "DownloadItem",
    "Progress",
    "check_unused",
    "entity_tag",
    "fallback_name",
    "log_stale_sizes",
    "parse_entity_tag",
    "remove_stale",
    "write_atomically",
]
