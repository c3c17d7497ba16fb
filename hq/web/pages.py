"""Headquarters' pages, rendered whole in the browser's language. It routes nothing and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hq import audit, queries
from hq.commands import MAX_NAME
from hq.settings import Settings
from hq.store import Store, now_ms
from hq.web import guard
from hq.web import words as vocabulary
from hq.web.words import Words

COOKIE_NAME = "hq_name"
YEAR_S = 365 * 86400
VERDICT_TONES = {
    "": "accent",
    "updated": "safe",
    "up_to_date": "quiet",
    "refused": "quiet",
    "cancelled": "quiet",
    "locked": "quiet",
    "needs_staff": "stop",
}
"""Green only where the owner's data is known to be safe; red only for "stop"."""

DUE_KINDS = frozenset(
    {
        *(
            "link.lost",
            "call.requested",
            "trade.stopped",
            "trade.review",
            "erase.failed",
            "erase.interrupted",
        ),
        *("erase.warning", "settlement.unknown", "settlement.refused", "fraud.flagged", "dock.trouble"),
        *(
            "dock.tampered",
            "dock.stopped",
            "manifest.discrepancy",
            "trade.destroy_routed",
            "trade.quarantined",
        ),
    }
)
"""Kinds of entries that somebody should look at."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new on a visit's page: ``(id, html)`` of entries, and its summary anew."""

    entries: list[tuple[int, str]]
    summary: str


class Pages:
    """Renders; the store is read anew for every page."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self._settings = settings
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"tones": VERDICT_TONES, "due_kinds": DUE_KINDS}

    def words(self, request: Request) -> Words:
        """The words of the request's language."""
        language = vocabulary.choose(
            request.query_params.get("lang"),
            request.cookies.get(guard.COOKIE_LANGUAGE),
            self._settings.default_language,
        )
        return Words(language, self._settings.time_zone)

    def render(self, request: Request, template: str, code: int = 200, **values: object) -> Response:
        """A whole page in the request's language."""
        words, token = self.words(request), guard.token_of(request)
        tally = queries.tally(self.store) if code != 500 else queries.Tally()
        html = self._templates.get_template(template).render(
            w=words,
            request_path=request.url.path,
            switch=_switch(request, words),
            token=token,
            tally=tally,
            now_ms=now_ms(),
            code=code,
            **values,
        )
        response = HTMLResponse(html, code)
        if request.query_params.get("lang"):
            _keep(response, guard.COOKIE_LANGUAGE, words.language)
        if request.cookies.get(guard.COOKIE_TOKEN) != token:
            _keep(response, guard.COOKIE_TOKEN, token)
        return response

    def stations(self, request: Request) -> Response:
        """Every station."""
        return self.render(request, "stations.html", stations=queries.stations(self.store))

    def visits(self, request: Request, station: str, before: str) -> Response:
        """The newest visits."""
        page = queries.visits(self.store, station, before)
        return self.render(request, "visits.html", page=page, station=station, before=before)

    def visit(self, request: Request, number: str, station: str) -> Response:
        """One visit and its entries so far; the rest arrives live."""
        found = queries.visit(self.store, number, station)
        if found is None:
            return self.render(request, "no_visit.html", 404)
        events = queries.events(self.store, found.station, found.visit)
        return self.render(request, "visit.html", visit=found, events=events)

    def fresh_entries(self, request: Request, number: str, station: str, after_id: int) -> Fresh:
        """What a visit's open page lacks."""
        found = queries.visit(self.store, number, station)
        if found is None:
            return Fresh([], "")
        events = queries.events(self.store, found.station, found.visit, after_id, 64)
        words = self.words(request)
        entry = self._templates.get_template("_entry.html")
        summary = self._templates.get_template("_summary.html")
        return Fresh(
            [(event.id, _one_line(entry.render(w=words, event=event, fresh=True))) for event in events],
            _one_line(summary.render(w=words, visit=found)) if events else "",
        )

    def calls(self, request: Request, said: str) -> Response:
        """Calls, open ones first."""
        known = said if said in {"noname", "gone", "nocall", "done"} else ""
        found = queries.calls(self.store)
        return self.render(
            request,
            "calls.html",
            waiting=[call for call in found if call.state == "open"],
            taken=[call for call in found if call.state != "open"],
            name=self.known_name(request),
            said=known,
        )

    def alarms(self, request: Request) -> Response:
        """Alarms, latest first."""
        return self.render(request, "alarms.html", alarms=queries.alarms(self.store))

    def audit(self, request: Request, found: audit.Count, seconds: float) -> Response:
        """The result of a log check."""
        return self.render(request, "audit.html", found=found, seconds=f"{seconds:.2f}")

    def error(self, request: Request, code: int) -> Response:
        """What went wrong, and the way back."""
        return self.render(request, "error.html", code)

    def known_name(self, request: Request) -> str:
        """Who signs at this browser; empty before the first time."""
        return unquote(request.cookies.get(COOKIE_NAME, ""))[:MAX_NAME]

    def remember_name(self, response: Response, name: str) -> Response:
        """Whoever takes calls here signs once."""
        _keep(response, COOKIE_NAME, quote(name))
        return response


def _keep(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=YEAR_S, httponly=True, samesite="strict", path="/")


def _switch(request: Request, words: Words) -> str:
    """This page in the other language."""
    url = request.url.include_query_params(lang=words("language.code"))
    # A path that begins with two slashes would be another host's address.
    return f"/{quote(request.scope['path'].lstrip('/'))}?{url.query}"


def _one_line(html: str) -> str:
    """A server-sent event's data without line breaks."""
    return " ".join(html.split())
