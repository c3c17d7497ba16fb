"""Which paper is owed, and getting it printed: now, or when the printer is back. Nothing is lost when it is off.

A slip that was being printed when the power went is printed again: one too many is harmless, one too few is not.
One that no printer can print is set aside until the next start; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from kiosk.flow.counter import slip_words, slips
from kiosk.flow.counter.slip_parts import Head, SlipLine
from kiosk.flow.counter.things import Noted, Slip
from kiosk.flow.counter.work import Outcome, Work
from recycling import impact
from recycling.custody import Item
from recycling.drop_off import Drop
from recycling.erasure import Erasure
from recycling.goods import Hazard
from recycling.manifest import Manifest
from recycling.settlement import Settlement
from recycling.trade import Trade

BUSY = "printer"
UNPRINTABLE = "slip_unprintable"
LOST = "printer_lost"
UNFORESEEN = "unforeseen"
LONGEST_PAUSE_S = 600.0


def head(work: Work) -> Head:
    """Where and when."""
    shop = work.tools.shop
    return Head(shop.station, work.now_ms, shop.zone, shop.hotline)


def code(work: Work, kind: str, *values: object) -> str:
    """What a QR code holds: version, kind, station and figures, as one line that the network's page can look up."""
    return " ".join(("PSS1", kind, work.tools.shop.station, *map(str, values)))


def drop_code(work: Work, drop: Drop) -> str:
    """The receipt as a code; on the screen, too."""
    return code(work, "D", drop.drop, drop.items, drop.total_g, drop.kept_g)


def owed(work: Work, what: str, subject: str, lines: Iterable[SlipLine]) -> Slip:
    """Paper to be committed together with what it tells."""
    return Slip(work.tools.new_id(), what, subject, tuple(lines), work.now_ms)


def drop_receipt(work: Work, drop: Drop, items: Sequence[Item]) -> Slip:
    """All that this person brought so far."""
    source = impact.total(impact.kept(item.category, item.mass_g) for item in items).source
    say = slip_words.say(drop.language)
    try:
        words = say(f"source.{source}")
    except KeyError:
        words = source
    receipt = slips.DropReceipt(
        head(work),
        drop.drop,
        tuple((item.category.value, item.mass_g) for item in items),
        drop.kept_g,
        words,
        drop_code(work, drop),
    )
    return owed(work, "drop_receipt", drop.drop, slips.drop_receipt(receipt, say))


def offer(work: Work, trade: Trade) -> Slip:
    """What is offered, to take along."""
    assert trade.quote is not None
    assert trade.inspection is not None
    quote = trade.quote
    lines = tuple((line.key, line.amount_fen, line.bp) for line in quote.lines)
    offered = slips.TradeOffer(
        head(work),
        trade.trade,
        model_name(work, trade),
        trade.imei_end,
        trade.inspection.grade,
        lines,
        quote.price_fen,
        quote.book,
        trade.inspection.rules,
        quote.good_until_ms,
        code(work, "O", trade.trade, quote.price_fen),
        quote.new_price_fen,
        quote.to_pay_fen,
        quote.payout_fen,
        quote.voucher_fen,
    )
    return owed(work, "offer", trade.trade, slips.trade_offer_slip(offered, slip_words.say(trade.language)))


def labels(work: Work, trade: Trade) -> list[Slip]:
    """Of the bag, and of its seal."""
    inspection = trade.inspection
    mass_g, grade = (inspection.mass_g, inspection.grade) if inspection else (0, "")
    state = "destroy" if trade.destroy else _cleared(work, trade)
    swollen = trade.hazard is Hazard.SWOLLEN
    say = slip_words.say("zh")
    bag = slips.TradeLabel(
        head(work), trade.trade, model_name(work, trade), trade.imei, mass_g, grade, state, swollen
    )
    seal = slips.SealLabel(head(work), trade.seal, trade.trade, model_name(work, trade), trade.imei_end)
    return [
        owed(work, "trade_label", trade.trade, slips.trade_label(bag, say)),
        owed(work, "seal_label", trade.trade, slips.seal_label(seal, say)),
    ]


def _cleared(work: Work, trade: Trade) -> str:
    """The bag says no more than the certificate does."""
    erasure = work.memory.erasures.get(trade.trade)
    return "erased" if erasure is not None and erasure.state.value == "certified" else "unconfirmed"


def settlement(
    work: Work, trade: Trade, paid: Settlement, received_fen: int, voucher: str, until_ms: int
) -> Slip:
    """What changed hands."""
    assert trade.quote is not None
    quote = trade.quote
    settled = slips.Settlement(
        head(work),
        trade.trade,
        model_name(work, trade),
        quote.price_fen,
        paid.method,
        code(work, "S", trade.trade, quote.price_fen),
        quote.new_price_fen,
        paid.amount_fen,
        received_fen,
        max(0, received_fen - paid.receive_fen),
        quote.voucher_fen,
        voucher,
        until_ms,
    )
    return owed(
        work, "settlement", trade.trade, slips.settlement_slip(settled, slip_words.say(trade.language))
    )


