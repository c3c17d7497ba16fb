"""Pages of trade-ins, bins, drop-offs, manifests and flags. They route nothing and write nothing."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hq import queries as entries
from hq.counter import papers, queries
from hq.counter.queries import Bin, Move
from hq.settings import Settings
from hq.store import Store, now_ms
from hq.web.pages import Pages

LOGINS_MS = 30 * 86_400_000

TRADE_TONES = {
    **dict.fromkeys(("draft", "identified", "cleared", "inspected", "quoted", "offered"), "accent"),
    **dict.fromkeys(("accepted", "erasing"), "accent"),
    **dict.fromkeys(("stopped", "destroy"), "due"),
}
"""Everything else is quiet: it has ended or rests."""
ERASURE_TONES = {"certified": "safe", "warning": "due", "failed": "stop", "interrupted": "due"}
"""Green only where the owner's data is known to be gone for good, by certificate."""
MONEY_TONES = {"unknown": "due", "refused": "stop", "intended": "accent"}
BIN_TONES = {"full": "due", "hazard": "stop", "fault": "stop", "locked": "due", "emptying": "accent"}
MANIFEST_TONES = {"draft": "quiet", "processed": "quiet", "partial": "due", "refused": "stop"}
ACTION_TONES = {"stop": "stop", "review": "due", "again": "due"}
STEPS = ("draft", "sealed", "picked_up", "received", "accepted", "processed")
"""A manifest's usual way; "accepted" stands for whatever the processor answered."""


class CounterPages:
    """Renders with :class:`hq.web.pages.Pages`; the store is read anew for every page."""

    def __init__(self, pages: Pages, store: Store, settings: Settings) -> None:
        self._pages, self._store, self._settings = pages, store, settings

    def trades(self, request: Request, station: str, imei: str, before: str) -> Response:
        """The newest trade-ins, or those of one phone."""
        wanted = "".join(imei.split()).replace("-", "")
        bad = bool(wanted) and not (wanted.isascii() and wanted.isdigit() and 4 <= len(wanted) <= 15)
        page = queries.trades(self._store, station, wanted, before)
        return self._pages.render(
            request,
            "trades.html",
            page=queries.Trades([]) if bad else page,
            prices=queries.prices(self._store),
            station=station,
            imei=wanted[:15],
            bad=bad,
            before=before,
            tones_of=TRADE_TONES,
            erasure_tones=ERASURE_TONES,
            money_tones=MONEY_TONES,
        )

    def trade(self, request: Request, number: str, station: str) -> Response:
        """One trade-in, its entries in order, and where the phone has been."""
        found = queries.trade(self._store, number, station)
        if found is None:
            return self._missing(request, "trade", "/trades")
        return self._pages.render(
            request,
            "trade.html",
            trade=found,
            events=entries.events(self._store, found.station, found.trade),
            chain=queries.chain(self._store, found.station, trade=found.trade),
            flags=papers.flags_of(self._store, found.station, found.trade),
            tones_of=TRADE_TONES,
            erasure_tones=ERASURE_TONES,
            money_tones=MONEY_TONES,
        )

    def bins(self, request: Request) -> Response:
        """Every station's bins as they are now, and the drop-offs of the last days."""
        by_station: dict[str, list[Bin]] = {}
        for one in queries.bins(self._store):
            by_station.setdefault(one.station, []).append(one)
        return self._pages.render(
            request,
            "bins.html",
            stations=by_station,
            lots=queries.lots(self._store),
            troubles=queries.troubles(self._store),
            days=queries.days(self._store, self._settings.time_zone, now_ms()),
            drops=queries.drops(self._store),
            bin_tones=BIN_TONES,
        )

    def drop(self, request: Request, number: str, station: str) -> Response:
        """One drop-off, its entries, and where its items have been."""
        found = queries.drop(self._store, number, station)
        if found is None:
            return self._missing(request, "drop", "/bins")
        chains: dict[str, list[Move]] = {}
        for move in queries.chain(self._store, found.station, drop=found.drop_id):
            chains.setdefault(move.item, []).append(move)
        return self._pages.render(
            request,
            "drop.html",
            drop=found,
            chains=chains,
            events=entries.events(self._store, found.station, found.drop_id),
        )

    def manifests(self, request: Request) -> Response:
        """All manifests, those on their way first."""
        found = papers.manifests(self._store)
        return self._pages.render(request, "manifests.html", manifests=found, tones_of=MANIFEST_TONES)

    def manifest(self, request: Request, number: str, station: str, said: str) -> Response:
        """One manifest, what is packed under it, and the form for the processor's answer."""
        found = papers.manifest(self._store, number, station)
        if found is None:
            return self._missing(request, "manifest", "/manifests")
        reached = STEPS.index(found.state) if found.state in STEPS else STEPS.index("accepted")
        return self._pages.render(
            request,
            "manifest.html",
            manifest=found,
            items=papers.items(self._store, found.station, found.manifest),
            handed=papers.handed(self._store, found.station, found.manifest, now_ms()),
            events=entries.events(self._store, found.station, found.manifest),
            steps=STEPS,
            reached=reached,
            tones_of=MANIFEST_TONES,
            name=self._pages.known_name(request),
            said=said if said in {"done", "again", "bad", "noname"} else "",
        )

    def fraud(self, request: Request, said: str) -> Response:
        """What the rules marked, and refused log-ins."""
        found = papers.flags(self._store)
        return self._pages.render(
            request,
            "fraud.html",
            waiting=[flag for flag in found if flag.looked_ms is None],
            seen=[flag for flag in found if flag.looked_ms is not None],
            logins=papers.refusals(self._store, now_ms() - LOGINS_MS),
            name=self._pages.known_name(request),
            said=said if said in {"noname", "gone", "looked"} else "",
            action_tones=ACTION_TONES,
        )

    def _missing(self, request: Request, what: str, back: str) -> Response:
        return self._pages.render(request, "no_subject.html", 404, what=what, back=back)
