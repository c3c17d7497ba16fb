"""Every slip and label of the counter: plain values in, lines of paper out. Prints nothing and looks nothing up.

Amounts in fen, masses in g, times in UTC ms. ``say`` gives the words of one language (:mod:`.slip_words`).
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flow.counter.labels import (
    BinLabel,
    SealLabel,
    TradeLabel,
    bin_label,
    seal_label,
    shelf_label,
    trade_label,
)
from kiosk.flow.counter.paper_record import (
    EraseRecord,
    ManifestRecord,
    Say,
    erase_limits,
    erase_rows,
    erase_title,
    grams,
    local,
    manifest_rows,
    named,
    yuan,
)
from kiosk.flow.counter.slip_parts import CUT, RULE, SPACE, Head, Slip, SlipLine, pair

__all__ = [
    "BinLabel", "DropReceipt", "EraseRecord", "Head", "ManifestRecord", "SealLabel", "Settlement", "ShiftRecord",
    "Slip", "SlipLine", "TradeLabel", "TradeOffer", "bin_label", "drop_receipt", "erase_certificate_slip",
    "manifest_slip", "seal_label", "settlement_slip", "shelf_label", "shift_slip", "trade_label", "trade_offer_slip",
]  # fmt: skip


def _head(title: str, head: Head, say: Say) -> Slip:
    return (
        SlipLine("heading", title),
        pair(say("head.station"), head.station),
        pair(say("head.at"), local(head.at_ms, head.zone)),
        RULE,
    )


def _foot(head: Head, say: Say, code: str, number: str) -> Slip:
    lines = [RULE, SlipLine("small", number)] if number else [RULE]
    if code:
        lines += [SlipLine("qr", code), SlipLine("small", say("foot.check"))]
    if head.hotline:
        lines.append(SlipLine("small", f"{say('foot.hotline')} {head.hotline}"))
    return (*lines, CUT)


@dataclass(frozen=True, slots=True)
class DropReceipt:
    """A drop-off's receipt. ``items``: category and g of each; ``source``: name of the figure's source, in words."""

    head: Head
    drop: str
    items: tuple[tuple[str, int], ...]
    kept_g: int
    source: str
    code: str


def drop_receipt(receipt: DropReceipt, say: Say) -> Slip:
    """For whoever dropped something off; names nobody."""
    total_g = sum(mass_g for _, mass_g in receipt.items)
    return (
        *_head(say("drop.title"), receipt.head, say),
        *(pair(named(say, "category", category), grams(mass_g, say)) for category, mass_g in receipt.items),
        RULE,
        pair(say("drop.items"), say("unit.items").format(n=len(receipt.items))),
        pair(say("drop.mass"), grams(total_g, say)),
        pair(say("drop.kept"), grams(receipt.kept_g, say)),
        *((SlipLine("small", f"{say('drop.source')}: {receipt.source}"),) if receipt.source else ()),
        SlipLine("text", say("drop.thanks")),
        *_foot(receipt.head, say, receipt.code, f"{say('drop.number')} {receipt.drop}"),
    )


@dataclass(frozen=True, slots=True)
class TradeOffer:
    """An offer. ``lines``: key, fen and rate in basis points of each line of the quote."""

    head: Head
    trade: str
    model: str
    imei_end: str
    grade: str
    lines: tuple[tuple[str, int, int | None], ...]
    price_fen: int
    book: str
    rules: str
    good_until_ms: int
    code: str
    new_price_fen: int = 0
    to_pay_fen: int = 0
    payout_fen: int = 0
    voucher_fen: int = 0


def trade_offer_slip(offer: TradeOffer, say: Say) -> Slip:
    """What is offered and how it was reckoned, with the versions of the price book and the rules."""
    bill = (("new", offer.new_price_fen), ("to_pay", offer.to_pay_fen), ("payout", offer.payout_fen))
    return (
        *_head(say("offer.title"), offer.head, say),
        pair(say("offer.model"), offer.model),
        pair(say("offer.imei"), offer.imei_end),
        pair(say("offer.grade"), offer.grade),
        RULE,
        *(pair(_rate(named(say, "line", key), bp), yuan(fen)) for key, fen, bp in offer.lines),
        RULE,
        pair(say("offer.price"), yuan(offer.price_fen)),
        *(
            pair(say(f"offer.{key}"), yuan(fen))
            for key, fen in (*bill, ("voucher", offer.voucher_fen))
            if fen
        ),
        RULE,
        pair(say("offer.until"), local(offer.good_until_ms, offer.head.zone)),
        pair(say("offer.book"), offer.book),
        pair(say("offer.rules"), offer.rules),
        SlipLine("small", say("offer.free")),
        *_foot(offer.head, say, offer.code, f"{say('offer.number')} {offer.trade}"),
    )


def _rate(name: str, bp: int | None) -> str:
    if bp is None:
        return name
    whole, rest = divmod(bp, 100)
    return f"{name} ({whole}{f'.{rest:02d}'.rstrip('0') if rest else ''} %)"


def erase_certificate_slip(record: EraseRecord, *says: Say) -> Slip:
    """The certificate as a slip, once in each of the languages given; both belong on it."""
    lines: list[SlipLine] = []
    for say in says:
        lines += [
            SlipLine("heading", erase_title(record, say)),
            SlipLine("small", say("cert.standard")),
            RULE,
            *(pair(label, value) for label, value in erase_rows(record, say)),
            RULE,
            SlipLine("text", say("cert.limits")),
            *(SlipLine("small", f"- {limit}") for limit in erase_limits(record, say)),
            SPACE,
        ]
    foot = " / ".join(say("cert.scan") for say in says)
    return (*lines, SlipLine("qr", record.entry), SlipLine("small", foot), CUT)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a trade-in was settled. ``method``: cash, transfer, top_up; ``change_fen`` of ``received_fen``."""

    head: Head
    trade: str
    model: str
    price_fen: int
    method: str
    code: str
    new_price_fen: int = 0
    paid_fen: int = 0  # to the customer
    received_fen: int = 0
    change_fen: int = 0
    voucher_fen: int = 0
    voucher: str = ""  # its code
    voucher_until_ms: int = 0
    provisional: bool = False


