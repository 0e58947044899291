"""What all requests of one client share, and how a `Send` becomes exchanges.

Retries, redirects and logging in are flows like any other.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import httpx
from msgspec import Struct, field
from msgspec.structs import replace

from ..credentials import CredentialChain, Credentials, CredentialStore
from ..errors import TransportError, error_message
from ..flow import Exchange, Flow, Send, Sleep
from .pacing import Pacer
from .redact import Redactor, is_secret_header, redacted_request, secret_values
from .request import RequestBuilder, check_body, origin
from .response import api_error, redirect_target
from .retry import Attempt, decide, is_safe

__all__ = ["OnRetry", "Session", "is_unauthorized"]

# Called with a request, the number of the attempt, the seconds to wait, and the reason.
OnRetry: TypeAlias = Callable[[httpx.Request, int, float, str], object]

E = TypeVar("E", bound=Exception)

MAX_REDIRECTS = 5
_logger = logging.getLogger(__name__)


def is_unauthorized(response: httpx.Response) -> bool:
    """Return whether a server rejected the credentials: status 401 (RFC 9110)."""
    return response.status_code == 401


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _random() -> float:
    return random.SystemRandom().random()


class Session(Struct, kw_only=True, eq=False, weakref=True):
    """What all requests of one client share.

    Parameters
    ----------
    requests : RequestBuilder
        Builds the requests, without credentials.
    retries : int
        Maximum number of retries of a safe request.
    max_json_bytes : int
        Maximum size of a JSON response, in bytes.
    store : CredentialStore
        The user's credentials, which are sent only to the server's own origin.
    chain : CredentialChain or None
        Where they come from.
    is_unauthorized : callable
        Function that returns whether a response rejects the credentials.
    error_message : callable
        Function that returns the message in the decoded body of an error, or None.
    patience : float or None
        Maximum total time that failures may make a request wait, in seconds, instead of
        `retries`.
    on_retry : callable or None
        Function to call before each wait, with the request, the number of the attempt, the seconds
        to wait and the reason.
    pacer : Pacer
        Decides when the next request may be sent.
    jitter : callable
        Returns a random number between 0 and 1.
    now : callable
        Returns the date and time.
    clock : callable
        Returns the time in seconds, with an arbitrary origin.
    """

    requests: RequestBuilder
    retries: int
    max_json_bytes: int
    store: CredentialStore
    chain: CredentialChain | None = None
    is_unauthorized: Callable[[httpx.Response], bool] = is_unauthorized
    error_message: Callable[[object], str | None] = error_message
    patience: float | None = None
    on_retry: OnRetry | None = None
    pacer: Pacer = field(default_factory=Pacer)
    jitter: Callable[[], float] = _random
    now: Callable[[], datetime] = _utc_now
    clock: Callable[[], float] = time.monotonic

    def __repr__(self) -> str:  # headers may hold secrets
        return f"Session({self.requests.base_url!r})"

    @property
    def credentials(self) -> Credentials:
        """The user's current credentials."""
        return self.store.credentials

    @credentials.setter
    def credentials(self, credentials: Credentials) -> None:
        self.store.credentials = credentials

    def send(self, send: Send) -> Flow[httpx.Response]:
        """Send a request, with retries, and follow its redirects."""
        url = self.requests.url(send)
        check_body(send)
        redirects = 0
        while True:
            response, note = yield from self._attempts(send, url)
            if response.is_success:
                return response
            target = redirect_target(response) if is_safe(send.method) else None
            if target is None:
                error = api_error(response, send.errors, self.error_message, self.now())
                raise _noted(error, note)
            if redirects == MAX_REDIRECTS:
                what = f"{send.method} {self.requests.url(send)}: more than {redirects} redirects"
                endless = TransportError(what)
                endless.request, endless.response = self.preview(send), response
                raise endless
            if origin(target) != origin(url):
                send = replace(send, headers=_public_headers(send.headers))
            url = target
            redirects += 1

    def _attempts(self, send: Send, url: httpx.URL) -> Flow[tuple[httpx.Response, str]]:
        """Send a request until it succeeds or another attempt can't help.

        Return the response, and a note for its error if it is one.
        """
        # Of the password that it was made with, the client has warned already.
        if send.secrets and self.chain and self.chain.password not in (send.data or {}).values():
            self.chain.warn_if_plain()
        credentials = self.credentials if self.is_authorized(send, url) else None
        is_renewed = False
        number, waited = 0, 0.0
        resumed = -math.inf
        while True:
            authorization = None
            if credentials is not None:
                authorization = yield from credentials.authorize()
            waited += yield from self._pace(send, resumed)
            exchange = self._exchange(send, url, authorization)
            outcome: httpx.Response | TransportError
            try:
                outcome = yield exchange
            except TransportError as error:
                outcome = error
            if isinstance(outcome, httpx.Response):
                if outcome.is_success:
                    return outcome, ""
                if credentials and authorization and not is_renewed:
                    is_renewed = self.is_unauthorized(outcome)
                    if is_renewed and (yield from credentials.renew(authorization)):
                        continue
            wait = self._decide(exchange, number, waited, outcome)
            if wait is None:
                if isinstance(outcome, TransportError):
                    raise _noted(outcome, _given_up(number, waited))
                if self._lacks_credentials(exchange, outcome) and self.chain is not None:
                    return outcome, self.chain.advice
                if credentials and authorization and self.is_unauthorized(outcome):
                    return outcome, credentials.advice or _given_up(number, waited)
                return outcome, _given_up(number, waited)
            is_longest = self.pacer.resume <= self.clock() + wait
            resumed = self.pacer.resume if is_longest else -math.inf
            yield Sleep(wait)
            number += 1
            waited += wait

    def _pace(self, send: Send, resumed: float) -> Flow[float]:
        """Wait until the next request may be sent; the pause that ends at `resumed` is over.

        Return the seconds of the pauses that the server asked for; the user's own rate is no
        reason to give up.
        """
        paused = 0.0
        while (moment := self.pacer.resume) > (now := self.clock()) and moment != resumed:
            wait = moment - now
            _logger.info(
                "%s %s waits %.1f s: the server asked for a pause", send.method, send.path, wait
            )
            yield Sleep(wait)
            paused += wait
            resumed = moment
        if wait := self.pacer.reserve(self.clock()):
            yield Sleep(wait)
        return paused

    def _exchange(self, send: Send, url: httpx.URL, authorization: str | None) -> Exchange:
        if send.sink is not None:
            send = replace(send, headers={**(send.headers or {}), **send.sink.headers()})
        request = self.requests.build(send, url)
        fields = [str((send.data or {}).get(name)) for name in send.secrets]
        secrets = (*fields, *self.credentials.secrets, *secret_values(request))
        if authorization is not None:
            request.headers["Authorization"] = authorization
            # The client may have other credentials by now.
            secrets = (*secrets, authorization.partition(" ")[2])
        return Exchange(send, request, Redactor(secrets))

    def _lacks_credentials(self, exchange: Exchange, response: httpx.Response) -> bool:
        """Return whether the server asked for credentials where none were sent."""
        request = exchange.request
        return (
            response.status_code == 401
            and "Authorization" not in request.headers
            and not exchange.send.anonymous
            and self.requests.is_own(request.url)
        )

    def _decide(
        self,
        exchange: Exchange,
        number: int,
        waited: float,
        outcome: httpx.Response | TransportError,
    ) -> float | None:
        """Return the seconds after which to send again, or None to accept the outcome."""
        send = exchange.send
        attempt = Attempt(
            method=send.method, number=number, is_login=send.anonymous, waited=waited
        )
        if isinstance(outcome, TransportError):
            attempt = replace(attempt, is_transient=outcome.transient, is_unsent=outcome.unsent)
        else:
            attempt = replace(attempt, status=outcome.status_code, headers=outcome.headers)
        wait, reason = decide(
            attempt,
            retries=self.retries,
            now=self.now(),
            jitter=self.jitter(),
            patience=self.patience,
        )
        if wait is None:
            _logger.debug("%s %s failed: %s", send.method, send.path, reason)
            return None
        if attempt.status == 429 or (attempt.status == 503 and "Retry-After" in attempt.headers):
            self.pacer.pause(self.clock(), wait)
        log = "%s %s is retried in %.1f s (retry %d): %s"
        _logger.info(log, send.method, send.path, wait, number + 1, reason)
        if self.on_retry is not None:
            self.on_retry(redacted_request(exchange), number + 1, wait, reason)
        return wait

    def is_authorized(self, send: Send, url: httpx.URL) -> bool:
        """Return whether a request gets the client's credentials, and has no header of its own."""
        if send.anonymous or not self.requests.is_own(url):
            return False
        return not send.headers or "authorization" not in map(str.lower, send.headers)

    def preview(self, send: Send) -> httpx.Request:
        """Return the request as a user may see it: without credentials and secrets."""
        check_body(send)
        request = self.requests.build(send, self.requests.url(send))
        return redacted_request(Exchange(send, request, Redactor()))


def _given_up(number: int, waited: float) -> str:
    """Return a note on the attempts, if there was more than one, or a wait."""
    if not (number or waited):
        return ""
    attempts = f"{number + 1} attempts" if number else "1 attempt"
    return f"Gave up after {attempts} and {waited:.1f} s of waiting."


def _noted(error: E, note: str) -> E:
    if note:
        error.add_note(note)
    return error


def _public_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return a call's headers without those that are meant only for the original server."""
    return {
        name: value
        for name, value in (headers or {}).items()
        if not is_secret_header(name) and name.lower() != "host"
    }
