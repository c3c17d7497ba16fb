"""From the keys to the customer's consent, and every way out before the first write. Pure."""

from __future__ import annotations

from dataclasses import replace

from kiosk.errors import FlowError
from kiosk.flow.effects import (
    Identify,
    Keyed,
    Prepare,
    Record,
    Watch,
    WriteNext,
)
from kiosk.flow.events import (
    Cancel,
    Consent,
    Decline,
    Event,
    Identified,
    OurFailure,
    PhoneGone,
    PhoneRefused,
    PhoneSeen,
    PlanImpossible,
    WrongPhone,
)
from kiosk.flow.moves import Outcome, end, give_up, go, leave, stay
from kiosk.flow.visit import State, Visit
from kiosk.ports import Mode

ASKED: tuple[Mode, ...] = ("bootloader", "agent")
"""Modes in which a phone says who it is and takes an update."""


def refuse_foreign(visit: Visit, event: PhoneSeen) -> Outcome:
    """A keyboard, a hub, a mode this station does not serve."""
    reason = "foreign_device" if event.mode == "foreign" else "unsupported_mode"
    return give_up(replace(visit, phone_present=True), State.REFUSED, reason, event.what)


def seen_at_keys(visit: Visit, event: PhoneSeen) -> Outcome:
    """The bootloader has come up, or not yet. An agent answers at once."""
    if event.mode in ASKED:
        return go(visit, State.IDENTIFYING, Identify(), phone_present=True)
    if event.mode in ("normal", "charging"):
        return stay(visit, phone_present=True, agent=False)
    return refuse_foreign(visit, event)


def identified(visit: Visit, event: Identified) -> Outcome:
    """Remember the phone: product and serialno bind every later write and every resume."""
    facts = event.facts
    body = {
        "model": facts.product,
        "variant": facts.variant or "",
        "version": facts.version or "",
        "slot": facts.current_slot or "",
        "battery_percent": -1 if facts.battery_percent is None else facts.battery_percent,
        "unlocked": bool(facts.unlocked),
        "serial_digest": Keyed(facts.serialno),
    }
    record = Record("phone.identified", body)
    if visit.product and facts.product != visit.product:
        seen, effects = give_up(visit, State.REFUSED, "swapped", "not the phone that was recognised")
        return seen, (record, *effects)
    if visit.facts is not None and not facts.same_phone(visit.facts):
        # After a restart of the station: the files that were counted are not this phone's.
        seen, effects = give_up(visit, State.REFUSED, "swapped", "not the phone that was here before")
        return seen, (record, *effects)
    battery = visit.battery_percent if facts.battery_percent is None else facts.battery_percent
    return go(
        visit,
        State.PREPARING,
        record,
        Prepare(),
        facts=facts,
        product=facts.product,
        battery_percent=battery,
    )


def plan_impossible(visit: Visit, event: PlanImpossible) -> Outcome:
    """Up to date, locked, or refused; the phone goes back to normal first."""
    endings = {"up_to_date": State.UP_TO_DATE, "bootloader_locked": State.LOCKED}
    ending = endings.get(event.reason, State.REFUSED)
    left, effects = give_up(visit, ending, event.reason, event.detail)
    record = Record("plan.refused", {"reason": event.reason, "detail": event.detail[:200]})
    return left, (record, *effects)


def consented(visit: Visit, event: Consent) -> Outcome:
    """The customer wants it."""
    body = {"text_version": event.text_version[:40], "language": event.language[:8]}
    return go(visit, State.BACKUP, Record("consent.given", body, actor="customer"))


def declined(visit: Visit, _event: Decline) -> Outcome:
    """The customer does not want it."""
    left, effects = give_up(visit, State.CANCELLED, "consent_refused")
    return left, (Record("consent.refused", {}, actor="customer"), *effects)


def begin_write(visit: Visit, *records: Record) -> Outcome:
    """The intent of the next write, then the write."""
    plan = visit.plan
    if plan is None:
        raise FlowError("a write without a plan")
    write = plan.writes[visit.writes_done]
    body = {
        "partition": write.partition,
        "bytes": write.size_bytes,
        "sha256": write.sha256,
        "attempt": visit.attempts + 1,
    }
    intent = Record("write.intended", body)
    attempts = visit.attempts + 1
    return go(
        visit, State.WRITING, *records, intent, WriteNext(), write_bytes=0, write_sent=0, attempts=attempts
    )


def cancelled(visit: Visit, _event: Cancel) -> Outcome:
    """The customer steps back."""
    return give_up(visit, State.CANCELLED, "cancelled")


def unplugged(visit: Visit, event: PhoneGone) -> Outcome:
    """The cable went while the phone was in its bootloader: nothing was written, the visit ends."""
    return end(replace(visit, phone_present=False), State.CANCELLED, "unplugged", event.detail)


def seen_at_plan(visit: Visit, event: PhoneSeen) -> Outcome:
    """The phone must stay as it was asked while the customer decides."""
    if event.mode in ASKED:
        return stay(visit, phone_present=True)
    return end(replace(visit, phone_present=True), State.CANCELLED, "left_bootloader", event.what)


def no_keys(visit: Visit, _event: Event) -> Outcome:
    """The bootloader did not come up."""
    return end(visit, State.CANCELLED, "keys_timeout")


def no_answer(visit: Visit, _event: Event) -> Outcome:
    """The customer did not answer."""
    return give_up(visit, State.CANCELLED, "no_answer")


def no_catalogue(visit: Visit, _event: Event) -> Outcome:
    """The catalogue does not answer; nothing was asked of the phone meanwhile."""
    return give_up(visit, State.REFUSED, "no_catalogue", "the catalogue did not answer in time")


def silent(visit: Visit, _event: Event) -> Outcome:
    """The phone is there and says nothing."""
    return give_up(visit, State.REFUSED, "phone_silent", "the phone does not answer")


def phone_error(visit: Visit, event: PhoneRefused) -> Outcome:
    """The phone said no, or talked nonsense."""
    return give_up(visit, State.REFUSED, "phone_error", event.detail)


def wrong_phone(visit: Visit, event: WrongPhone) -> Outcome:
    """Another phone answers."""
    return give_up(visit, State.REFUSED, "swapped", event.detail)


def our_failure(visit: Visit, event: OurFailure) -> Outcome:
    """The station could not go on; the phone is untouched."""
    return give_up(visit, State.REFUSED, event.reason, event.detail)


def left(visit: Visit, _event: Event) -> Outcome:
    """Out of the bootloader, or as near to it as it will get: the ending that was decided."""
    return end(visit, visit.ending or State.CANCELLED, "cancelled")


def restarted_at_bootloader(visit: Visit, _event: Event) -> Outcome:
    """The station was restarted with the phone in, or near, the bootloader: identify and ask again."""
    return go(visit, State.KEYS, Record("station.resumed"), Watch(), resumed=True, plan=None)


def restarted_leaving(visit: Visit, _event: Event) -> Outcome:
    """Go on leaving."""
    return stay(visit, Record("station.resumed"), *leave(visit), resumed=True)