def erase_record(work: Work, trade: Trade, erasure: Erasure) -> slips.EraseRecord:
    """Everything the certificate states, for the slip and for the PDF."""
    warning = erasure.state.value == "warning"
    return slips.EraseRecord(
        certificate=erasure.certificate,
        trade=trade.trade,
        model=model_name(work, trade),
        serial=erasure.serial or trade.serial,
        imei=trade.imei,
        technique="fastboot_erase" if erasure.method == "fastboot_erase" else "factory_reset",
        outcome="warning" if warning else "certified",
        staff=erasure.staff,
        role=erasure.role,
        at_ms=erasure.at_ms,
        zone=work.tools.shop.zone,
        station=work.tools.shop.station,
        entry=code(work, "E", erasure.certificate, trade.trade),
        tool=work.tools.shop.tool,
        attempts=erasure.attempt,
        wizard=erasure.wizard,
        files_after=erasure.files_after,
    )


def certificate(work: Work, trade: Trade, erasure: Erasure) -> Slip:
    """In both languages."""
    lines = slips.erase_certificate_slip(
        erase_record(work, trade, erasure), slip_words.say("zh"), slip_words.say("en")
    )
    return owed(work, "certificate", trade.trade, lines)


def manifest_copies(work: Work, manifest: Manifest, record: slips.ManifestRecord) -> list[Slip]:
    """One for each party."""
    say = slip_words.say("zh")
    return [
        owed(work, "manifest", manifest.manifest, slips.manifest_slip(record, say, copy))
        for copy in ("customer", "station", "hq", "processor")
    ]


def shift(work: Work, record: slips.ShiftRecord, subject: str) -> Slip:
    """The count."""
    return owed(work, "shift", subject, slips.shift_slip(record, slip_words.say("zh")))


def model_name(work: Work, trade: Trade) -> str:
    """In the customer's language, by the price book; its key where no book knows it."""
    book = work.tools.reference.price_book(work.now_ms)
    found = book.models.get(trade.model) if book else None
    return found.names.get(trade.language, trade.model) if found else trade.model


# -- printing


def print_waiting(work: Work) -> None:
    """Ask the printer how it is, then print the oldest slip that waits, then the next. Without one they wait."""
    printer = work.tools.printer
    if printer is not None and BUSY not in work.busy and not work.stopping.is_set():
        work.run(BUSY, BUSY, printer.state, lambda outcome: _stated(work, outcome), waits=False)


def pause_s(work: Work) -> float:
    """Until a slip is tried again by the clock that a ready printer did not print: each try costs two entries, and
    paper where it was lost in the middle.
    """
    return min(LONGEST_PAUSE_S, work.tools.patience.retry_s * 2.0 ** min(work.prints_lost, 16))


def _stated(work: Work, outcome: Outcome) -> None:
    state = outcome.value if outcome.error is None else "off"
    if state not in ("ready", "paper_low"):
        _tried(work, "")  # somebody has it in hand, or will: it is no longer one that only seems ready
    for what in ("paper_low", "no_paper", "cover_open", "off"):
        work.trouble(f"printer_{what}", there=state == what)
    printer = work.tools.printer
    for begun in work.waiting_slips():
        if begun.state == "printing":  # nothing is, just now: what came of it could not be written down
            _wait(work, begun, "interrupted")
    waiting = [slip for slip in work.waiting_slips() if slip.state == "waiting"]
    # What failed for no known reason may fail again: it goes last, so that it keeps no other one waiting.
    slip = min(waiting, key=lambda slip: slip.why == UNFORESEEN, default=None)
    if slip is None or printer is None:
        return
    if state not in ("ready", "paper_low"):
        _wait(work, slip, f"printer_{state}")
        return
    printing = replace(slip, state="printing")
    work.commit(printing, notes=[_note(work, "print.intended", slip, {})])
    work.run(BUSY, BUSY, lambda: printer.print(slip.lines), _then(work, printing), waits=False)


def _then(work: Work, slip: Slip) -> Callable[[Outcome], None]:
    def then(outcome: Outcome) -> None:
        _tried(work, outcome.reason)
        if outcome.reason == UNPRINTABLE:
            _set_aside(work, slip)
        elif outcome.error is not None:
            _wait(work, slip, outcome.reason or "printer_off")
            if outcome.reason != UNFORESEEN:
                return
        else:
            work.commit(replace(slip, state="printed", why=""), notes=[_note(work, "print.done", slip, {})])
        if any(one.state == "waiting" and one.why != UNFORESEEN for one in work.waiting_slips()):
            print_waiting(work)

    return then


def _tried(work: Work, reason: str) -> None:
    failed = reason not in ("", UNPRINTABLE)
    work.prints_lost = work.prints_lost + 1 if failed else 0
    if reason == LOST or not failed:
        work.trouble(LOST, there=failed)


def _wait(work: Work, slip: Slip, why: str) -> None:
    """Said once for each cause: the printer is asked again every few seconds."""
    if slip.state == "waiting" and slip.why == why:
        return
    work.commit(
        replace(slip, state="waiting", why=why), notes=[_note(work, "print.waiting", slip, {"why": why})]
    )


def _set_aside(work: Work, slip: Slip) -> None:
    """The line was ready and the slip itself is the trouble: to send it again would keep the others waiting."""
    aside = replace(slip, state="aside", why=UNPRINTABLE)
    work.commit(aside, notes=[_note(work, "print.failed", slip, {"why": UNPRINTABLE})])
    work.trouble(UNPRINTABLE, there=True)


def again(work: Work) -> None:
    """After a restart: what was being printed is printed once more, and what was set aside is tried once more,
    by what may be another version of this program or another width of paper.
    """
    for slip in work.waiting_slips():
        if slip.state in ("printing", "aside"):
            _wait(work, slip, "interrupted")


def _note(work: Work, kind: str, slip: Slip, body: dict[str, object]) -> Noted:
    return work.note(kind, slip.subject, {"what": slip.what, **body}, "station")
