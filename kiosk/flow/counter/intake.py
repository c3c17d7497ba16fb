"""A phone on the counter until it has been inspected: begin, identify, check, photograph, inspect. It sets no price."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from kiosk.flow.counter import bay_lease, dock_orders, same_phone
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.things import Noted, PhotoSeen, Secret
from kiosk.flow.counter.work import Outcome, Work
from kiosk.flow.effects import Keyed
from recycling import fraud
from recycling import inspection as rules
from recycling import trade_events as e
from recycling.custody import Item, Place, weighed
from recycling.errors import Refused
from recycling.goods import Category, Hazard, Lodging
from recycling.imei import imei as parsed_imei
from recycling.imei import well_formed
from recycling.price_book import PriceBook
from recycling.trade import LIVE, REPEAT_MS, Inspection, LockCheck, Photo, State, Trade
from recycling.trade_in import MACHINE
from service.technician import Action

STEP = MACHINE.step
SIDES = frozenset({"front", "back", "edge", "damage"})
LOCKS = frozenset({"none", "activation", "frp", "mdm"})
MAX_PHOTO_BYTES = 4 << 20


def secret(trade: str, kind: str, data: bytes) -> Secret:
    """Personal data of a trade; each kind has its own key, for each goes at its own time."""
    return Secret(f"{trade}:{kind}", kind, data)


def reveal(work: Work, trade: str, kind: str) -> str:
    """Personal data again, "" when it has gone."""
    found = work.tools.book.reveal(f"{trade}:{kind}", kind)
    return found.decode("utf-8") if found is not None else ""


def price_book(work: Work) -> PriceBook:
    """The one in force. :class:`Refused` "no_price_book"."""
    book = work.tools.reference.price_book(work.now_ms)
    if book is None:
        raise Refused("no_price_book", "no price book is in force")
    return book


def begin(work: Work, command: c.TradeBegin) -> None:
    """A phone is laid on the counter."""
    staff = work.staff(Action.SIGN)
    price_book(work)
    trade = Trade(work.tools.new_id(), work.now_ms, work.now_ms, staff.staff, language=command.language[:2])
    item = Item(trade.trade, Category.PHONE, Hazard.NONE, 0, Place(Lodging.COUNTER), work.now_ms, trade.trade)
    work.commit(trade, item, notes=[work.note("trade.begun", trade.trade)])


def identify(work: Work, command: c.TradeIdentify) -> None:
    """Its IMEI, well formed and not in another live trade-in; whatever does not fit together is flagged."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    imei = parsed_imei(command.imei_dialled)
    if command.model not in price_book(work).models:
        raise Refused("model_unknown", f"no model {command.model[:64]!r}", {"model": command.model[:64]})
    digest, now_ms = work.tools.book.digest(imei), work.now_ms
    others = [one for one in work.tools.book.trades_of(digest) if one.trade != trade.trade]
    body: dict[str, object] = {"model": command.model, "imei_digest": Keyed(imei), "imei_end": imei[-4:]}
    stop = _known_already(others)
    if stop:
        stop_trade(work, trade, stop, body)
        return
    flags = _flags(work, command, imei)
    repeat = any(now_ms - one.since_ms < REPEAT_MS for one in others)
    serial = same_phone.serial_digest(work, command.serial)
    event = e.Identified(now_ms, command.model, digest, imei[-4:], _age_from(command), repeat, serial)
    after = STEP(trade, event)
    if flags:
        after = STEP(after, e.Flagged(now_ms, tuple(flag.rule for flag in flags)))
    after = _with_bay(work, after, command.bay)
    notes = [
        work.note("trade.identified", trade.trade, {**body, "repeat": repeat}),
        *_review(work, trade, flags),
    ]
    if repeat:
        notes.append(work.note("call.requested", trade.trade, {"screen": "repeat"}, "station"))
    work.commit(after, notes=notes, secrets=[secret(trade.trade, "imei", imei.encode())])


def _with_bay(work: Work, trade: Trade, bay: str) -> Trade:
    return replace(trade, bay=work.tools.shop.where(bay)) if bay else trade


