"""The FastAPI application that serves the endpoints under ``/api/v1``."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Annotated
from urllib.parse import quote

import anyio.to_thread
import jwt
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from grad300_sdk.sandbox.archive import Archive, File
from grad300_sdk.sandbox.scans import ScanType

API_PREFIX = "/api/v1"
_JWT_ALGORITHM = "HS256"
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


class TokenResponse(BaseModel):
    """The response to a login."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105


class UserResponse(BaseModel):
    """The user who is logged in."""

    id: str
    email: str
    full_name: str | None = None
    is_active: bool = True
    is_superuser: bool = False


class ScanResponse(BaseModel):
    """A scan: right ascension in hours, declination in degrees, times in UTC."""

    id: int
    file_name: str
    file_path: str
    size: int
    object: str
    ra: float
    dec: float
    date: datetime
    date_obs: datetime | None = None
    date_end: datetime | None = None
    gain: int | None = None
    comment: str | None = None
    ctime: datetime | None = None
    mtime: datetime | None = None
    azimuth: float | None = None
    elevation: float | None = None
    nsamples: int | None = None


class Accounts:
    """The server's only user, and the tokens that it issues."""

    def __init__(self, user: str, password: str, token_lifetime: float) -> None:
        self._password = password
        self._lifetime = timedelta(seconds=token_lifetime)
        self._secret = secrets.token_bytes(32)
        self._user = UserResponse(id="1", email=user, full_name="Sandbox")

    def log_in(self, user: str, password: str) -> TokenResponse | None:
        """Return a new token, or None if the user or the password is wrong."""
        received, expected = f"{user}\0{password}", f"{self._user.email}\0{self._password}"
        if not secrets.compare_digest(received.encode(), expected.encode()):
            return None
        claims = {"exp": datetime.now(UTC) + self._lifetime, "sub": self._user.id}
        return TokenResponse(
            access_token=jwt.encode(claims, self._secret, algorithm=_JWT_ALGORITHM)
        )

    def user(self, token: str) -> UserResponse | None:
        """Return the owner of a token, or None if the token is invalid or expired."""
        try:
            claims = jwt.decode(token, self._secret, algorithms=[_JWT_ALGORITHM])
        except jwt.InvalidTokenError:
            return None
        return self._user if claims.get("sub") == self._user.id else None


class FaultInjection:
    """ASGI middleware that delays responses, and answers some requests with status 503."""

    def __init__(self, app: ASGIApp, *, latency: float, failure_rate: float, seed: int) -> None:
        self._app = app
        self._latency = latency
        self._failure_rate = failure_rate
        self._random = Random(seed)  # noqa: S311

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        app = self._app
        if scope["type"] == "http":  # pragma: no branch - the server sends no other scope
            if self._latency:
                await anyio.sleep(self._latency)
            if self._random.random() < self._failure_rate:
                app = JSONResponse({"detail": "The sandbox fails on purpose"}, status_code=503)
        await app(scope, receive, send)


def build_application(
    archive: Archive,
    accounts: Accounts,
    *,
    max_limit: int | None,
    ignore_filters: bool,
    ignore_offset: bool,
) -> FastAPI:
    """Return the application that serves an archive; `Sandbox` documents the options."""
    bearer = OAuth2PasswordBearer(tokenUrl=f"{API_PREFIX}/login/access-token")

    def authenticate(token: Annotated[str, Depends(bearer)]) -> UserResponse:
        user = accounts.user(token)
        if user is None:
            raise HTTPException(403, "Could not validate credentials")
        return user

    login = APIRouter(prefix="/login", tags=["login"])
    general = APIRouter()
    scans = APIRouter(prefix="/scans", tags=["scans"], dependencies=[Depends(authenticate)])

    @login.post("/access-token")
    async def login_access_token(
        form: Annotated[OAuth2PasswordRequestForm, Depends()],
    ) -> TokenResponse:
        """Issue a token for an e-mail address and a password."""
        token = accounts.log_in(form.username, form.password)
        if token is None:
            raise HTTPException(400, "Incorrect email or password")
        return token

    @login.get("/test-token")
    @login.post("/test-token")
    async def test_token(user: Annotated[UserResponse, Depends(authenticate)]) -> UserResponse:
        """Return the owner of the token."""
        return user

    @general.get("/users/me", tags=["users"])
    async def read_user_me(user: Annotated[UserResponse, Depends(authenticate)]) -> UserResponse:
        """Return the user who is logged in."""
        return user

    @general.get("/utils/health-check/", tags=["utils"])
    async def health_check() -> bool:
        """Return true: the server is running."""
        return True

    @scans.get("/{scan_type}/", response_model=list[ScanResponse])
    async def read_scans(
        scan_type: ScanType,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1)] = 100,
        source: str | None = None,
        scan_name: str | None = None,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
    ) -> Response:
        """List the scans of a type in the order of their ids, and so of their dates."""
        if ignore_filters:
            source = scan_name = date_from = date_to = None
        page = archive.page(
            scan_type,
            offset=0 if ignore_offset else offset,
            limit=limit if max_limit is None else min(limit, max_limit),
            source=source,
            scan_name=scan_name,
            date_from=_unix_seconds(date_from),
            date_to=_unix_seconds(date_to),
        )
        return Response(page, media_type="application/json")

    @scans.get("/{scan_type}/{scan_id}", response_model=ScanResponse)
    async def read_scan(scan_type: ScanType, scan_id: int) -> Response:
        """Return a scan."""
        scan = archive.scan(scan_type, scan_id)
        if scan is None:
            raise HTTPException(404, "Scan not found")
        return Response(scan, media_type="application/json")

    @scans.get(
        "/{scan_type}/{scan_id}/download",
        response_class=Response,
        responses={200: {"content": {"application/fits": {}}}},
    )
    async def download_scan(scan_type: ScanType, scan_id: int, request: Request) -> Response:
        """Return a scan's FITS file, or a range of its bytes."""
        file = await anyio.to_thread.run_sync(archive.file, scan_type, scan_id)
        if file is None:
            raise HTTPException(404, "Scan file not found")
        return _file_response(file, request)

    application = FastAPI(
        title="GRAD300 sandbox",
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,  # its pages load scripts from the internet
        redoc_url=None,
    )
    for router in (login, general, scans):
        application.include_router(router, prefix=API_PREFIX)
    return application


def _unix_seconds(date: datetime | None) -> float | None:
    """Return the Unix time of a date; a date without an offset is in UTC."""
    if date is None:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _file_response(file: File, request: Request) -> Response:
    """Return a response with a file, or with the requested range of it (RFC 9110)."""
    quoted = quote(file.name)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=utf-8''{quoted}",
        "ETag": file.etag,
    }
    content, size, status = file.content, len(file.content), 200
    requested = _RANGE.fullmatch(request.headers.get("range", ""))
    if requested and request.headers.get("if-range", file.etag) == file.etag:
        first, last, suffix = requested.groups()
        start = int(first) if first else max(size - int(suffix), 0)
        stop = min(int(last) + 1, size) if last else size
        if start >= size:
            headers["Content-Range"] = f"bytes */{size}"
            return JSONResponse({"detail": "Range not satisfiable"}, 416, headers)
        if start < stop:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            content, status = content[start:stop], 206
    return Response(content, status, headers, media_type="application/fits")