def settlement_slip(settled: Settlement, say: Say) -> Slip:
    """What changed hands; a voucher stands on it as a code."""
    rows = (
        ("offer.new", settled.new_price_fen),
        ("settle.received", settled.received_fen),
        ("settle.change", settled.change_fen),
        ("settle.paid", settled.paid_fen),
    )
    voucher: Slip = ()
    if settled.voucher:
        voucher = (
            RULE,
            pair(say("settle.voucher"), yuan(settled.voucher_fen)),
            pair(say("settle.voucher_until"), local(settled.voucher_until_ms, settled.head.zone)[:10]),
            SlipLine("small", say("settle.voucher_use")),
            SlipLine("qr", settled.voucher),
        )
    return (
        *_head(say("settle.title"), settled.head, say),
        pair(say("offer.model"), settled.model),
        pair(say("settle.credit"), yuan(settled.price_fen)),
        *(pair(say(key), yuan(fen)) for key, fen in rows if fen),
        pair(say("settle.method"), named(say, "method", settled.method)),
        *((SlipLine("text", say("settle.provisional")),) if settled.provisional else ()),
        *voucher,
        SlipLine("small", say("foot.keep")),
        *_foot(settled.head, say, settled.code, f"{say('offer.number')} {settled.trade}"),
    )


def manifest_slip(record: ManifestRecord, say: Say, copy: str) -> Slip:
    """One of the four copies (:data:`.paper_record.COPIES`), with room for the signatures."""
    head = Head(record.station, record.at_ms, record.zone, record.hotline)
    goods = tuple(
        pair(
            f"{named(say, 'category', line.category)} {line.un}".strip(),
            f"{say('unit.items').format(n=line.items)}  {grams(line.mass_g, say)}",
        )
        for line in record.lines
    )
    signatures = tuple(
        line
        for who in ("took", "received")
        for line in (SPACE, SPACE, pair(say(f"manifest.{who}"), "____________"))
    )
    return (
        *_head(say("manifest.title"), head, say),
        SlipLine("text", say(f"manifest.copy.{copy}")),
        *(pair(label, value) for label, value in manifest_rows(record, say)),
        RULE,
        *goods,
        *((SlipLine("text", say("label.lithium")),) if record.lithium_g else ()),
        *signatures,
        *_foot(head, say, record.code, ""),
    )


@dataclass(frozen=True, slots=True)
class ShiftRecord:
    """A shift's close. ``second``: who looked at a difference."""

    head: Head
    staff: str
    opened_ms: int
    trades: int
    paid_out_fen: int
    received_fen: int
    expected_fen: int
    counted_fen: int
    second: str = ""
    reason: str = ""
    code: str = ""
    put_in_fen: int = 0  # that no trade-in moved
    taken_fen: int = 0  # to the safe
    carried_fen: int = 0  # in the drawer when it was opened


def shift_slip(shift: ShiftRecord, say: Say) -> Slip:
    """Cash by the book and by the count; the difference always stands there, also when it is nothing."""
    return (
        *_head(say("shift.title"), shift.head, say),
        pair(say("shift.staff"), shift.staff),
        pair(say("shift.opened"), local(shift.opened_ms, shift.head.zone)),
        pair(say("shift.trades"), str(shift.trades)),
        pair(say("shift.carried"), yuan(shift.carried_fen)),
        pair(say("shift.in"), yuan(shift.received_fen)),
        pair(say("shift.out"), yuan(shift.paid_out_fen)),
        *((pair(say("shift.put_in"), yuan(shift.put_in_fen)),) if shift.put_in_fen else ()),
        *((pair(say("shift.taken"), yuan(shift.taken_fen)),) if shift.taken_fen else ()),
        RULE,
        pair(say("shift.expected"), yuan(shift.expected_fen)),
        pair(say("shift.counted"), yuan(shift.counted_fen)),
        pair(say("shift.difference"), yuan(shift.counted_fen - shift.expected_fen)),
        *((pair(say("shift.second"), shift.second),) if shift.second else ()),
        *((pair(say("shift.reason"), named(say, "because", shift.reason)),) if shift.reason else ()),
        SPACE,
        SPACE,
        pair(say("sign.here"), "____________"),
        *_foot(shift.head, say, shift.code, ""),
    )
