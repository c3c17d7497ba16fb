"""The price for staff: what it goes towards, the bill, the second approval, another price. Values only."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import LineView, QuoteView
from kiosk.ui.staff.figures import money, rate
from kiosk.ui.staff.panel import Bill, Block, Head, Keypad, Line, Panel, Slots, Strip, Sum, Tile, Tiles, touch
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips
from kiosk.ui.staff.trade_acts import wants_new

OVERRIDES: Final = ("condition", "market", "loyal", "mistake")


def quote(scene: Scene) -> Panel:
    """What it goes towards; then the bill, the second approval, and the turn to the customer."""
    trade = scene.trade
    if trade.quote is None:
        return _towards(scene)
    say, quoted = scene.say, trade.quote
    deeds = [
        back(scene),
        other("override", say("staff.quote.override"), touch("step", "override"), "settings"),
    ]
    waits = quoted.needs_approval and not quoted.approved_by
    if waits:
        main = deed(
            scene, "ask_second", say("staff.quote.second"), touch("ask_second", "approve"), "account-multiple"
        )
    else:
        main = deed(scene, "offer", say("staff.quote.offer"), touch("offer"), "hand-pointing-right")
    return Panel(
        lead=(
            Head(scene.model(trade), _grade(scene)),
            *_flags(scene),
            *strips(scene),
            Sum(money(quoted.price_fen), say("staff.quote.price")),
            *split(scene, quoted),
        ),
        side=(
            Bill(tuple(_line(scene, one) for one in quoted.lines), say("staff.quote.bill", book=quoted.book)),
            quiet(
                say("staff.quote.approved", by=quoted.approved_by)
                if quoted.approved_by
                else _why_second(scene, waits)
            ),
        ),
        deeds=(main, *deeds),
    )


def _why_second(scene: Scene, waits: bool) -> str:
    return scene.say("staff.quote.needs" if waits else "staff.quote.today")


def _grade(scene: Scene) -> str:
    say, trade = scene.say, scene.trade
    return say(f"staff.grade.{trade.grade}") if say.known(f"staff.grade.{trade.grade}") else ""


def _flags(scene: Scene) -> tuple[Block, ...]:
    say, trade = scene.say, scene.trade
    return tuple(
        Strip(
            say.either(f"staff.rule.{flag}", "staff.rule.other"), say("staff.quote.flag_next"), "do", "alert"
        )
        for flag in trade.flags
    )


def _towards(scene: Scene) -> Panel:
    say, draft, trade = scene.say, scene.desk.draft, scene.trade
    use = "top_up" if wants_new(draft) else "payout"
    tiles = tuple(
        Tile(
            f"use_{name}",
            say(f"staff.use.{name}"),
            touch("use", name),
            say(f"staff.use.{name}_more"),
            chosen=use == name,
        )
        for name in ("payout", "top_up")
    )
    field = Slots((slot(scene, "new_price", shown=_yuan(scene, "new_price"), hint=say("staff.use.hint")),))
    return Panel(
        lead=(
            Head(scene.model(trade), _grade(scene)),
            *_flags(scene),
            *strips(scene),
            Tiles(tiles, say("staff.use.title"), 2),
            field,
        ),
        pad=(Keypad(),),
        deeds=(deed(scene, "quote", say("staff.quote.go"), touch("quote"), "arrow-right"), back(scene)),
    )


def _yuan(scene: Scene, name: str) -> str:
    return money(scene.desk.draft.yuan(name)) if scene.text(name) else ""


def split(scene: Scene, quoted: QuoteView) -> tuple[Block, ...]:
    """What changes hands, as far as it does."""
    say, lines = scene.say, []
    if quoted.new_price_fen:
        lines.append(Line(say("offer.new_price"), money(quoted.new_price_fen)))
    for key, fen in (
        ("to_pay", quoted.to_pay_fen),
        ("payout", quoted.payout_fen),
        ("voucher", quoted.voucher_fen),
    ):
        if fen:
            lines.append(Line(say(f"offer.{key}"), money(fen), strong=True))
    return (Bill(tuple(lines)),) if lines else ()


def _line(scene: Scene, one: LineView) -> Line:
    words = scene.say.either(f"quote.line.{one.key}", "quote.line.other")
    if one.bp is not None:
        words = f"{words} · {rate(one.bp)}"
    return Line(words, money(one.amount_fen), strong=one.key in ("base", "override"))


def override(scene: Scene) -> Panel:
    """Staff's own price: a sum and a reason; a second person approves it."""
    say, draft = scene.say, scene.desk.draft
    tiles = tuple(
        Tile(
            f"why_{name}",
            say(f"staff.override.{name}"),
            touch("choose", "override_reason", name),
            chosen=draft.choice("override_reason") == name,
        )
        for name in OVERRIDES
    )
    return Panel(
        lead=(
            Head(say("staff.override.title"), say("staff.override.body")),
            *strips(scene),
            Slots((slot(scene, "override", shown=_yuan(scene, "override")),)),
            Tiles(tiles, say("staff.override.why"), 2),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "override_go", say("staff.override.go"), touch("override"), "check"),
            other("override_back", say("staff.back"), touch("step", ""), "arrow-left"),
        ),
    )
