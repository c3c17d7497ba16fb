"""From a price to the customer's word: quote, second approval, offer, acceptance, or the phone goes back."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import cbor2

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import intake, slip_desk
from kiosk.flow.counter.staffing import second_of
from kiosk.flow.counter.things import Noted, Thing
from kiosk.flow.counter.work import Work
from kiosk.flow.effects import Keyed
from recycling import fraud, quote
from recycling import inspection as rules
from recycling import trade_events as e
from recycling.custody import Place, moved
from recycling.errors import Refused
from recycling.goods import Lodging
from recycling.price_book import PriceBook
from recycling.trade import Acceptance, Inspection, Quote, QuoteLine, Trade
from recycling.trade_in import MACHINE
from service.technician import Action

STEP = MACHINE.step
MONTH_MS = 30 * 86_400_000
WEEK_MS = 7 * 86_400_000
MAX_STROKES, MAX_POINTS, LEAST_POINTS = 200, 20_000, 8
MAX_TEXT = 40


def make_quote(work: Work, command: c.TradeQuote) -> None:
    """By the book in force, or staff's own price with a reason. A locked phone is taken for nothing."""
    staff = work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    if trade.inspection is None or not MACHINE.may(trade.state, e.Quoted):
        raise Refused("not_now", f"{trade.trade}: {trade.state}", {"state": trade.state.value})
    book = intake.price_book(work)
    price = _price(work, trade, trade.inspection, book, command)
    override = command.override_fen is not None
    split = quote.settle(command.new_price_fen, price.price_fen)
    now_ms, shop = work.now_ms, work.tools.shop
    made = Quote(
        price.price_fen,
        tuple(QuoteLine(line.key, line.amount_fen, line.bp) for line in price.lines),
        book.version,
        staff.staff,
        quote.good_until(now_ms, ZoneInfo(shop.zone), shop.closing),
        command.new_price_fen,
        split.to_pay_fen,
        split.payout_fen,
        split.voucher_fen,
        command.override_reason.strip()[:MAX_TEXT] if override else "",
        bool(trade.flags) or quote.needs_second(price.price_fen, override),
    )
    after = STEP(trade, e.Quoted(now_ms, made))
    body = {
        "price_fen": price.price_fen,
        "book": book.version,
        "override": override,
        "new_price_fen": command.new_price_fen,
    }
    notes = [work.note("trade.quoted", trade.trade, body)]
    if override:
        times = [*work.tools.book.override_times(staff.staff, now_ms - WEEK_MS), now_ms]
        notes += intake.flag_for_hq(work, trade, fraud.overrides(times, now_ms))
    work.commit(after, notes=notes)


def _price(work: Work, trade: Trade, seen: Inspection, book: PriceBook, command: c.TradeQuote) -> quote.Price:
    if trade.check is not None and trade.check.lock != "none":
        return quote.Price(0, (quote.Line("locked", 0),))
    if command.override_fen is not None:
        return quote.override(book, trade.model, command.override_fen, command.override_reason)
    today = work.tools.shop.today(work.now_ms)
    since = _first_day(trade, book)
    return quote.price(book, trade.model, quote.age_months(since, today), rules.grade(seen.answers))


def _first_day(trade: Trade, book: PriceBook) -> date:
    if trade.age_from:
        return date.fromisoformat(trade.age_from)
    model = book.models.get(trade.model)
    if model is None:
        raise Refused("model_unknown", f"the price book has no model {trade.model!r}", {"model": trade.model})
    return date(int(model.made_from[:4]), int(model.made_from[5:7]), 1)


def approve(work: Work, command: c.TradeApprove) -> None:
    """Another person, with the PIN, and never the quoter."""
    trade = work.memory.trade(command.trade)
    second = second_of(work, command.second, Action.APPROVE)
    after = STEP(trade, e.Approved(work.now_ms, second))
    work.commit(after, notes=[work.note("trade.approved", trade.trade, {"second": second})])


def offer(work: Work, command: c.TradeOffer) -> None:
    """Turn the screen; the price is printed to take along."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    after = STEP(trade, e.Offered(work.now_ms))
    assert after.quote is not None
    note = work.note("trade.offered", trade.trade, {"price_fen": after.quote.price_fen})
    work.commit(after, slip_desk.offer(work, after), notes=[note])
    slip_desk.print_waiting(work)


def decline(work: Work, command: c.TradeDecline) -> None:
    """The customer's own touch, or staff's for them."""
    trade = work.memory.trade(command.trade)
    after = STEP(trade, e.Declined(work.now_ms))
    if after is not trade:
        work.commit(after, notes=[work.note("trade.declined", trade.trade, {}, "customer")])


def give_back(work: Work, command: c.TradeReturn) -> None:
    """Back in its owner's hands; what was kept of its owner is forgotten at once."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    after = STEP(trade, e.Returned(work.now_ms))
    item = moved(work.memory.item(trade.trade), Place(Lodging.OWNER), work.now_ms)
    forget = tuple(f"{trade.trade}:{kind}" for kind in _kinds(trade)) if not trade.acceptance else ()
    work.commit(after, item, notes=[work.note("trade.returned", trade.trade)], forget=forget)
    work.said.pop(trade.trade, None)


def _kinds(trade: Trade) -> list[str]:
    return ["imei", *(f"photo_{photo.side}" for photo in trade.photos)]


