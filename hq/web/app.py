"""Headquarters' web page: its addresses. It renders nothing (hq.web.pages) and proves nothing (hq.audit)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Form, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Receive, Scope, Send

from hq import audit, commands, queries
from hq.errors import HqError, StoreError
from hq.intake import Intake
from hq.settings import Settings
from hq.store import Store
from hq.web import counter, guard, live
from hq.web.live import Feed
from hq.web.pages import Pages

HERE = Path(__file__).parent
KEEP_OPEN_S = 15.0
Number = Annotated[str, Query(max_length=64)]
Older = Annotated[str, Query(pattern=r"^([0-9]{1,19}\.[0-9]{1,19})?$")]
MAX_MS = 2**53
STALLED_S = 30.0
"""A browser that takes nothing for this long is gone; its stream ends, and it may come again."""


class _Stream(EventSourceResponse):
    """Events for one open page; a browser that stopped reading is let go without a word in the log."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(SendTimeoutError):
            await super().__call__(scope, receive, send)


def build(store: Store, intake: Intake, settings: Settings, feed: Feed) -> FastAPI:
    """The application. Nothing is served to anyone until a server runs it."""
    app = FastAPI(title="Headquarters", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(guard.Headers)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=guard.HOSTS)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    pages = Pages(store, settings)
    _add_pages(app, pages)
    _add_actions(app, pages, store, intake, settings)
    _add_streams(app, pages, feed)
    counter.add(app, pages, store, intake, settings)
    _add_api(app, store, intake)
    _add_errors(app, pages)
    return app


def _add_pages(app: FastAPI, pages: Pages) -> None:
    @app.get("/", response_class=HTMLResponse)
    def stations(request: Request) -> Response:
        return pages.stations(request)

    @app.get("/visits", response_class=HTMLResponse)
    def visits(request: Request, station: Number = "", before: Older = "") -> Response:
        return pages.visits(request, station, before)

    @app.get("/visits/{number}", response_class=HTMLResponse)
    def visit(request: Request, number: str, station: Number = "") -> Response:
        return pages.visit(request, number[:64], station)

    @app.get("/calls", response_class=HTMLResponse)
    def calls(request: Request, said: Number = "") -> Response:
        return pages.calls(request, said)

    @app.get("/alarms", response_class=HTMLResponse)
    def alarms(request: Request) -> Response:
        return pages.alarms(request)

    audits = _Audits(pages.store)

    @app.get("/audit", response_class=HTMLResponse)
    def log_check(request: Request) -> Response:
        found, seconds = audits.run()
        return pages.audit(request, found, seconds)

    @app.get("/api/audit")
    def api_audit() -> Response:
        found, seconds = audits.run()
        return JSONResponse({**dataclasses.asdict(found), "seconds": round(seconds, 3)})


