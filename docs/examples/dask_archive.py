"""Reduce every spectrum of an archive, on several processes or machines.

Without arguments, the script starts a sandbox, reduces its spectra in two processes, and again in
this one, and compares::

    python -m pip install "grad300-sdk[sandbox]" "dask[distributed]"
    python docs/examples/dask_archive.py

With the URL of a server, it reduces real spectra. The credentials come from a token file, or from
wherever a client finds them. With the address of a Dask scheduler, the scheduler's workers do it::

    python docs/examples/dask_archive.py --base-url https://grad300.lam.fr
    python docs/examples/dask_archive.py --base-url https://grad300.lam.fr \
        --scheduler tcp://cluster:8786
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.table import Table
from distributed import Client as Cluster
from distributed import LocalCluster

from grad300_sdk import Client, DecodeError, NotFoundError
from grad300_sdk.engine import Sync
from grad300_sdk.resources.scans import Scan
from grad300_sdk.spectra import on_off

# A task reduces this many spectra, over one connection.
PER_TASK = 20


class Line(NamedTuple):
    """The strongest channel of a spectrum; nan where there is none."""

    id: int
    excess: float  # (on - off) / off
    velocity: float  # km/s, LSRK
    error: str


def main() -> None:
    """Reduce the archive that the command line selects, and print the result."""
    options = parse_arguments()
    if options.base_url is None:
        from grad300_sdk.sandbox import Sandbox

        with Sandbox(scans=options.scans, seed=1) as sandbox:
            account = {"user": sandbox.user, "password": sandbox.password}
            run(sandbox.url, account, options)
    else:
        run(options.base_url, {"token_file": options.token_file}, options)


def run(url: str, credentials: dict[str, Any], options: argparse.Namespace) -> None:
    """Reduce an archive on a cluster and, to compare, in this process."""
    # A server that is down for some minutes interrupts nothing.
    with Client(url, **credentials, patience=300) as client:
        with connect(options) as cluster:
            began = time.perf_counter()
            lines = reduce_on_cluster(client, cluster)
            print(f"The cluster took {time.perf_counter() - began:.1f} s.")
        print(lines)
        if options.check:
            began = time.perf_counter()
            same = is_same(lines, reduce_here(client))
            print(f"One process took {time.perf_counter() - began:.1f} s.")
            print("It has the same result." if same else "It has another result!")


@contextmanager
def connect(options: argparse.Namespace) -> Iterator[Any]:
    """Connect to a scheduler, or start some processes on this machine."""
    if options.scheduler is not None:
        with Cluster(options.scheduler) as cluster:
            yield cluster
    else:
        with (
            LocalCluster(
                n_workers=options.workers, threads_per_worker=1, dashboard_address=":0"
            ) as processes,
            Cluster(processes) as cluster,
        ):
            yield cluster


def reduce_here(client: Client) -> Table:
    """Reduce all spectra of an archive in this process."""
    return Table(rows=reduce_spectra(find_spectra(client)), names=Line._fields)


def reduce_on_cluster(client: Client, cluster: Any) -> Table:
    """Reduce all spectra of an archive on a cluster."""
    scans = find_spectra(client)
    parts = [scans[start : start + PER_TASK] for start in range(0, len(scans), PER_TASK)]
    # The scans of a part are pickled together, with the client and the credentials that it was
    # given. The results are in the order of the parts, whoever is done first.
    results = cluster.gather(cluster.map(reduce_spectra, parts))
    return Table(rows=[line for lines in results for line in lines], names=Line._fields)


def find_spectra(client: Client) -> list[Scan[Sync]]:
    """Return the node of each spectrum."""
    spectra = client.scans["Spectrum"]
    return [spectra[scan_id] for scan_id in spectra.table()["id"]]


def reduce_spectra(scans: Sequence[Scan[Sync]]) -> list[Line]:
    """Return the strongest channel of each spectrum."""
    return [reduce_spectrum(scan) for scan in scans]


def reduce_spectrum(scan: Scan[Sync]) -> Line:
    """Return the strongest channel of a spectrum, or why it has none."""
    try:
        spectrum = on_off(scan.file.table())
    except (DecodeError, NotFoundError, ValueError) as error:  # this file alone is bad
        return Line(scan.scan_id, np.nan, np.nan, str(error))
    excess = np.ma.filled(spectrum["RIGHT_POL"], -np.inf)
    peak = int(np.argmax(excess))
    return Line(scan.scan_id, float(excess[peak]), float(spectrum["velocity"][peak].value), "")


def is_same(first: Table, second: Table) -> bool:
    """Return whether two tables are equal, bit for bit."""
    return all(first[name].tobytes() == second[name].tobytes() for name in Line._fields)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base-url", metavar="URL", help="a server to use instead of the sandbox")
    parser.add_argument("--token-file", type=Path, help="a file with a bearer token")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler to use")
    parser.add_argument("--workers", type=int, default=2, help="processes to start otherwise")
    parser.add_argument("--scans", type=int, default=300, help="the size of the sandbox")
    parser.add_argument("--check", action="store_true", help="compare with one process")
    options = parser.parse_args()
    if options.base_url is None:
        options.check = True
        if options.scheduler or options.token_file:
            parser.error("--scheduler and --token-file require --base-url")
    return options


if __name__ == "__main__":
    main()
