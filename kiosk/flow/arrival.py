"""The first steps of a visit: from an empty bay to the owner's files counted, in normal mode. Pure."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.before_write import refuse_foreign
from kiosk.flow.effects import (
    AwaitUnlock,
    Hint,
    Identify,
    Keep,
    Keyed,
    Recognise,
    Record,
    TakeInventory,
    Watch,
)
from kiosk.flow.events import Counting, Event, InventoryTaken, PhoneGone, PhoneRecognised, PhoneSeen
from kiosk.flow.moves import Outcome, end, go, leave, stay
from kiosk.flow.visit import State, Visit

MAX_REPLUGS = 10
"""Short losses of the link before the bootloader that are forgiven."""


def seen_at_connect(visit: Visit, event: PhoneSeen) -> Outcome:
    """What has been plugged in decides how the visit begins."""
    charging, agent = event.mode == "charging", event.mode == "agent"
    here = replace(visit, phone_present=True, seen_before=True, charging=charging, agent=agent)
    if event.mode in ("normal", "agent"):
        return go(here, State.RECOGNISING, Recognise())
    if event.mode == "charging":
        return stay(here)
    if event.mode == "bootloader":
        return _bootloader_at_connect(here)
    return refuse_foreign(here, event)


def _bootloader_at_connect(visit: Visit) -> Outcome:
    if not visit.options.inventory:
        return go(visit, State.IDENTIFYING, Identify())
    if visit.leave_tried:
        return end(visit, State.REFUSED, "will_not_start", "the phone stays in its bootloader")
    # The owner's data can only be listed in normal mode.
    return stay(visit, *leave(visit), leave_tried=True)


def left_at_connect(visit: Visit, _event: Event) -> Outcome:
    """The phone was sent back to normal; look again."""
    return stay(visit, Watch())


def gone_at_connect(visit: Visit, _event: PhoneGone) -> Outcome:
    """Still waiting."""
    return stay(visit, phone_present=False, charging=False)


def late_at_connect(visit: Visit, _event: Event) -> Outcome:
    """Nobody plugged a phone in, or it was only charging, or it did not come back."""
    if visit.charging:
        return end(
            visit, State.REFUSED, "no_file_transfer", "the phone only charges: no file transfer allowed"
        )
    return end(visit, State.CANCELLED, "unplugged" if visit.seen_before else "no_phone")


def replug(visit: Visit, event: PhoneGone) -> Outcome:
    """The cable went before the bootloader: a phone changing its USB mode does the same, so wait a little."""
    gone = replace(visit, phone_present=False, charging=False, counted_bytes=0, losses=visit.losses + 1)
    if gone.losses > MAX_REPLUGS:
        return end(gone, State.CANCELLED, "unplugged", event.detail)
    return go(gone, State.CONNECT, Watch(settle_s=0.5))


def absent(visit: Visit, event: PhoneGone) -> Outcome:
    """Switching off to hold the keys is an unplug too: keep waiting. An agent's phone has lost its cable."""
    return replug(visit, event) if visit.agent else stay(visit, phone_present=False)


def recognised(visit: Visit, event: PhoneRecognised) -> Outcome:
    """A model this station knows goes on to be unlocked."""
    seen = replace(
        visit, product=event.product or "", mtp_serial=event.mtp_serial, battery_percent=event.battery_percent
    )
    body = {
        "model": event.product or "unknown",
        "battery_percent": -1 if event.battery_percent is None else event.battery_percent,
        "mtp_serial_digest": Keyed(event.mtp_serial),
    }
    record = Record("phone.recognised", body)
    if event.product is None:
        visit, effects = end(seen, State.REFUSED, "unknown_model", "this station does not know the model")
        return visit, (record, *effects)
    if not visit.options.inventory:
        return go(seen, State.KEYS, record, Hint(event.product), Watch())
    return go(seen, State.UNLOCK, record, Hint(event.product), AwaitUnlock())


def unlocked(visit: Visit, _event: Event) -> Outcome:
    """The storage is open: count."""
    return go(visit, State.INVENTORY, TakeInventory(), counted_bytes=0, to_count_bytes=0)


def counting(visit: Visit, event: Counting) -> Outcome:
    """For the screen only."""
    return stay(visit, counted_bytes=event.done_bytes, to_count_bytes=event.total_bytes)


def inventory_taken(visit: Visit, event: InventoryTaken) -> Outcome:
    """Listing and hashes go to the local store, the counts into the ledger."""
    data = event.user_data
    body = {
        "objects": data.before,
        "bytes": data.bytes_before,
        "hashed": event.hashed,
        "unreadable": data.unreadable,
        "truncated": data.truncated,
        "seconds": round(event.seconds),
    }
    counted = replace(visit, user_data=data)
    return go(counted, State.KEYS, Keep(event.objects), Record("inventory.taken", body), Watch())


def not_unlocked(visit: Visit, _event: Event) -> Outcome:
    """Nobody unlocked the screen."""
    return end(visit, State.CANCELLED, "not_unlocked")


def restarted_early(visit: Visit, _event: Event) -> Outcome:
    """The station was restarted before the bootloader: begin again."""
    return go(visit, State.CONNECT, Record("station.resumed"), Watch(), resumed=True)
