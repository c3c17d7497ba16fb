"""The price for staff, and the offer, consents and signature for the customer. Values only.

The customer's panels read nothing of flags, checks or rules.
"""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import LineView, QuoteView
from kiosk.ui.staff.figures import money, rate, spaced
from kiosk.ui.staff.panel import (
    Bill,
    Block,
    Head,
    Ink,
    Keypad,
    Line,
    Panel,
    Segment,
    Slots,
    Strip,
    Sum,
    Tick,
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips

CONSENTS: Final = ("owner", "cards_out", "accounts_off", "erasure", "no_return", "price")
"""In the order a customer reads them; a test holds them to the flow's own list."""
CONSENT_WORDS: Final = "consent."  # every string a customer agrees to here
OVERRIDES: Final = ("condition", "market", "loyal", "mistake")
ID_KINDS: Final = ("id_card", "passport", "other")


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
            *_split(scene, quoted),
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
    use = draft.choice("use", "payout")
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
    field = (Slots((slot(scene, "new_price", shown=_yuan(scene, "new_price")),)),) if use == "top_up" else ()
    return Panel(
        lead=(
            Head(scene.model(trade), _grade(scene)),
            *_flags(scene),
            *strips(scene),
            Tiles(tiles, say("staff.use.title"), 2),
            *field,
        ),
        pad=(Keypad(),) if use == "top_up" else (),
        deeds=(deed(scene, "quote", say("staff.quote.go"), touch("quote"), "arrow-right"), back(scene)),
    )


def _yuan(scene: Scene, name: str) -> str:
    return money(scene.desk.draft.yuan(name)) if scene.text(name) else ""


def _split(scene: Scene, quoted: QuoteView) -> tuple[Block, ...]:
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


def offer(scene: Scene) -> Panel:
    """For the customer: how much, what becomes of the data, each consent by its own touch."""
    say, trade, draft = scene.say, scene.trade, scene.desk.draft
    quoted = trade.quote or QuoteView()
    ticks = tuple(
        Tick(f"consent_{one}", say(f"consent.{one}"), touch("tick", one), one in draft.ticks)
        for one in CONSENTS
    )
    backup = Segment(
        "backup",
        say("consent.backup"),
        tuple(
            Tile(
                f"backup_{one}",
                say(f"consent.backup_{one}"),
                touch("choose", "backup", one),
                chosen=draft.choice("backup") == one,
            )
            for one in ("done", "without")
        ),
    )
    return Panel(
        lead=(
            Head(say("offer.title"), say.pick(trade.model_names), large=True),
            Sum(money(quoted.price_fen), say("offer.today")),
            *_split(scene, quoted),
        ),
        side=(*strips(scene), *ticks, backup),
        deeds=(
            deed(scene, "to_signing", say("offer.agree"), touch("to_signing", CONSENTS), "arrow-right"),
            other("offer_decline", say("offer.decline"), touch("decline"), "close-circle"),
        ),
        under="left",
    )


def sign(scene: Scene) -> Panel:
    """For the customer: id, how the money comes, signature."""
    say, trade, draft = scene.say, scene.trade, scene.desk.draft
    quoted = trade.quote or QuoteView()
    usual = "top_up" if quoted.new_price_fen else "cash"
    kinds = Segment("id_kind", say("offer.id_kind"), tuple(_kind(scene, one) for one in ID_KINDS))
    text = scene.text("id_number")
    number = slot(scene, "id_number", shown=_masked(text), hint=say("offer.id_hint"))
    typing = draft.choice("typing") == "yes"
    keys: tuple[Block, ...] = (
        (Keypad(letters=True),) if typing else (Ink(draft.strokes, say("offer.sign_here")),)
    )
    swap = ("typing", "no", "offer.type_done") if typing else ("typing", "yes", "offer.type_id")
    version = say.fingerprint(CONSENT_WORDS)
    go = touch("accept", version, CONSENTS, usual)
    deeds = [deed(scene, "accept", say("offer.accept"), go, "check")]
    if typing:
        deeds = [deed(scene, "typed", say("offer.type_done"), touch("choose", "typing", "no"), "check")]
    else:
        deeds.append(other("type_id", say(swap[2]), touch("choose", *swap[:2]), "account"))
        deeds.append(other("sign_again", say("offer.sign_again"), touch("sign_again"), "backup-restore"))
        deeds.append(other("sign_back", say("staff.back"), touch("step", ""), "arrow-left"))
    payout = () if usual == "top_up" else (_payouts(scene, usual),)
    return Panel(
        lead=(
            Head(say("offer.sign_title"), say("offer.sign_body", price=money(quoted.price_fen)), large=True),
            *strips(scene),
            kinds,
            Slots((number,)),
            *payout,
        ),
        pad=keys,
        deeds=tuple(deeds),
    )


def _kind(scene: Scene, name: str) -> Tile:
    chosen = scene.desk.draft.choice("id_kind", "id_card") == name
    return Tile(f"id_{name}", scene.say(f"offer.id.{name}"), touch("choose", "id_kind", name), chosen=chosen)


def _payouts(scene: Scene, usual: str) -> Segment:
    chosen = scene.desk.draft.choice("payout", usual)
    return Segment(
        "payout",
        scene.say("offer.payout_by"),
        tuple(
            Tile(
                f"payout_{one}",
                scene.say(f"offer.by.{one}"),
                touch("choose", "payout", one),
                chosen=chosen == one,
            )
            for one in ("cash", "transfer")
        ),
    )


def _masked(text: str) -> str:
    """Passers-by read no id number: only its end is shown."""
    return spaced("•" * max(0, len(text) - 4) + text[-4:])


def handover(scene: Scene) -> Panel:
    """For the customer, whatever happened: a colleague goes on. No reason stands here."""
    say = scene.say
    declined = scene.trade.state == "declined"
    return Panel(
        lead=(
            Head(
                say("offer.kept" if declined else "offer.colleague"),
                say("offer.kept_more" if declined else "offer.colleague_more"),
                large=True,
            ),
        ),
        deeds=(other("turn_back", say("offer.staff_on"), touch("turn_back"), "account"),),
    )