def expire(work: Work) -> None:
    """Quotes whose day is over."""
    for trade in list(work.memory.trades.values()):
        over = trade.quote is not None and work.now_ms >= trade.quote.good_until_ms
        if over and MACHINE.may(trade.state, e.Expired):
            after = STEP(trade, e.Expired(work.now_ms))
            work.commit(after, notes=[work.note("trade.expired", trade.trade, {}, "station")])


# -- the customer's word


def accept(work: Work, command: c.TradeAccept) -> None:
    """The customer's own touch: consents, id, signature. From here on the phone may be erased."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    now_ms = work.now_ms
    number = _id_number(command.id_number)
    strokes = _signature(command)
    id_digest = work.tools.book.digest(number)
    given = Acceptance(
        command.consents,
        command.text_version[:MAX_TEXT],
        command.backup,
        command.id_kind,
        id_digest,
        work.tools.book.digest(strokes.hex()),
        command.payout,
        now_ms,
    )
    imei = intake.reveal(work, trade.trade, "imei")
    after = STEP(trade, e.Accepted(now_ms, given, imei))
    secrets = [
        intake.secret(trade.trade, "id_number", number.encode()),
        intake.secret(trade.trade, "signature", strokes),
    ]
    if command.phone_number:
        secrets.append(intake.secret(trade.trade, "phone_number", _phone(command.phone_number)))
    things: list[Thing] = [after]
    notes = [_accepted_note(work, after, given, number, strokes, imei), *_hq_flags(work, after, id_digest)]
    work.commit(*things, notes=notes, secrets=secrets)


def _accepted_note(
    work: Work, trade: Trade, given: Acceptance, number: str, strokes: bytes, imei: str
) -> Noted:
    assert trade.quote is not None
    body = {
        "imei": imei,
        "price_fen": trade.quote.price_fen,
        "consents": sorted(given.consents),
        "text_version": given.text_version,
        "backup": given.backup,
        "id_kind": given.id_kind,
        "id_digest": Keyed(number),
        "signature_digest": Keyed(strokes.hex()),
        "payout": given.payout,
        "provisional": trade.provisional,
    }
    return work.note("trade.accepted", trade.trade, body, "customer")


def _hq_flags(work: Work, trade: Trade, id_digest: str) -> list[Noted]:
    now_ms, shop = work.now_ms, work.tools.shop
    times = [*work.tools.book.id_times(id_digest, now_ms - MONTH_MS), now_ms]
    flags = (fraud.velocity(times, now_ms), fraud.odd_hours(now_ms, ZoneInfo(shop.zone), shop.hours))
    return [note for flag in flags for note in intake.flag_for_hq(work, trade, flag)]


def _id_number(text: str) -> str:
    """As on the document, without spaces. :class:`Refused` "id_unreadable"."""
    number = "".join(text.split()).upper()
    if not 4 <= len(number) <= 32 or not number.isascii() or not number.isalnum():
        raise Refused("id_unreadable", "an id number has 4 to 32 letters and digits")
    return number


def _phone(text: str) -> bytes:
    digits = "".join(one for one in text if one not in " -+")
    if not 5 <= len(digits) <= 15 or not digits.isascii() or not digits.isdecimal():
        raise Refused("phone_unreadable", "a phone number has 5 to 15 digits")
    return digits.encode()


def _signature(command: c.TradeAccept) -> bytes:
    """Strokes of points in 1/1000 of the field. :class:`Refused` "signature_missing" for a dot or a flood."""
    points = [point for stroke in command.signature for point in stroke]
    inside = all(
        len(point) == 2 and all(type(part) is int and 0 <= part <= 1000 for part in point) for point in points
    )
    if not LEAST_POINTS <= len(points) <= MAX_POINTS or len(command.signature) > MAX_STROKES or not inside:
        raise Refused("signature_missing", f"{len(points)} points are no signature")
    return cbor2.dumps([[list(point) for point in stroke] for stroke in command.signature])


def claims_again(work: Work) -> None:
    """Provisional trade-ins ask headquarters again, one at a time."""
    claims = work.tools.claims
    if claims is None:
        return
    for trade in list(work.memory.trades.values()):
        waiting = trade.provisional and trade.acceptance is not None
        if not waiting or not MACHINE.may(trade.state, e.ClaimAnswered) or trade.trade in work.busy:
            continue
        due_ms = work.asked_ms.get(trade.trade, -(10**9)) + int(1000 * work.tools.patience.ask_again_s)
        if work.mono_ms < due_ms:
            continue
        work.asked_ms[trade.trade] = work.mono_ms
        work.run(
            "claim",
            trade.trade,
            lambda trade=trade: claims.claim(trade.imei, trade.trade),  # type: ignore[misc]
            lambda outcome, trade=trade: _claimed(work, trade.trade, outcome.value),  # type: ignore[misc]
            waits=False,
        )


def _claimed(work: Work, trade_id: str, answer: str | None) -> None:
    trade = work.memory.trades.get(trade_id)
    if trade is None or answer in (None, "offline"):
        return
    after = STEP(trade, e.ClaimAnswered(work.now_ms, str(answer)))
    if after is trade:
        return
    notes = [work.note("trade.confirmed", trade_id, {"claim": str(answer)}, "station")]
    if after.stopped:
        notes = [
            work.note("trade.stopped", trade_id, {"rule": after.stopped}, "station"),
            work.note("fraud.flagged", trade_id, {"rule": after.stopped}, "station"),
        ]
    work.commit(after, notes=notes)
