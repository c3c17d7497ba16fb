"""The offer, consents and signature: panels for the customer. They read nothing of flags, checks or rules."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import QuoteView
from kiosk.ui.staff.figures import money, spaced
from kiosk.ui.staff.panel import (
    Block,
    Deed,
    Head,
    Ink,
    Keypad,
    Panel,
    Segment,
    Slot,
    Slots,
    Sum,
    Tick,
    Tile,
    touch,
)
from kiosk.ui.staff.quote_panels import split
from kiosk.ui.staff.scene import Scene, deed, other, slot, strips

CONSENTS: Final = ("owner", "cards_out", "accounts_off", "erasure", "no_return", "price")
"""In the order a customer reads them; a test holds them to the flow's own list."""
CONSENT_WORDS: Final = "consent."  # every string a customer agrees to here
ID_KINDS: Final = ("id_card", "passport", "other")
TYPE: Final = "type_in"


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
            *split(scene, quoted),
        ),
        side=(*strips(scene), *ticks, backup),
        deeds=(
            deed(scene, "to_signing", say("offer.agree"), touch("to_signing", CONSENTS), "arrow-right"),
            other("offer_decline", say("offer.decline"), touch("decline"), "close-circle"),
            other("turn_back", say("offer.staff"), touch("turn_back"), "lock"),
        ),
        under="left",
    )


def sign(scene: Scene) -> Panel:
    """For the customer: id, how the money comes, signature."""
    say, trade, draft = scene.say, scene.trade, scene.desk.draft
    quoted = trade.quote or QuoteView()
    usual = "top_up" if quoted.new_price_fen else "cash"
    kinds = Segment("id_kind", say("offer.id_kind"), tuple(_kind(scene, one) for one in ID_KINDS))
    number = slot(
        scene, "id_number", shown=_masked(scene.text("id_number")), hint=say("offer.id_hint"), act=TYPE
    )
    go = touch("accept", say.fingerprint(CONSENT_WORDS), CONSENTS, usual)
    keys: tuple[Block, ...] = (Ink(draft.strokes, say("offer.sign_here")),)
    deeds: tuple[Deed, ...] = (
        deed(scene, "accept", say("offer.accept"), go, "check"),
        other("type_id", say("offer.type_id"), touch(TYPE, "id_number"), "account"),
        other("sign_again", say("offer.sign_again"), touch("sign_again"), "backup-restore"),
        other("sign_back", say("staff.back"), touch("step", ""), "arrow-left"),
    )
    typing = draft.choice("typing") == "yes"
    if typing:
        keys = (Keypad(letters=draft.focus != "phone_number"),)
        deeds = (deed(scene, "typed", say("offer.type_done"), touch("typed_in"), "check"),)
    fields = (Slots((number,)), Slots((_phone(scene, usual),)))
    chosen: tuple[Block, ...] = (kinds, *(() if usual == "top_up" else (_payouts(scene, usual),)), *fields)
    if typing:  # on a low screen what is typed must not lie below its edge
        chosen = fields[::-1] if draft.focus == "phone_number" else fields
    return Panel(
        lead=(
            Head(say("offer.sign_title"), say("offer.sign_body", price=money(quoted.price_fen)), large=True),
            *strips(scene),
            *chosen,
        ),
        pad=keys,
        deeds=deeds,
    )


def _phone(scene: Scene, usual: str) -> Slot:
    """Asked for where a transfer may be refused and somebody has to be told; else as the customer likes."""
    wanted = scene.desk.draft.choice("payout", usual) == "transfer"
    hint = scene.say("offer.phone_wanted" if wanted else "offer.phone_free")
    return slot(scene, "phone_number", shown=_masked(scene.text("phone_number")), hint=hint, act=TYPE)


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
