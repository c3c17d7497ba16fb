"""The counter as its screens see it, made from what is in memory. It asks nobody and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.flow.counter import dock_orders, slip_desk, staffing, stock_view, till
from kiosk.flow.counter.next_steps import next_steps
from kiosk.flow.counter.view import (
    CounterView,
    DropView,
    ErasureView,
    LineView,
    QuestionView,
    QuoteView,
    ReceiptView,
    Said,
    StaffView,
    TradeView,
)
from kiosk.flow.counter.work import Work
from recycling import drop_off as d
from recycling import impact
from recycling.erasure import ATTEMPTS, Erasure
from recycling.imei import DIGITS
from recycling.inspection import QUESTIONS
from recycling.settlement import State as Payment
from recycling.trade import DAY_MS, State, Trade
from service.technician import days_left


def view(work: Work, done_ticket: int) -> CounterView:
    """Everything at this moment."""
    memory = work.memory
    drop = max(memory.drops.values(), key=lambda one: one.began_ms, default=None)
    trades = sorted(memory.trades.values(), key=lambda one: one.began_ms, reverse=True)
    return CounterView(
        drop=_drop(work, drop) if drop else None,
        staff=_staff(work),
        login_wait_s=staffing.wait(work),
        trades=tuple(_trade(work, trade) for trade in trades),
        bins=tuple(
            stock_view.bin(work, one) for one in sorted(memory.bins.values(), key=lambda found: found.bin)
        ),
        manifests=tuple(
            stock_view.manifest(work, one)
            for one in sorted(memory.manifests.values(), key=lambda found: found.began_ms, reverse=True)
        ),
        items=stock_view.items(work),
        processors=stock_view.processors(work),
        troubles=tuple(work.troubles.values()),
        dock=work.tools.dock is not None,
        trading=work.prices is not None,
        busy=next((what for subject, what in work.busy.items() if subject in memory.trades), ""),
        said=_said(work, done_ticket),
        done_ticket=done_ticket,
        waiting_slips=sum(1 for slip in memory.slips.values() if slip.state == "waiting"),
    )


def _said(work: Work, done_ticket: int) -> Said | None:
    """To the last command about what shows no words of its own: a manifest, a bin, an item, nothing in particular."""
    own = work.memory.trades.keys() | work.memory.drops.keys()
    others = [
        one for subject, one in work.said.items() if subject not in own and one.ticket >= max(1, done_ticket)
    ]
    return work.said.get("") or max(others, key=lambda one: one.ticket, default=None)


def _drop(work: Work, drop: d.Drop) -> DropView:
    facts = work.facts
    mass_g, scale = drop.mass_g or None, "empty"
    if facts is not None:
        seen = facts.scale
        scale = "trouble" if seen.trouble else "stable" if seen.stable else "settling"
        if scale == "stable" and seen.mass_g <= 0:
            scale = "empty"
        if drop.state is d.State.WEIGH:
            mass_g = seen.mass_g if seen.mass_g > 0 else None
    one = dock_orders.bin_facts(facts, drop.bin)
    return DropView(
        drop.drop,
        drop.state.value,
        drop.language,
        drop.category.value if drop.category else "",
        drop.hazard.value,
        mass_g,
        scale,
        drop.bin,
        _door(drop, one.lock if one else "", one.flap if one else ""),
        _receipt(work, drop),
        work.said.get(drop.drop),
        _seconds_left(work, drop),
    )


def _door(drop: d.Drop, lock: str, flap: str) -> str:
    if not drop.bin or not lock:
        return ""
    if "jammed" in (lock, flap):
        return "jammed"
    if flap == "open":
        return "open"
    if drop.state is d.State.RECEIPT:
        return "closed"
    return lock


def _seconds_left(work: Work, drop: d.Drop) -> int | None:
    intent = work.memory.intent_for(drop.item, "flap") if drop.state is d.State.DEPOSIT else None
    ordered_ms = work.ordered_ms.get(intent.intent) if intent else None
    if ordered_ms is None:
        return None
    return max(0, 30 - (work.mono_ms - ordered_ms) // 1000)


def _receipt(work: Work, drop: d.Drop) -> ReceiptView | None:
    if not drop.items:
        return None
    items = [item for item in work.memory.items.values() if item.drop == drop.drop]
    source = impact.total(impact.kept(item.category, item.mass_g) for item in items).source
    printed = work.memory.printed.get(drop.drop, "")
    code = slip_desk.drop_code(work, drop)
    return ReceiptView(drop.items, drop.total_g, drop.kept_g, source, code, printed)


def _staff(work: Work) -> StaffView | None:
    technician, shift = work.desk.technician, work.memory.shift
    if technician is None:
        return None
    return StaffView(
        technician.staff,
        technician.name,
        technician.role.value,
        days_left(technician, work.tools.shop.today(work.now_ms)),
        shift.shift if shift else "",
        shift.opened_ms if shift else 0,
        till.cash_fen(work),
        staffing.wait(work, technician.staff),
        work.desk.back_ticket,
    )


def _trade(work: Work, trade: Trade) -> TradeView:
    inspection = trade.inspection
    erasure = work.memory.erasures.get(trade.trade)
    item = work.memory.items.get(trade.trade)
    model = work.prices.models.get(trade.model) if work.prices else None
    hidden = f"{'•' * (DIGITS - 4)}{trade.imei_end}" if trade.imei_end else ""
    return TradeView(
        trade=trade.trade,
        state=trade.state.value,
        language=trade.language,
        model=trade.model,
        model_names=model.names if model else {},
        imei=trade.imei or hidden,
        checks=_checks(trade),
        provisional=trade.provisional,
        flags=trade.flags,
        stopped=trade.stopped,
        questions=_questions(trade),
        photos=tuple(photo.side for photo in trade.photos),
        mass_g=inspection.mass_g if inspection else None,
        grade=inspection.grade if inspection else "",
        quote=_quote(trade),
        payout=trade.acceptance.payout if trade.acceptance else "",
        signed=trade.acceptance is not None,
        erasure=_erasure(work, erasure) if erasure else ErasureView(),
        certificate=trade.certificate,
        seal=trade.seal,
        settlement=_settlement(work, trade),
        voucher=work.memory.vouchers.get(trade.trade, ""),
        place=str(item.place) if item else "",
        hold_days_left=_days_left(work, trade),
        since_ms=trade.since_ms,
        repeat=trade.repeat,
        next=next_steps(work, trade),
        said=work.said.get(trade.trade),
    )


def _checks(trade: Trade) -> Mapping[str, str]:
    check = trade.check
    if check is None:
        return {}
    return {"register": check.register, "claim": check.claim, "phone": check.phone, "lock": check.lock}


def _questions(trade: Trade) -> tuple[QuestionView, ...]:
    """From the moment that it may be inspected."""
    inspection = trade.inspection
    if inspection is None and trade.state is not State.CLEARED:
        return ()
    given = inspection.answers if inspection else {}
    return tuple(QuestionView(one.key, one.answers, given.get(one.key, "")) for one in QUESTIONS)


def _days_left(work: Work, trade: Trade) -> int | None:
    if trade.state is not State.HELD:
        return None
    return max(0, -(-(trade.hold_until_ms - work.now_ms) // DAY_MS))


def _quote(trade: Trade) -> QuoteView | None:
    quote = trade.quote
    if quote is None:
        return None
    return QuoteView(
        quote.price_fen,
        tuple(LineView(line.key, line.amount_fen, line.bp) for line in quote.lines),
        quote.book,
        quote.good_until_ms,
        quote.new_price_fen,
        quote.to_pay_fen,
        quote.payout_fen,
        quote.voucher_fen,
        bool(trade.flags) or quote.needs_second,
        trade.approved_by,
    )


def _erasure(work: Work, erasure: Erasure) -> ErasureView:
    step, percent = work.progress.get(erasure.trade, ("", 0))
    return ErasureView(
        erasure.state.value,
        erasure.method,
        step,
        percent,
        max(1, erasure.attempt),
        ATTEMPTS,
        erasure.files_before,
        erasure.files_after,
        erasure.wizard,
        erasure.verification,
        erasure.bay,
    )


def _settlement(work: Work, trade: Trade) -> str:
    found = work.memory.settlement(trade.trade)
    if found is None:
        return "waiting" if trade.state is State.SEALED and trade.provisional else ""
    return {Payment.PAID: "paid", Payment.UNKNOWN: "unknown"}.get(found.state, "intended")
