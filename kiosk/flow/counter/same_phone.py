"""Whether the phone in a bay is a trade-in's own: by the IMEI it says, or the serial number it was known by before.

What proves neither is never erased over its cable. It moves nothing and writes nothing.
"""

from __future__ import annotations

from kiosk.counter_ports import PhoneLook
from kiosk.flow.counter.work import Work
from recycling.errors import Refused
from recycling.imei import same
from recycling.trade import Trade


def serial_digest(work: Work, serial: str) -> str:
    """A serial number as it may be kept before anything is accepted; "" of none."""
    text = serial.strip()[:64]
    return work.tools.book.digest(f"serial:{text}") if text else ""


def asked(work: Work, trade: Trade, imei: str) -> tuple[str, str]:
    """``(phone, serial)`` as :class:`recycling.trade.LockCheck` keeps them, of the phone in the trade's bay."""
    eraser = work.tools.eraser
    if not trade.bay or eraser is None:
        return "absent", ""
    try:
        look = eraser.look(trade.bay, work.tools.patience.look_s, work.stopping)
    except Exception:  # noqa: BLE001
        # No phone, or one that does not talk: that is an answer, too.
        return "absent", ""
    if look.imei and not same(look.imei, imei):
        return "differs", ""
    if not look.imei:
        return "silent", ""  # it may be anybody's: the number on its label can still be scanned
    bound = look.mode == "bootloader" and not _another_model(work, trade, look)
    return "same", serial_digest(work, look.serial) if bound else ""


def refuse_another(work: Work, trade: Trade, look: PhoneLook) -> None:
    """What the phone says of itself must not be another one's. :class:`Refused` "wrong_phone"."""
    if _another_model(work, trade, look) or (look.imei and not same(look.imei, trade.imei)):
        raise Refused("wrong_phone", f"{trade.trade}: another phone is in the bay")


def proven(work: Work, trade: Trade, look: PhoneLook) -> bool:
    """Whether it says the trade's own IMEI, or its bootloader the serial number that was bound to the trade."""
    if look.mode != "bootloader":
        return False
    bound = bool(trade.serial_digest) and serial_digest(work, look.serial) == trade.serial_digest
    return bound or (bool(look.imei) and same(look.imei, trade.imei))


def _another_model(work: Work, trade: Trade, look: PhoneLook) -> bool:
    book = work.tools.reference.price_book(work.now_ms)
    return book is not None and look.product in book.models and look.product != trade.model
