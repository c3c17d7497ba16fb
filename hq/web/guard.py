"""What every answer and every form of the pages must have: headers, same origin, a token. No page logic."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE_TOKEN = "hq_form"  # noqa: S105 - a cookie's name
COOKIE_LANGUAGE = "hq_language"
MAX_FORM_BYTES = 8 * 1024
UPLOADS = {"/manifests/answer": 64 * 1024}
"""Where a file may come with the form, and how large such a form is at most."""
HOSTS = ["127.0.0.1", "localhost", "[::1]"]
"""A page that is reached under any other name is a rebinding attack."""

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer a form's Origin would be "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Headers:
    """Adds the security headers to every answer; nothing but the static files may be kept by a cache.

    It also bounds what a request may bring.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message), scope["path"])
            await send(message)

        taken, most = 0, UPLOADS.get(scope["path"], MAX_FORM_BYTES)

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413)
            return message

        await self._app(scope, bounded, with_headers)


def protect(headers: MutableHeaders, path: str) -> None:
    """Set what every answer must have."""
    for name, value in _HEADERS.items():
        headers[name] = value
    if not path.startswith("/static/"):
        headers["cache-control"] = "no-store"


def token_of(request: Request) -> str:
    """The form token of this browser; a fresh one when it has none (the answer must then set the cookie)."""
    kept = request.cookies.get(COOKIE_TOKEN, "")
    return kept if 20 <= len(kept) <= 64 and kept.isascii() else secrets.token_urlsafe(24)


def forged(request: Request, token: str) -> bool:
    """Whether a form did not come from our own page: other origin, or a token that is not the cookie's."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        return True
    kept = request.cookies.get(COOKIE_TOKEN, "")
    return not kept or not secrets.compare_digest(kept.encode(), token.encode())
