"""A first tour of the archive of the GRAD300 radio telescope.

Without arguments, the script starts a sandbox: an archive of synthetic scans on this machine. It
needs neither an account nor a network::

    python docs/examples/quickstart.py

With the URL of a server and an account, it uses real scans::

    python docs/examples/quickstart.py --base-url https://grad300.lam.fr --user me@example.org
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import Any

from astropy.table import Table

from grad300_sdk import AsyncClient, Client, Grad300Error


def main() -> None:
    """Run the tour on the archive that the command line selects."""
    options = parse_arguments()
    if options.base_url is None:
        from grad300_sdk.sandbox import Sandbox

        with Sandbox(seed=1) as sandbox:
            print("Running a sandbox with synthetic scans on this machine.")
            run_tour(sandbox.url, user=sandbox.user, password=sandbox.password)
    elif options.user is not None:
        try:
            password = getpass.getpass(f"Password of {options.user}: ")
        except EOFError:
            sys.exit("There is no terminal to ask for the password on; pass --token-file.")
        run_tour(options.base_url, user=options.user, password=password)
    else:  # without a token file, the client looks for credentials itself, for example in netrc
        run_tour(options.base_url, token_file=options.token_file)


def run_tour(url: str, **credentials: Any) -> None:
    """Log in, explore the archive, and download one scan of each type."""
    # Creating a client sends nothing: it logs in when a request first needs a token.
    with Client(url, **credentials) as client:
        print(f"{client.login.test_token()['email']} is logged in.")

        # The API is a tree of Python objects; these are all of its calls.
        print("\nThe calls and the requests that they send:\n")
        for line in client.tree():
            print(f"  {line.call.partition('(')[0]:50}{line.method:6}{line.template}")

        # One page of a listing, as the server's own JSON.
        print("\nThe first three TPI scans, which record power against time:\n")
        for scan in client.scans["TPI"].get(limit=3):
            print(f"  {scan['id']:4}  {scan['date']}  {scan['file_name']}")

        # A search requests pages one by one, as the loop needs them.
        print("\nThe first TPI scan of each source:\n")
        seen = set()
        for scan in client.scans["TPI"].search(max_results=1000):
            if scan["object"] not in seen:
                print(f"  {scan['id']:4}  {scan['date']}  {scan['object'] or 'no source'}")
                seen.add(scan["object"])

        # An astropy table, with units and times, of all types.
        print("\nScans of Cassiopeia A in the summer of 2025, of all types:\n")
        table = client.scans.table(source="casa", date_from="2025-06-01", date_to="2025-08-31")
        print(table["scan_type", "id", "source", "ra", "dec", "date"])

        # Iterating over `scans` yields the types. The file of a scan is a node below it.
        print("\nThe file of one scan of each type:\n")
        found = []
        for scan_type in client.scans:
            for scan in client.scans[scan_type].search(max_results=1):
                data = client.scans[scan_type][scan["id"]].file.open()
                found.append((scan_type, scan["id"]))
                print(f"  {scan['file_name']}: {describe(data)}")

        # A failed request raises an error of the SDK, with the server's message.
        try:
            client.scans["TPI"][987654321].get()
        except Grad300Error as error:
            print(f"\nThe error for an id that does not exist: {type(error).__name__}: {error}")

    # The asynchronous client has the same tree; its calls are awaited.
    sizes = asyncio.run(download_concurrently(url, found, **credentials))
    print(f"Downloaded the same {len(sizes)} files concurrently: {sum(sizes)} bytes.")


async def download_concurrently(url: str, scans: list[Any], **credentials: Any) -> list[int]:
    """Download files concurrently and return their sizes."""
    async with AsyncClient(url, **credentials) as client:
        calls = [client.scans[scan_type][scan_id].file.get() for scan_type, scan_id in scans]
        return [len(content) for content in await asyncio.gather(*calls)]


def describe(data: Any) -> str:
    """Return a short description of a file: a table for a TPI scan, an HDU list for any other."""
    if isinstance(data, Table):
        return f"a table of {len(data)} rows and {len(data.columns)} columns"
    hdu = data[-1]
    if hdu.is_image:
        return f"an image of {hdu.data.shape[1]} x {hdu.data.shape[0]} pixels"
    return f"an HDU with {len(hdu.data)} rows of {', '.join(hdu.columns.names[-4:])}"


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base-url", metavar="URL", help="a server to use instead of the sandbox")
    account = parser.add_mutually_exclusive_group()
    account.add_argument("--user", metavar="EMAIL", help="an account; asks for its password")
    account.add_argument("--token-file", type=Path, help="a file with a bearer token")
    options = parser.parse_args()
    if options.base_url is None and (options.user or options.token_file):
        parser.error("--user and --token-file require --base-url")
    return options


if __name__ == "__main__":
    try:
        main()
    except (Grad300Error, ValueError) as error:  # wrong password, no network, invalid URL, ...
        raise SystemExit(f"{type(error).__name__}: {error}") from None
