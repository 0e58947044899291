"""A first walk through the archive of the GRAD300 radio telescope.

Without arguments it starts a sandbox: an archive with synthetic scans, on this machine, that
needs neither an account nor a network::

    python docs/examples/quickstart.py

With the address of a server, and an account there, it does the same with real scans::

    python docs/examples/quickstart.py --base-url https://grad300.lam.fr --user me@example.org
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
from pathlib import Path
from typing import Any

from astropy.table import Table

from grad300_sdk import AsyncClient, Client, Grad300Error


def main() -> None:
    """Walk through the archive that the command line names."""
    options = parse_arguments()
    if options.base_url is None:
        from grad300_sdk.sandbox import Sandbox

        with Sandbox(seed=1) as sandbox:
            print("A sandbox runs on this machine, with synthetic scans.")
            walk(sandbox.url, user=sandbox.user, password=sandbox.password)
    elif options.user is not None:
        password = getpass.getpass(f"Password of {options.user}: ")
        walk(options.base_url, user=options.user, password=password)
    else:  # without a file, a client looks in the usual places: netrc, for one
        walk(options.base_url, token_file=options.token_file)


def walk(url: str, **credentials: Any) -> None:
    """Log in, look around, and download one scan of each type."""
    # Making a client sends nothing: it logs in when its first request needs that.
    with Client(url, **credentials) as client:
        print(f"{client.login.test_token()['email']} is logged in.")

        # The API is a tree of Python objects, and this is all of it.
        print("\nThe calls, and what each of them sends:\n")
        for line in client.tree():
            print(f"  {line.call.partition('(')[0]:46}{line.method:6}{line.template}")

        # One page of a listing: the server's own JSON, unchanged.
        print("\nThe first three of the TPI scans, which are power against time:\n")
        for scan in client.scans["TPI"].get(limit=3):
            print(f"  {scan['id']:4}  {scan['date']}  {scan['file_name']}")

        # A search asks for as many pages as it takes, and only for those that are looked at.
        print("\nThe first scan of each source:\n")
        seen = set()
        for scan in client.scans["TPI"].search(max_results=1000):
            if scan["object"] not in seen:
                print(f"  {scan['id']:4}  {scan['date']}  {scan['object'] or 'no source'}")
                seen.add(scan["object"])

        # The same as an astropy table, with units and times, over all types.
        print("\nScans of Cassiopeia A in the summer of 2025, of whichever type:\n")
        table = client.scans.table(source="casa", date_from="2025-06-01", date_to="2025-08-31")
        print(table["scan_type", "id", "source", "ra", "dec", "date"])

        # Iterating over `scans` gives the types. A scan's file is a node below the scan.
        print("\nThe file of one scan of each type:\n")
        found = []
        for scan_type in client.scans:
            for scan in client.scans[scan_type].search(max_results=1):
                data = client.scans[scan_type][scan["id"]].file.open()
                found.append((scan_type, scan["id"]))
                print(f"  {scan['file_name']}: {describe(data)}")

        # What goes wrong is an error of the SDK's, with what the server said of it.
        try:
            client.scans["TPI"][987654321].get()
        except Grad300Error as error:
            print(f"\nAn id that does not exist: {type(error).__name__}: {error}")

    # The other client has the same tree, and its calls are awaited.
    sizes = asyncio.run(download_together(url, found, **credentials))
    print(f"The same {len(sizes)} files once more, all at once: {sum(sizes)} bytes.")


async def download_together(url: str, scans: list[Any], **credentials: Any) -> list[int]:
    """Download several files at once, and give their sizes."""
    async with AsyncClient(url, **credentials) as client:
        calls = [client.scans[scan_type][scan_id].file.get() for scan_type, scan_id in scans]
        return [len(content) for content in await asyncio.gather(*calls)]


def describe(data: Any) -> str:
    """Say in a few words what a file holds: a TPI is a table, any other an HDU list."""
    if isinstance(data, Table):
        return f"a table of {len(data)} rows and {len(data.columns)} columns"
    hdu = data[-1]
    if hdu.is_image:
        return f"an image of {hdu.data.shape[1]} x {hdu.data.shape[0]} pixels"
    return f"an HDU with {len(hdu.data)} rows of {', '.join(hdu.columns.names[-4:])}"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base-url", metavar="URL", help="a server, in place of the sandbox")
    account = parser.add_mutually_exclusive_group()
    account.add_argument("--user", metavar="EMAIL", help="an account; its password is asked for")
    account.add_argument("--token-file", type=Path, help="a file that holds a bearer token")
    options = parser.parse_args()
    if options.base_url is None and (options.user or options.token_file):
        parser.error("--user and --token-file go with --base-url")
    return options


if __name__ == "__main__":
    try:
        main()
    except (Grad300Error, ValueError) as error:  # a wrong password, no network, no URL, ...
        raise SystemExit(f"{type(error).__name__}: {error}") from None
