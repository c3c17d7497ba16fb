"""The demo's second window: the phones on the counter, the dock and the printer, and what hands can do to them.

It knows the virtual devices' control addresses and nothing of the kiosk. Loopback only.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from hw.virtual.control import Customer
from hw.virtual.errors import VirtualPhoneError
from station.counter_hands import ACTS as COUNTER_ACTS
from station.counter_hands import CounterHands

ACTS: Mapping[str, Callable[[Customer], object]] = {
    "unlock": Customer.unlock,
    "lock": Customer.lock,
    "hold_keys": Customer.hold_keys,
    "restart": Customer.restart,
    "unplug": Customer.unplug,
    "replug": Customer.replug,
    "factory_reset": Customer.factory_reset,
}
"""What two hands can do; nothing else is reachable through the page."""

PAGE = Path(__file__).with_name("hands.html")


MAX_BIN = 99


def application(
    phones: Mapping[str, Customer],
    links: Mapping[str, str],
    models: Mapping[str, str],
    counter: CounterHands | None = None,
    staff: Sequence[Mapping[str, str]] = (),
) -> FastAPI:
    """The page and its calls. ``phones`` and ``models`` by bay; ``links`` and ``staff`` are shown as they are."""
    app = FastAPI(title="The phones on the counter", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE.read_text("utf-8")

    @app.get("/phones")
    def status() -> dict[str, Any]:
        statuses = {bay: _status(customer) for bay, customer in phones.items()}
        shown: dict[str, Any] = {"phones": statuses, "links": dict(links), "models": dict(models)}
        if counter is not None:
            shown |= {"counter": counter.status(), "staff": [dict(one) for one in staff]}
        return shown

    @app.post("/phones/{bay}/{act}")
    def do(bay: str, act: str, request: Request) -> JSONResponse:
        if bay not in phones or act not in ACTS:
            return _refused(request, 404, "no such phone or act")
        return _answer(request, lambda: ACTS[act](phones[bay]), lambda: _status(phones[bay]))

    @app.post("/counter/{act}/{number}")
    def at_counter(act: str, number: int, request: Request) -> JSONResponse:
        if counter is None or act not in COUNTER_ACTS or not 0 <= number <= MAX_BIN:
            return _refused(request, 404, "no such act")
        return _answer(request, lambda: counter.do(act, number), counter.status)

    return app


def _answer(request: Request, act: Callable[[], object], then: Callable[[], dict[str, Any]]) -> JSONResponse:
    if request.headers.get("x-hands") != "1":
        return _refused(request, 403, "")
    try:
        act()
    except VirtualPhoneError as exc:
        return JSONResponse({"error": str(exc)}, 409)
    return JSONResponse(then())


def _refused(request: Request, code: int, why: str) -> JSONResponse:
    # A form on another site can post here but cannot set this header: that is the whole protection a toy on
    # loopback needs.
    if request.headers.get("x-hands") != "1":
        return JSONResponse({"error": "not from this page"}, 403)
    return JSONResponse({"error": why}, code)


def _status(customer: Customer) -> dict[str, Any]:
    try:
        return dict(customer.status())
    except VirtualPhoneError as exc:
        return {"mode": "gone", "error": str(exc)}


class HandsPage:
    """Serves the page on a free loopback port until closed; ``url`` is its address."""

    def __init__(
        self,
        phones: Mapping[str, Customer],
        links: Mapping[str, str],
        models: Mapping[str, str],
        counter: CounterHands | None = None,
        staff: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)  # so that nobody is refused before the server thread is up
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        served = application(phones, links, models, counter, staff)
        config = uvicorn.Config(served, log_level="error", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="hands page", daemon=True
        )

    def __enter__(self) -> HandsPage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()