class _Audits:
    """One check at a time is enough; the others wait for it and then look for themselves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = threading.Lock()

    def run(self) -> tuple[audit.Count, float]:
        with self._one:
            began_s = time.monotonic()
            return audit.count(self._store), time.monotonic() - began_s


def _add_actions(app: FastAPI, pages: Pages, store: Store, intake: Intake, settings: Settings) -> None:
    @app.post("/calls/acknowledge")
    def acknowledge(
        request: Request,
        token: Annotated[str, Form(max_length=64)] = "",
        call: Annotated[int, Form(ge=1, le=MAX_MS)] = 0,
        by: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        if guard.forged(request, token):
            raise HTTPException(403)
        try:
            name = commands.clean_name(by)
        except HqError:
            return RedirectResponse("/calls?said=noname", 303)
        try:
            with store.write() as connection:
                done = commands.acknowledge(connection, call, name, settings.command_life_s)
        except StoreError:
            raise
        except HqError:
            return RedirectResponse("/calls?said=nocall", 303)
        intake.send_commands()
        return pages.remember_name(RedirectResponse(f"/calls?said={'done' if done else 'gone'}", 303), name)


def _add_streams(app: FastAPI, pages: Pages, feed: Feed) -> None:
    async def changes() -> AsyncIterator[ServerSentEvent]:
        with feed.listen() as event:
            yield ServerSentEvent(event="hello", data="")
            while not feed.closed:
                if await live.pause(event, KEEP_OPEN_S):
                    yield ServerSentEvent(event="changed", data="")

    @app.get("/live")
    async def any_change() -> Response:
        feed.admit()
        return _Stream(changes(), ping=KEEP_OPEN_S, send_timeout=STALLED_S)

    async def entries(
        request: Request, number: str, station: str, after: int
    ) -> AsyncIterator[ServerSentEvent]:
        with feed.listen() as event:
            while not feed.closed:
                fresh = await asyncio.to_thread(pages.fresh_entries, request, number, station, after)
                for identity, fragment in fresh.entries:
                    after = identity
                    yield ServerSentEvent(event="entry", id=str(identity), data=fragment)
                if fresh.entries:
                    yield ServerSentEvent(event="summary", data=fresh.summary)
                    continue
                await live.pause(event, KEEP_OPEN_S)

    @app.get("/visits/{number}/entries")
    async def visit_entries(
        request: Request,
        number: str,
        station: Number = "",
        after: Annotated[int, Query(ge=0, le=MAX_MS)] = 0,
    ) -> Response:
        feed.admit()
        last = request.headers.get("last-event-id", "")
        if last.isascii() and last.isdigit() and len(last) < 16:
            after = max(after, int(last))
        stream = entries(request, number[:64], station, after)
        return _Stream(stream, ping=KEEP_OPEN_S, send_timeout=STALLED_S)


def _add_api(app: FastAPI, store: Store, intake: Intake) -> None:
    @app.get("/api/stations")
    def api_stations() -> dict[str, Any]:
        return {"stations": [dataclasses.asdict(station) for station in queries.stations(store)]}

    @app.get("/api/visits")
    def api_visits(
        station: Number = "",
        before: Older = "",
        limit: Annotated[int, Query(ge=1, le=queries.MAX_ROWS)] = 50,
    ) -> dict[str, Any]:
        page = queries.visits(store, station, before, limit)
        return {"visits": [dataclasses.asdict(visit) for visit in page.visits], "older": page.older}

    @app.get("/api/visits/{number}")
    def api_visit(
        number: str,
        station: Number = "",
        after: Annotated[int, Query(ge=0, le=MAX_MS)] = 0,
        limit: Annotated[int, Query(ge=1, le=queries.MAX_ROWS)] = queries.MAX_ROWS,
    ) -> Response:
        found = queries.visit(store, number[:64], station)
        if found is None:
            raise HTTPException(404)
        events = queries.events(store, found.station, found.visit, after, limit)
        rows = [dataclasses.asdict(event) for event in events]
        return JSONResponse(_plain({"visit": dataclasses.asdict(found), "entries": rows}))

    @app.get("/healthz")
    def healthz() -> Response:
        well = intake.connected and not intake.trouble
        facts = {"ok": well, "broker": intake.connected, "trouble": intake.trouble}
        return JSONResponse(facts, 200 if well else 503)


def _plain(value: object) -> object:
    """JSON has no bytes: hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _add_errors(app: FastAPI, pages: Pages) -> None:
    def answer(request: Request, code: int) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": pages.words(request)(f"error.{code}")}, code)
        return pages.error(request, code)

    @app.exception_handler(HTTPException)
    def refused(request: Request, exc: HTTPException) -> Response:
        code = exc.status_code if exc.status_code in {403, 404, 413} else 400
        return answer(request, code)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, _exc: RequestValidationError) -> Response:
        return answer(request, 400)

    @app.exception_handler(live.TooManyListenersError)
    def crowded(request: Request, _exc: live.TooManyListenersError) -> Response:
        return answer(request, 503)

    @app.exception_handler(StoreError)
    def broken(request: Request, _exc: StoreError) -> Response:
        return answer(request, 500)

    @app.exception_handler(Exception)
    def failed(request: Request, _exc: Exception) -> Response:
        # Starlette answers this outside of every middleware, and lets the server log the exception itself.
        response = answer(request, 500)
        guard.protect(response.headers, request.url.path)
        return response
