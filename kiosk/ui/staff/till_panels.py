"""Shift close and vouchers: panels of money that stays or comes in. Values only."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kiosk.ui.staff.draft import NOTES_FEN
from kiosk.ui.staff.figures import money
from kiosk.ui.staff.panel import (
    Bill,
    Block,
    Deed,
    Head,
    Keypad,
    Line,
    Panel,
    Segment,
    Slot,
    Slots,
    Strip,
    Sum,
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips

REASONS: Final = ("change", "unbooked", "unknown")
CASH_REASONS: Final = {"in": ("float", "coins", "mistake"), "out": ("safe", "bank", "mistake")}
"""Why cash goes in or out that no trade-in moves."""


def shift(scene: Scene) -> Panel:
    """Counted by notes and coins before the book is shown; a difference needs a reason and a second person."""
    if scene.desk.draft.choice("counted") == "yes":
        return _difference(scene)
    say, draft = scene.say, scene.desk.draft
    slots = tuple(
        Slot(
            f"note_{note}",
            money(note),
            draft.text(f"note_{note}"),
            draft.focus == f"note_{note}",
            say("shift.count") if draft.focus == f"note_{note}" else "",
        )
        for note in NOTES_FEN
    )
    return Panel(
        lead=(
            Head(say("shift.title"), say("shift.body")),
            *strips(scene),
            Slots(slots),
            Bill((Line(say("shift.sum"), money(draft.counted_fen()), strong=True),)),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "close_shift", say("shift.close"), touch("close_shift"), "check"),
            other("tab_cash", say("cash.open"), touch("go", "cash"), "cash-multiple"),
            back(scene),
        ),
    )


def _difference(scene: Scene) -> Panel:
    say, draft, staff = scene.say, scene.desk.draft, scene.desk.view.staff
    expected = staff.cash_fen if staff else 0
    counted = draft.counted_fen()
    tiles = tuple(
        Tile(
            f"because_{name}",
            say(f"shift.because.{name}"),
            touch("choose", "difference", name),
            chosen=draft.choice("difference") == name,
        )
        for name in REASONS
    )
    return Panel(
        lead=(
            Head(say("shift.differs"), say("shift.differs_body")),
            *strips(scene),
            Bill(
                (
                    Line(say("shift.counted"), money(counted)),
                    Line(say("shift.expected"), money(expected)),
                    Line(say("shift.difference"), money(counted - expected), strong=True, mood="do"),
                )
            ),
        ),
        side=(Tiles(tiles, say("shift.why"), 1),),
        deeds=(
            deed(
                scene,
                "ask_second",
                say("staff.quote.second"),
                touch("ask_second", "difference"),
                "account-multiple",
                bool(draft.choice("difference")),
            ),
            other("recount", say("shift.recount"), touch("choose", "counted", "no"), "backup-restore"),
        ),
    )


def cash(scene: Scene) -> Panel:
    """Cash put in, or taken to the safe: how much, why, and who else has counted it."""
    say, draft = scene.say, scene.desk.draft
    way = draft.choice("way")
    ways = Segment(
        "way",
        say("cash.way"),
        tuple(
            Tile(f"cash_{one}", say(f"cash.{one}"), touch("cash_way", one), chosen=way == one)
            for one in CASH_REASONS
        ),
    )
    reasons = tuple(
        Tile(
            f"cash_why_{one}",
            say(f"cash.why.{one}"),
            touch("choose", "cash_reason", one),
            chosen=draft.choice("cash_reason") == one,
        )
        for one in CASH_REASONS.get(way, ())
    )
    amount = money(draft.yuan("cash_amount")) if scene.text("cash_amount") else ""
    return Panel(
        lead=(
            Head(say("cash.title"), say("cash.body")),
            *_booked(scene),
            *strips(_at_the_till(scene)),
            ways,
            *((Tiles(reasons, say("shift.why"), 3),) if reasons else ()),
            Slots((slot(scene, "cash_amount", shown=amount),)),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "change_cash", say("staff.quote.second"), touch("change_cash"), "account-multiple"),
            back(scene, "shift"),
        ),
    )


def _at_the_till(scene: Scene) -> Scene:
    """What is taken out is no payout: there is no other way for it."""
    said = scene.desk.said
    if said is None or said.reason != "cash_short":
        return scene
    return replace(scene, desk=replace(scene.desk, said=replace(said, reason="cash_over")))


def _booked(scene: Scene) -> tuple[Block, ...]:
    say, draft = scene.say, scene.desk.draft
    way, staff = draft.choice("booked"), scene.desk.view.staff
    if way not in CASH_REASONS or staff is None:
        return ()
    words = say(f"cash.booked_{way}", amount=money(int(draft.choice("booked_yuan", "0")) * 100))
    return (Strip(words, say("cash.holds", amount=money(staff.cash_fen)), "safe", "check-circle"),)


def voucher(scene: Scene) -> Panel:
    """A voucher's code is scanned; the bill it goes towards is typed."""
    say, draft = scene.say, scene.desk.draft
    code = scene.text("code")
    read: tuple[Block, ...] = ()
    if code:
        read = (Strip(say("voucher.read"), "", "plain", "information"),)
    elif draft.choice("redeemed") == "yes":
        read = (Strip(say("voucher.redeemed"), say("voucher.redeemed_more"), "safe", "check-circle"),)
    deeds: tuple[Deed, ...] = (
        deed(scene, "redeem", say("voucher.go"), touch("redeem"), "check"),
        back(scene),
    )
    return Panel(
        lead=(
            Head(say("voucher.title"), say("voucher.body")),
            *strips(scene),
            *read,
            Slots(
                (slot(scene, "amount", shown=money(draft.yuan("amount")) if scene.text("amount") else ""),)
            ),
            quiet(say("voucher.rule")),
        ),
        side=(Sum(money(draft.yuan("amount")), say("voucher.bill")),) if scene.text("amount") else (),
        pad=(Keypad(),),
        deeds=deeds,
    )
