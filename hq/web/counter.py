"""Addresses of trade-ins, bins, manifests and flags: pages, forms and their API. It renders and decides nothing."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from hq import commands
from hq.commands import MAX_ANSWER_BYTES
from hq.counter import history, papers, queries, watch
from hq.counter.claims import is_imei
from hq.errors import HqError, StoreError
from hq.intake import Intake
from hq.settings import Settings
from hq.store import Store, now_ms
from hq.web import guard
from hq.web.counter_pages import CounterPages
from hq.web.pages import Pages

Number = Annotated[str, Query(max_length=64)]
Text = Annotated[str, Form(max_length=200)]
Older = Annotated[str, Query(pattern=r"^([0-9]{1,19}\.[0-9]{1,19})?$")]
Limit = Annotated[int, Query(ge=1, le=queries.MAX_ROWS)]
MAX_MS = 2**53


def add(app: FastAPI, pages: Pages, store: Store, intake: Intake, settings: Settings) -> None:
    """Everything of the counter's."""
    shown = CounterPages(pages, store, settings)
    _add_pages(app, shown)
    _add_fraud(app, pages, store)
    _add_answers(app, pages, store, intake, settings)
    _add_api(app, store, settings)


def _add_pages(app: FastAPI, shown: CounterPages) -> None:
    @app.get("/trades", response_class=HTMLResponse)
    def trades(request: Request, station: Number = "", imei: Number = "", before: Older = "") -> Response:
        return shown.trades(request, station, imei, before)

    @app.get("/trades/{number}", response_class=HTMLResponse)
    def trade(request: Request, number: str, station: Number = "") -> Response:
        return shown.trade(request, number[:64], station)

    @app.get("/bins", response_class=HTMLResponse)
    def bins(request: Request) -> Response:
        return shown.bins(request)

    @app.get("/drops/{number}", response_class=HTMLResponse)
    def drop(request: Request, number: str, station: Number = "") -> Response:
        return shown.drop(request, number[:64], station)

    @app.get("/manifests", response_class=HTMLResponse)
    def manifests(request: Request) -> Response:
        return shown.manifests(request)

    @app.get("/manifests/{number}", response_class=HTMLResponse)
    def manifest(request: Request, number: str, station: Number = "", said: Number = "") -> Response:
        return shown.manifest(request, number[:64], station, said)

    @app.get("/fraud", response_class=HTMLResponse)
    def fraud(request: Request, said: Number = "") -> Response:
        return shown.fraud(request, said)


def _add_fraud(app: FastAPI, pages: Pages, store: Store) -> None:
    @app.post("/fraud/looked")
    def looked(
        request: Request,
        token: Annotated[str, Form(max_length=64)] = "",
        flag: Annotated[int, Form(ge=1, le=MAX_MS)] = 0,
        by: Text = "",
    ) -> Response:
        if guard.forged(request, token):
            raise HTTPException(403)
        try:
            name = commands.clean_name(by)
        except HqError:
            return RedirectResponse("/fraud?said=noname", 303)
        with store.write() as connection:
            done = watch.looked(connection, flag, name, now_ms())
        return pages.remember_name(RedirectResponse(f"/fraud?said={'looked' if done else 'gone'}", 303), name)


def _add_answers(app: FastAPI, pages: Pages, store: Store, intake: Intake, settings: Settings) -> None:
    @app.post("/manifests/answer")
    def answer(
        request: Request,
        token: Annotated[str, Form(max_length=64)] = "",
        station: Annotated[str, Form(max_length=64)] = "",
        manifest: Annotated[str, Form(max_length=64)] = "",
        by: Text = "",
        file: Annotated[UploadFile | None, File()] = None,
    ) -> Response:
        if guard.forged(request, token):
            raise HTTPException(403)
        back = f"/manifests/{quote(manifest, safe='')}?station={quote(station)}&said="
        try:
            name = commands.clean_name(by)
        except HqError:
            return RedirectResponse(f"{back}noname", 303)
        data = b"" if file is None else file.file.read(MAX_ANSWER_BYTES + 1)
        try:
            with store.write() as connection:
                new = commands.answer_manifest(
                    connection, (station, manifest), data, name, settings.command_life_s
                )
        except StoreError:
            raise
        except HqError:
            return pages.remember_name(RedirectResponse(f"{back}bad", 303), name)
        intake.send_commands()
        return pages.remember_name(RedirectResponse(f"{back}{'done' if new else 'again'}", 303), name)


def _add_api(app: FastAPI, store: Store, settings: Settings) -> None:
    @app.get("/api/trades")
    def api_trades(
        station: Number = "", imei: Number = "", before: Older = "", limit: Limit = 50
    ) -> dict[str, Any]:
        page = queries.trades(store, station, imei, before, limit)
        return {"trades": _rows(page.trades), "older": page.older, "prices": _rows(queries.prices(store))}

    @app.get("/api/trades/{number}")
    def api_trade(number: str, station: Number = "") -> Response:
        found = queries.trade(store, number[:64], station)
        if found is None:
            raise HTTPException(404)
        moves = queries.chain(store, found.station, trade=found.trade)
        flags = papers.flags_of(store, found.station, found.trade)
        facts = {"trade": dataclasses.asdict(found), "chain": _rows(moves), "flags": _rows(flags)}
        return JSONResponse(facts)

    @app.get("/api/bins")
    def api_bins() -> dict[str, Any]:
        return {
            "bins": _rows(queries.bins(store)),
            "places": _rows(queries.lots(store)),
            "troubles": _rows(queries.troubles(store)),
            "days": _rows(queries.days(store, settings.time_zone, now_ms())),
        }

    @app.get("/api/drops/{number}")
    def api_drop(number: str, station: Number = "") -> Response:
        found = queries.drop(store, number[:64], station)
        if found is None:
            raise HTTPException(404)
        moves = queries.chain(store, found.station, drop=found.drop_id)
        return JSONResponse({"drop": dataclasses.asdict(found), "chain": _rows(moves)})

    @app.get("/api/manifests")
    def api_manifests() -> dict[str, Any]:
        return {"manifests": [_manifest(one) for one in papers.manifests(store)]}

    @app.get("/api/manifests/{number}")
    def api_manifest(number: str, station: Number = "") -> Response:
        found = papers.manifest(store, number[:64], station)
        if found is None:
            raise HTTPException(404)
        items = papers.items(store, found.station, found.manifest)
        handed = papers.handed(store, found.station, found.manifest, now_ms())
        return JSONResponse({"manifest": _manifest(found), "items": _rows(items), "answers": _rows(handed)})

    @app.get("/api/fraud")
    def api_fraud() -> dict[str, Any]:
        return {"flags": _rows(papers.flags(store)), "logins": _rows(papers.refusals(store, 0))}

    @app.get("/api/imei/{imei}")
    def api_imei(imei: str) -> Response:
        if not is_imei(imei):
            raise HTTPException(404)
        with store.read() as connection:
            lines, count = history.of(connection, imei, queries.MAX_ROWS)
        return JSONResponse({"imei": imei, "count": count, "entries": _rows(lines)})


def _rows(found: list[Any]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(one) for one in found]


def _manifest(found: papers.Manifest) -> dict[str, Any]:
    reckoned = {"difference_g": found.difference_g, "tolerance_g": found.tolerance_g, "off": found.off}
    return dataclasses.asdict(found) | reckoned