def _known_already(others: list[Trade]) -> str:
    if any(one.state in LIVE for one in others):
        return "imei_live"
    return "imei_processed" if any(one.state is State.PROCESSED for one in others) else ""


def _flags(work: Work, command: c.TradeIdentify, imei: str) -> list[fraud.Flag]:
    if command.imei_label:
        well_formed(command.imei_label)
    today = work.tools.shop.today(work.now_ms)
    days = [_day(text) for text in (command.invoice_date, command.made, command.first_use)]
    found = [fraud.identity("", command.imei_label, imei), fraud.invoice(days[0], days[1], days[2], today)]
    return [flag for flag in found if flag is not None]


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise Refused("date_unreadable", f"not a date: {text[:20]!r}", {"text": text[:20]}) from exc


def _age_from(command: c.TradeIdentify) -> str:
    """The earliest that is known: an invoice that was made out later does not make a phone younger."""
    return min((day for day in (command.first_use, command.invoice_date, command.made) if day), default="")


def _review(work: Work, trade: Trade, flags: list[fraud.Flag]) -> list[Noted]:
    notes = [
        work.note("fraud.flagged", trade.trade, {"rule": flag.rule, "detail": flag.detail}) for flag in flags
    ]
    if flags:
        notes.append(work.note("trade.review", trade.trade, {"rules": [flag.rule for flag in flags]}))
    return notes


def flag_for_hq(work: Work, trade: Trade, flag: fraud.Flag | None) -> list[Noted]:
    """It goes on; headquarters looks at it."""
    return _review(work, trade, [flag])[:1] if flag is not None else []


def stop_trade(work: Work, trade: Trade, rule: str, body: dict[str, object] | None = None) -> None:
    """The trade-in ends; staff see the rule, the customer that a colleague will come."""
    notes = [
        work.note("trade.stopped", trade.trade, {"rule": rule, **(body or {})}),
        work.note("fraud.flagged", trade.trade, {"rule": rule}),
        work.note("call.requested", trade.trade, {"screen": "stopped"}, "station"),
    ]
    work.commit(STEP(trade, e.Stopped(work.now_ms, rule)), notes=notes)


# -- checks


def check(work: Work, command: c.TradeCheck) -> None:
    """Ask the register, then headquarters, and look at the phone where it is plugged in."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    if not MACHINE.may(trade.state, e.Checked):
        raise Refused("not_now", f"{trade.trade}: {trade.state}", {"state": trade.state.value})
    if command.lock_seen not in LOCKS:
        raise Refused("lock_unknown", f"{command.lock_seen[:20]!r} is no kind of lock")
    imei = reveal(work, trade.trade, "imei")
    if trade.bay:
        bay_lease.take(work, trade.bay, trade.trade)

    def then(outcome: Outcome) -> None:
        bay_lease.let_go(work, trade.bay, trade.trade)
        if outcome.error is not None:
            raise Refused("check_failed", str(outcome.error)[:200])
        _checked(work, work.memory.trade(trade.trade), outcome.value)

    work.run("checking", trade.trade, lambda: asked(work, trade, imei, command.lock_seen), then)


def asked(work: Work, trade: Trade, imei: str, lock: str) -> LockCheck:
    """What all of them say; runs beside the worker and touches nothing of it."""
    tools = work.tools
    register, source = tools.register.look(imei) if tools.register else ("unknown", "")
    claim = "offline"
    if register == "clean" and tools.claims is not None:
        claim = tools.claims.claim(imei, trade.trade)
    phone, serial = same_phone.asked(work, trade, imei)
    return LockCheck(register, source[:80], claim, phone, lock, tools.clock.wall_ms(), serial)


def _checked(work: Work, trade: Trade, found: LockCheck) -> None:
    stop = "blacklisted" if found.register == "blacklisted" else ""
    stop = stop or (f"claim_{found.claim}" if found.claim in ("elsewhere", "processed") else "")
    stop = stop or ("imei_usb_differs" if found.phone == "differs" else "")
    if stop:
        stop_trade(work, trade, stop)
        return
    if found.register != "clean":
        raise Refused("register_unknown", f"{trade.trade}: the register did not answer")
    body = {
        "register": found.register,
        "claim": found.claim,
        "phone": found.phone,
        "lock": found.lock,
        "provisional": found.claim == "offline",
    }
    work.commit(
        STEP(trade, e.Checked(work.now_ms, found)), notes=[work.note("trade.cleared", trade.trade, body)]
    )


# -- inspection


def photo(work: Work, command: c.TradePhoto) -> None:
    """One photo; its bytes are personal data."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    camera = work.tools.camera
    if command.side not in SIDES:
        raise Refused("photo_side", f"{command.side[:20]!r} is no side of a phone")
    if camera is None:
        raise Refused("camera_missing", "this counter has no camera")
    if not MACHINE.may(trade.state, e.Photographed):
        raise Refused("not_now", f"{trade.trade}: {trade.state}", {"state": trade.state.value})
    work.run("photo", trade.trade, camera.take, _photographed(work, trade.trade, command.side))


