"""The demo's second window: a page with the phones on the counter and what a customer's hands can do to them.

It knows the virtual phones' control addresses and nothing of the kiosk. Loopback only.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from hw.virtual.control import Customer
from hw.virtual.errors import VirtualPhoneError

ACTS: Mapping[str, Callable[[Customer], object]] = {
    "unlock": Customer.unlock,
    "lock": Customer.lock,
    "hold_keys": Customer.hold_keys,
    "restart": Customer.restart,
    "unplug": Customer.unplug,
    "replug": Customer.replug,
}
"""What two hands can do; nothing else is reachable through the page."""

PAGE = Path(__file__).with_name("hands.html")


def application(
    phones: Mapping[str, Customer], links: Mapping[str, str], models: Mapping[str, str]
) -> FastAPI:
    """The page and its two calls. ``phones`` and ``models`` by bay number; ``links`` are shown as they are."""
    app = FastAPI(title="The phones on the counter", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE.read_text("utf-8")

    @app.get("/phones")
    def status() -> dict[str, Any]:
        statuses = {bay: _status(customer) for bay, customer in phones.items()}
        return {"phones": statuses, "links": dict(links), "models": dict(models)}

    @app.post("/phones/{bay}/{act}")
    def do(bay: str, act: str, request: Request) -> JSONResponse:
        # A form on another site can post here but cannot set this header: that is the whole protection a
        # toy on loopback needs.
        if request.headers.get("x-hands") != "1":
            return JSONResponse({"error": "not from this page"}, 403)
        if bay not in phones or act not in ACTS:
            return JSONResponse({"error": "no such phone or act"}, 404)
        try:
            ACTS[act](phones[bay])
        except VirtualPhoneError as exc:
            return JSONResponse({"error": str(exc)}, 409)
        return JSONResponse(_status(phones[bay]))

    return app


def _status(customer: Customer) -> dict[str, Any]:
    try:
        return dict(customer.status())
    except VirtualPhoneError as exc:
        return {"mode": "gone", "error": str(exc)}


class HandsPage:
    """Serves the page on a free loopback port until closed; ``url`` is its address."""

    def __init__(
        self, phones: Mapping[str, Customer], links: Mapping[str, str], models: Mapping[str, str]
    ) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)  # so that nobody is refused before the server thread is up
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        config = uvicorn.Config(application(phones, links, models), log_level="error", access_log=False)
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
