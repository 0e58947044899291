"""``grad300 login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

from typer import Context

from grad300_sdk.command_line.errors import CommandError
from grad300_sdk.command_line.output import end_line, one_line, write_message, write_output

__all__ = ["login", "logout", "whoami"]


def login(context: Context) -> None:
    """Log in once, for later commands and for Client().

    Asks for the account and its password. The login is kept in a file that only you can read,
    and is used for this server alone, until it expires.
    """
    from grad300_sdk.client import Client
    from grad300_sdk.logins import save_login

    options = context.obj
    if options.token_file is not None:
        raise ValueError("login needs an account, not --token-file or GRAD300_TOKEN_FILE")
    user = options.user or _ask_for_user()
    with Client(options.base_url, force_noauth=True, allow_http=options.allow_http) as client:
        server = client.base_api_url
        token = client.login(user, options.ask_password(user))
        expires = client.session.credentials.expiry
        save_login(server, user=user, token=token, expires=expires)
    if not options.is_quiet:
        until = "" if expires is None else f" until {_date(expires)[:10]}"
        write_message(f"logged in to {urlsplit(server).netloc} as {user}{until}")


def logout(context: Context) -> None:
    """Forget the login that is kept for the server."""
    from grad300_sdk.client import Client
    from grad300_sdk.logins import delete_login

    with Client(context.obj.base_url, force_noauth=True) as client:
        was_there = delete_login(client.base_api_url)
        if not context.obj.is_quiet:
            what = "logged out of" if was_there else "there is no login to forget for"
            write_message(f"{what} {client.base_api_url}")


def whoami(context: Context) -> None:
    """Print the account, the server, and when the login expires."""
    with context.obj.make_client() as client:
        if client.auth_source == "none":
            raise CommandError(
                f"not logged in to {client.base_api_url}: use 'grad300 login', "
                "--user or --token-file"
            )
        user = client.login.test_token()
        source = client.auth_source
        expires = client.session.credentials.expiry
        account = user.get("email") or user.get("full_name") or user.get("id") or "?"
        rows = {
            "account": str(account),
            "server": client.base_api_url,
            "source": source,
            "expires": "unknown" if expires is None else _date(expires),
        }
    write_output("".join(f"{name:8} {one_line(value)}\n" for name, value in rows.items()))


def _ask_for_user() -> str:
    """Ask for the account on the terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ValueError("which account? use --user EMAIL")
    sys.stderr.write("E-mail address of the account: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        end_line()
    user = line.strip()
    if not user:
        raise ValueError("no account was entered")
    return user


def _date(seconds: float) -> str:
    """Return a date and time in UTC."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return "unknown"
    return f"{moment:%Y-%m-%d %H:%M} UTC"
