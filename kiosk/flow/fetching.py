"""From the plan to the last image at this station: what is offered, fetched and noted. Pure; nothing is written yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from firmware_agent.watch import Offer
from kiosk.flow.before_write import ASKED, begin_write, refuse_foreign
from kiosk.flow.effects import FetchImages, Identify, Record, Watch
from kiosk.flow.events import (
    BackupAnswered,
    Event,
    Fetched,
    FetchFailed,
    Fetching,
    Noted,
    PhoneGone,
    PhoneSeen,
    PlanReady,
)
from kiosk.flow.moves import Outcome, end, give_up, go, stay
from kiosk.flow.visit import FetchFacts, State, Visit

MAX_NOTES = 200
"""Of the catalogue's notes in one visit: a mirror that lies all day fills no ledger."""

MAX_LOSSES = 10
"""Short losses of the link, over the visit so far, that are forgiven while nothing is written."""

_KIND = re.compile(r"(catalogue|fetch)\.[a-z_]{1,31}")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MAX_VALUES = 20
_MAX_TEXT = 200
_MAX_NUMBER = 2**53
_MAX_MIRRORS = 8
_BY_MIRROR = ("fetch.ahead", "fetch.mirror", "fetch.done")


def plan_ready(visit: Visit, event: PlanReady) -> Outcome:
    """Show it, and what would be downloaded. A plan that was agreed to already is not asked about again."""
    plan, offer = event.plan, event.offer
    agreed = bool(visit.backup) and visit.plan == plan
    body = {
        "from": plan.version_from,
        "to": plan.version_to,
        "slot": plan.set_active or "",
        "bytes": plan.size_bytes,
        "writes": [write.partition for write in plan.writes],
        "method": offer.method,
        "why": offer.why,
        "fetch_bytes": offer.fetch_bytes,
    }
    record = Record("plan.made", body)
    if agreed:
        return _begin(visit, record)
    offered = replace(visit, plan=plan, notes=dict(event.release.notes), fetch=_offered(offer))
    return go(offered, State.PLAN, record, Watch())


def _offered(offer: Offer) -> FetchFacts:
    return FetchFacts(offer.method, offer.why, offer.base_version, offer.fetch_bytes, offer.full_bytes)


def backup_answered(visit: Visit, event: BackupAnswered) -> Outcome:
    """The customer's last word; what is not here yet comes now."""
    choice = "done" if event.choice == "done" else "without"
    record = Record("backup.answered", {"choice": choice}, actor="customer")
    return _begin(replace(visit, backup=choice), record)


def _begin(visit: Visit, *records: Record) -> Outcome:
    fetch = replace(visit.fetch, complete=False, away=False, before_bytes=visit.fetch.done_bytes)
    body = {
        "method": fetch.method,
        "why": fetch.why,
        "base": fetch.base_version,
        "fetch_bytes": fetch.fetch_bytes,
        "bytes": fetch.full_bytes,
    }
    intent = Record("fetch.intended", body)
    return go(visit, State.FETCHING, *records, intent, FetchImages(), fetch=fetch)


def moved(visit: Visit, event: Fetching) -> Outcome:
    """More of it is here. A run that began again reports less for a while; what is shown does not fall."""
    before = visit.fetch.before_bytes  # of an earlier run, before the phone was away
    total = max(1, before + event.total_bytes)
    # Nothing to fetch after all (it came ahead of the consent): what is left is to check it.
    done = total if event.total_bytes <= 0 else max(visit.fetch.done_bytes, before + event.done_bytes)
    return stay(visit, fetch=replace(visit.fetch, done_bytes=min(done, total), total_bytes=total))


def noted(visit: Visit, event: Noted) -> Outcome:
    """One entry, bounded; the last that a visit may have says that the rest was left out."""
    if visit.noted >= MAX_NOTES or not _KIND.fullmatch(event.kind):
        return visit, ()
    record = Record(event.kind, _bounded(event.body))
    if visit.noted == MAX_NOTES - 1:
        record = Record("fetch.notes_left_out", {"after": MAX_NOTES - 1})
    fetch = replace(visit.fetch, mirrors=_mirrors(visit.fetch.mirrors, event))
    return stay(visit, record, noted=visit.noted + 1, fetch=fetch)


def _bounded(body: Mapping[str, str | int]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, value in list(body.items())[:_MAX_VALUES]:
        if not _KEY.fullmatch(key):
            continue
        if isinstance(value, str):
            kept[key] = "".join(letter if letter.isprintable() else " " for letter in value[:_MAX_TEXT])
        elif type(value) is int and abs(value) < _MAX_NUMBER:
            kept[key] = value
    return kept


def _mirrors(known: tuple[str, ...], event: Noted) -> tuple[str, ...]:
    name = event.body.get("mirror") if event.kind in _BY_MIRROR else None
    if not isinstance(name, str) or not name or name[:_MAX_TEXT] in known or len(known) >= _MAX_MIRRORS:
        return known
    return (*known, name[:_MAX_TEXT])


def fetched(visit: Visit, _event: Fetched) -> Outcome:
    """Everything is here: write, once the phone is the one that was planned for."""
    whole = replace(visit, fetch=replace(visit.fetch, complete=True, done_bytes=visit.fetch.total_bytes))
    if not visit.phone_present:
        return stay(whole, Watch())
    if visit.fetch.away:
        return go(whole, State.IDENTIFYING, Identify())
    return begin_write(whole)


def failed(visit: Visit, event: FetchFailed) -> Outcome:
    """It cannot be had; the phone is let go as it was."""
    body = {"reason": event.reason, "detail": event.detail[:_MAX_TEXT], "bytes": visit.fetch.done_bytes}
    left, effects = give_up(visit, State.REFUSED, event.reason, event.detail)
    return left, (Record("fetch.given_up", body), *effects)


def seen(visit: Visit, event: PhoneSeen) -> Outcome:
    """The phone is there, is back, or has left its bootloader."""
    here = replace(visit, phone_present=True)
    if event.mode in ASKED:
        return go(here, State.IDENTIFYING, Identify()) if visit.fetch.complete else stay(here)
    if event.mode in ("normal", "charging"):
        # What has come stays in the cache, and the same plan is not asked about again.
        return go(here, State.KEYS, Watch())
    return refuse_foreign(here, event)


def gone(visit: Visit, event: PhoneGone) -> Outcome:
    """Nothing is written yet: the download goes on, and a cable that is soon back is forgiven."""
    if not visit.phone_present:
        return visit, ()
    away = replace(visit, phone_present=False, losses=visit.losses + 1)
    if away.losses > MAX_LOSSES:
        return end(away, State.CANCELLED, "unplugged", event.detail)
    return stay(away, fetch=replace(visit.fetch, away=True))


def late(visit: Visit, _event: Event) -> Outcome:
    """The phone did not come back, or not a byte came for too long."""
    if not visit.phone_present:
        return end(visit, State.CANCELLED, "unplugged")
    return failed(visit, FetchFailed("download_failed", "nothing came for too long"))
