"""The last look: the phone itself must say that it runs what was written. Pure."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.after_write import lost, reboot
from kiosk.flow.before_write import ASKED
from kiosk.flow.effects import Identify, Record
from kiosk.flow.events import Event, Identified, PhoneGone, PhoneSeen
from kiosk.flow.moves import Outcome, end, go, leave, needs_staff, stay
from kiosk.flow.visit import State, Visit

MAX_RESTARTS = 2
"""Times a phone is started again because it was looked at before its system had proven that it starts."""


def seen_keys_again(visit: Visit, event: PhoneSeen) -> Outcome:
    """One last look at the version, which normal mode does not tell."""
    if event.mode in ASKED:
        started = visit.started or event.mode == "agent"
        return go(visit, State.CONFIRMING, Identify(), phone_present=True, started=started)
    started = visit.started or event.mode in ("normal", "charging")
    return stay(visit, phone_present=True, started=started)


def gone_keys_again(visit: Visit, event: PhoneGone) -> Outcome:
    """Away to have its keys held, or still starting; an agent that was seen started has lost its cable."""
    return lost(visit, event) if visit.agent and visit.started else stay(visit, phone_present=False)


def confirmed(visit: Visit, event: Identified) -> Outcome:
    """The version, the slot, and proof that the system started: all as planned, or it is not updated."""
    facts, plan = event.facts, visit.plan
    if plan is None or visit.facts is None or not facts.same_phone(visit.facts):
        return needs_staff(visit, "swapped", "another phone answers in this bay")
    if facts.version != plan.version_to:
        return needs_staff(visit, "version_mismatch", f"the phone reports version {facts.version or 'none'}")
    if plan.set_active is not None and facts.current_slot != plan.set_active:
        return needs_staff(visit, "slot_mismatch", f"the phone started slot {facts.current_slot}")
    # With two slots the bootloader knows whether the system came up; with one, only we can have seen it.
    # An agent knows it of itself, and says so: no trial, no failed self-test.
    failed = visit.agent and facts.slot_successful is False
    proven = visit.started and not failed if plan.set_active is None else facts.slot_successful is True
    if not proven:
        return _start_again(visit)
    record = Record("version.confirmed", {"version": facts.version, "slot": facts.current_slot or ""})
    return go(visit, State.FINISHING, record, *leave(visit), version_confirmed=facts.version)


def _start_again(visit: Visit) -> Outcome:
    """The keys were held before the system was up, or it does not come up: let it start, and look again."""
    if visit.restarts < MAX_RESTARTS:
        return reboot(replace(visit, restarts=visit.restarts + 1))
    if visit.plan is not None and visit.plan.set_active is None:
        return needs_staff(visit, "boot_failed", "the phone was not seen to start what was written")
    return needs_staff(visit, "slot_not_successful", "the new slot has not proven that it starts")


def finished(visit: Visit, _event: Event) -> Outcome:
    """Everything is proven; the phone goes back to normal by itself."""
    return end(visit, State.UPDATED)


def restarted_finishing(visit: Visit, _event: Event) -> Outcome:
    """Everything was proven already."""
    return stay(visit, Record("station.resumed"), *leave(visit), resumed=True)
