"""Shift close and vouchers: panels of money that stays or comes in. Values only."""

from __future__ import annotations

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
        deeds=(deed(scene, "close_shift", say("shift.close"), touch("close_shift"), "check"), back(scene)),
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
