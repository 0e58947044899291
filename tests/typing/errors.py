"""What type checkers must reject: each comment that ignores an error fails where there is none."""

from __future__ import annotations

from grad300_sdk import AsyncClient, Client, read


def blocking(client: Client) -> None:
    client.scans["TPI"].get(limt=3)  # type: ignore[call-arg]  # pyright: ignore
    client.scans["TPI"].get(limit="3")  # type: ignore[arg-type]  # pyright: ignore
    client.scans["TPI"].search(limit=3)  # type: ignore[call-arg]  # pyright: ignore
    client.scans["tpi"]  # type: ignore[index]  # pyright: ignore
    client.scans["Radar"]  # type: ignore[index]  # pyright: ignore
    client.scans["TPI"]["42"]  # type: ignore[index]  # pyright: ignore
    print(client.scns)  # type: ignore[attr-defined]  # pyright: ignore
    client.scans["TPI"].get.curl(limt=3)  # type: ignore[call-arg]  # pyright: ignore
    client.login("me@example.org")  # type: ignore[call-arg]  # pyright: ignore
    client.login.curl("me@example.org")  # type: ignore[call-arg]  # pyright: ignore
    client.scans = client.scans  # type: ignore[assignment]  # pyright: ignore
    client.scans["TPI"][42].file.open(cache=True)  # type: ignore[call-arg]  # pyright: ignore
    read(3)  # type: ignore[arg-type]  # pyright: ignore
    Client(tokn="x")  # type: ignore[call-arg]  # pyright: ignore


async def awaiting(client: AsyncClient) -> None:
    client.scans["TPI"].get(limit=3)["id"]  # type: ignore[index]  # pyright: ignore
    await client.scans["TPI"].get(limt=3)  # type: ignore[call-arg]  # pyright: ignore
    len(client.scans["TPI"].get(limit=3))  # type: ignore[arg-type]  # pyright: ignore
    for _ in client.scans["TPI"].search():  # type: ignore[attr-defined]  # pyright: ignore
        pass