def _photographed(work: Work, trade_id: str, side: str) -> Callable[[Outcome], None]:
    def then(outcome: Outcome) -> None:
        if outcome.error is not None:
            raise Refused(outcome.reason or "camera_missing", str(outcome.error)[:200])
        data: bytes = outcome.value
        if len(data) > MAX_PHOTO_BYTES:
            raise Refused("camera_garbage", f"{len(data)} bytes are no photo")
        trade = work.memory.trade(trade_id)
        digest = work.tools.book.digest(hashlib.sha256(data).hexdigest())
        if work.tools.book.photo_seen(digest, trade_id):
            flag = fraud.Flag("photo_reused", fraud.Action.AGAIN)
            work.commit(notes=_review(work, trade, [flag])[:1])
            raise Refused("photo_reused", f"{trade_id}: this photo was used before")
        after = STEP(trade, e.Photographed(work.now_ms, Photo(side, digest)))
        things = () if any(one.digest == digest for one in trade.photos) else (digest,)
        seen = [PhotoSeen(one, trade_id, work.now_ms) for one in things]
        work.commit(after, *seen, secrets=[secret(trade_id, f"photo_{side}", data)])

    return then


def inspect(work: Work, command: c.TradeInspect) -> None:
    """Answers and mass in, grade out, by rule."""
    staff = work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    seen, model_g = _inspection(work, trade, command, staff.staff)
    after = STEP(trade, e.Inspected(work.now_ms, seen))
    flag = fraud.mass(seen.mass_g, model_g)
    news = [flag] if flag is not None and flag.rule not in trade.flags else []
    if news:
        after = STEP(after, e.Flagged(work.now_ms, tuple(one.rule for one in news)))
    body = {
        "grade": seen.grade,
        "rules": seen.rules,
        "deductions": list(seen.deductions),
        "mass_g": seen.mass_g,
        "photos": len(trade.photos),
        "answers_digest": seen.digest,
    }
    item = weighed(work.memory.item(trade.trade), seen.mass_g, work.now_ms)
    notes = [work.note("trade.inspected", trade.trade, body), *_review(work, trade, news)]
    work.commit(after, replace(item, hazard=seen.hazard), notes=notes)
    if news:
        values = {"mass_g": seen.mass_g, "model_g": model_g}
        raise Refused("mass_off", f"{trade.trade}: {news[0].detail}", values)


def _inspection(work: Work, trade: Trade, command: c.TradeInspect, by: str) -> tuple[Inspection, int]:
    """With the model's mass in g, which also stands where nothing can be weighed."""
    grading = rules.grade(command.answers)
    model = price_book(work).models.get(trade.model)
    mass_g = model_g = model.mass_g if model else 0
    if command.weigh and work.tools.dock is not None:
        mass_g = dock_orders.scale_g(dock_orders.dock_of(work)[1])
    digest = hashlib.sha256(json.dumps(sorted(command.answers.items())).encode()).hexdigest()[:32]
    seen = Inspection(
        dict(command.answers),
        digest,
        grading.grade.value,
        grading.deductions,
        grading.rules,
        mass_g,
        grading.hazard,
        by,
        work.now_ms,
    )
    return seen, model_g
