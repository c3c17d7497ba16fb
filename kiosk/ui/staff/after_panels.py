"""Seal, settlement, shelf: panels of a trade-in after its erasing. Values only."""

from __future__ import annotations

from kiosk.flow.counter.view import QuoteView
from kiosk.ui.staff.figures import money
from kiosk.ui.staff.panel import (
    Bill,
    Block,
    Code,
    Deed,
    Head,
    Keypad,
    Line,
    Panel,
    Slots,
    Strip,
    Sum,
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips


def provisional(scene: Scene) -> tuple[Block, ...]:
    """Headquarters has not answered yet: nothing is paid."""
    say = scene.say
    if not scene.trade.provisional:
        return ()
    return (Strip(say("staff.provisional.what"), say("staff.provisional.next"), "do", "clock"),)


def seal(scene: Scene) -> Panel:
    """What the second look found, and the bag's number."""
    say = scene.say
    return Panel(
        lead=(
            Head(say("seal.title"), say("seal.body")),
            *strips(scene),
            Slots((slot(scene, "seal", hint=say("seal.hint")),)),
        ),
        side=_certificate(scene),
        pad=(Keypad(letters=True),),
        deeds=(deed(scene, "seal", say("seal.go"), touch("seal"), "check"), back(scene)),
    )


def _certificate(scene: Scene) -> tuple[Block, ...]:
    say, trade = scene.say, scene.trade
    erasure = trade.erasure
    if trade.state == "destroy":
        return (Strip(say("erase.destroy"), say("erase.destroy_next"), "do", "alert"),)
    sure = erasure.state != "warning"
    head = Strip(
        say("erase.certified" if sure else "erase.warning"),
        say("erase.certificate", number=trade.certificate) if trade.certificate else "",
        "safe" if sure else "do",
        "check-circle" if sure else "alert",
    )
    facts = [
        Line(say("erase.method"), say.either(f"erase.by.{erasure.method}", "erase.by.other")),
        Line(
            say("erase.level"), say.either(f"erase.verified.{erasure.verification}", "erase.verified.other")
        ),
    ]
    if erasure.files_before is not None and erasure.files_after is not None:
        facts.append(Line(say("erase.files"), f"{erasure.files_before:,} → {erasure.files_after:,}"))
    if erasure.wizard is not None:
        facts.append(Line(say("erase.wizard"), say("erase.seen" if erasure.wizard else "erase.not_seen")))
    return head, Bill(tuple(facts))


def settle(scene: Scene) -> Panel:
    """Pay what was agreed; then money, or the new phone, changes hands."""
    say, trade = scene.say, scene.trade
    quoted = trade.quote or QuoteView()
    cash = "CashHanded" in trade.next if trade.next else trade.settlement in ("intended", "waiting")
    if cash:
        words = say("settle.received" if quoted.to_pay_fen else "settle.given")
        main = deed(scene, "cash", words, touch("cash", quoted.to_pay_fen), "check")
    else:
        main = deed(scene, "settle", say("settle.go"), touch("settle"), "arrow-right", not trade.provisional)
    instead = _instead(scene, quoted)
    unknown = (Strip(say("settle.unknown"), say("settle.unknown_next"), "do", "timer-sand"),)
    typed = bool(quoted.to_pay_fen) and cash
    return Panel(
        lead=(
            Head(say("settle.title"), scene.model(trade)),
            *provisional(scene),
            *(unknown if trade.settlement == "unknown" else ()),
            *strips(scene),
            _moved(scene, quoted),
            *((_received(scene, quoted),) if typed else ()),
        ),
        side=(*_bill(scene, quoted), *_voucher(scene)),
        pad=(Keypad(),) if typed else (),
        deeds=(main, *instead, back(scene)),
    )


def _instead(scene: Scene, quoted: QuoteView) -> tuple[Deed, ...]:
    """Another way to pay, once the agreed one was refused; a transfer only while the drawer lacks the cash."""
    say, trade, staff = scene.say, scene.trade, scene.desk.view.staff
    reason = trade.said.reason if trade.said is not None else ""
    if reason == "payment_refused":
        return (other("by_cash", say("settle.by_cash"), touch("settle", "cash")),)
    if reason != "cash_short" or trade.payout != "cash" or staff is None:
        return ()
    if staff.cash_fen >= quoted.payout_fen:
        return ()
    return (other("by_transfer", say("settle.by_transfer"), touch("settle", "transfer"), "arrow-right"),)


def _moved(scene: Scene, quoted: QuoteView) -> Sum:
    """What changes hands: a credit that a new phone has used up is no money."""
    if quoted.to_pay_fen:
        return Sum(money(quoted.to_pay_fen), scene.say("settle.receive"))
    if quoted.voucher_fen:
        return Sum(money(quoted.voucher_fen), scene.say("offer.voucher"))
    return Sum(money(quoted.payout_fen), scene.say("settle.give"))


def _received(scene: Scene, quoted: QuoteView) -> Slots:
    text = scene.text("received")
    shown = money(scene.desk.draft.yuan("received")) if text else money(quoted.to_pay_fen)
    change = max(0, scene.desk.draft.yuan("received") - quoted.to_pay_fen) if text else 0
    hint = scene.say("settle.change", change=money(change)) if change else scene.say("settle.exact")
    return Slots((slot(scene, "received", shown=shown, hint=hint),))


def _bill(scene: Scene, quoted: QuoteView) -> tuple[Block, ...]:
    say = scene.say
    lines = [Line(say("staff.quote.price"), money(quoted.price_fen))]
    if quoted.new_price_fen:
        lines.append(Line(say("offer.new_price"), money(quoted.new_price_fen)))
    if quoted.to_pay_fen:
        lines.append(Line(say("offer.to_pay"), money(quoted.to_pay_fen), strong=True))
    if quoted.payout_fen:
        lines.append(Line(say("offer.payout"), money(quoted.payout_fen), strong=True))
    if quoted.voucher_fen:
        lines.append(Line(say("offer.voucher"), money(quoted.voucher_fen), strong=True))
    lines.append(Line(say("settle.seal"), scene.trade.seal))
    return (Bill(tuple(lines)),)


def _voucher(scene: Scene) -> tuple[Block, ...]:
    say, code = scene.say, scene.trade.voucher
    return (Code(code, say("settle.voucher"), say("settle.voucher_more")),) if code else ()


def hold(scene: Scene) -> Panel:
    """Onto the shelf for thirty days; after that asked about once more, and into a bin."""
    say, trade = scene.say, scene.trade
    if trade.state == "settled":
        return Panel(
            lead=(
                Head(say("hold.title"), scene.model(trade)),
                *strips(scene),
                quiet(say("hold.body")),
                Slots((slot(scene, "shelf", hint=say("hold.hint")),)),
            ),
            side=_voucher(scene),
            pad=(Keypad(letters=True),),
            deeds=(deed(scene, "hold", say("hold.go"), touch("hold"), "check"), back(scene)),
        )
    place = trade.place.partition(":")[2]
    left = trade.hold_days_left or 0
    if trade.state == "held":
        act = deed(scene, "release", say("hold.release"), touch("release"), "check", left <= 0)
        days = say("staff.hold.left", n=left) if left > 0 else say("hold.over")
        return Panel(
            lead=(
                Head(scene.model(trade), say("hold.place", n=place)),
                *strips(scene),
                Sum(days, say("hold.days")),
            ),
            deeds=(act, back(scene)),
        )
    tiles = tuple(
        Tile(
            f"into_{one.number}",
            say("bins.number", n=one.number),
            touch("put_into", one.number),
            f"{one.fill_percent}%",
        )
        for one in scene.desk.view.bins
        if one.category == "phone" and one.state == "open"
    )
    return Panel(
        lead=(
            Head(scene.model(trade), say("hold.place", n=place)),
            *strips(scene),
            Tiles(tiles, say("hold.which"), 2),
        ),
        deeds=(back(scene),),
    )
