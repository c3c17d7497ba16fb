"""The second half: from the first write to the verdict. There is no way back here, only through. Pure.

A lost cable, silence or the station's restart wait for the phone with a deadline; a refusal, a mismatch or
the deadline's end latch NEEDS_STAFF with the first cause.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.before_write import ASKED, begin_write
from kiosk.flow.effects import (
    AwaitUnlock,
    CompareInventory,
    Identify,
    Keyed,
    Reboot,
    Record,
    SwitchSlot,
    Watch,
)
from kiosk.flow.events import (
    Compared,
    Event,
    Identified,
    OurFailure,
    PhoneGone,
    PhoneRefused,
    PhoneSeen,
    Progress,
    Written,
    WrongPhone,
)
from kiosk.flow.moves import Outcome, end, go, needs_staff, stay
from kiosk.flow.visit import State, Visit

MAX_LOSSES = 20
"""Losses of the link in one visit before it counts as unstable."""

_RESUME_AS = {
    State.WRITING: State.WRITING,
    State.SWITCHING: State.SWITCHING,
    State.REBOOTING: State.REBOOTING,
    State.RESTARTING: State.REBOOTING,
    State.UNLOCK_AGAIN: State.UNLOCK_AGAIN,
    State.CHECKING: State.UNLOCK_AGAIN,
    State.KEYS_AGAIN: State.KEYS_AGAIN,
    State.CONFIRMING: State.KEYS_AGAIN,
}
"""Where to go on once the phone is back."""

_LATE = {
    State.UNLOCK_AGAIN: "user_data_not_checked",
    State.KEYS_AGAIN: "version_not_confirmed",
}
"""What a deadline's end means, by where the visit would have gone on."""


def progress(visit: Visit, event: Progress) -> Outcome:
    """The phone acknowledged more bytes."""
    done = _share_of_write(visit, event)
    sent = max(visit.write_sent, event.done_bytes if event.sent_bytes is None else event.sent_bytes)
    return stay(
        visit,
        write_bytes=max(visit.write_bytes, done),
        write_sent=sent,
        bytes_sent=visit.bytes_sent + sent - visit.write_sent,
        written=visit.written or event.done_bytes > 0,
    )


def _share_of_write(visit: Visit, event: Progress) -> int:
    """Of the image's bytes. A phone that builds its image itself counts in its own work, not in ours."""
    size_bytes = visit.plan.writes[visit.writes_done].size_bytes if visit.plan else event.total_bytes
    if event.total_bytes in (0, size_bytes):
        return event.done_bytes
    return size_bytes * min(event.done_bytes, event.total_bytes) // event.total_bytes


def written(visit: Visit, event: Written) -> Outcome:
    """The phone confirmed a partition: the next one, or the slot, or the restart."""
    plan = visit.plan
    if plan is None or event.index != visit.writes_done:
        return needs_staff(visit, "our_error", "a write was confirmed that was not the current one")
    write = plan.writes[event.index]
    record = Record("write.done", {"partition": write.partition, "bytes": write.size_bytes})
    done = replace(visit, writes_done=event.index + 1, write_bytes=0, written=True, attempts=0)
    if done.writes_done < len(plan.writes):
        return begin_write(done, record)
    if plan.set_active is not None:
        return _switch(done, record)
    return reboot(done, record)


def _switch(visit: Visit, *records: Record) -> Outcome:
    slot = visit.plan.set_active if visit.plan else None
    intent = Record("slot.switch.intended", {"slot": slot or ""})
    return go(visit, State.SWITCHING, *records, intent, SwitchSlot())


def reboot(visit: Visit, *records: Record) -> Outcome:
    """Let it start what was written; from here on it has to be seen to start."""
    return go(visit, State.REBOOTING, *records, Record("reboot.intended"), Reboot(), started=False)


def slot_switched(visit: Visit, _event: Event) -> Outcome:
    """The written slot is the active one."""
    slot = visit.plan.set_active if visit.plan else None
    return reboot(visit, Record("slot.switched", {"slot": slot or ""}))


def rebooted(visit: Visit, _event: Event) -> Outcome:
    """The phone has left its bootloader."""
    if not visit.options.inventory:
        return go(visit, State.KEYS_AGAIN, Record("phone.rebooted"), Watch(), phone_present=False)
    return go(visit, State.RESTARTING, Watch(), phone_present=False)


def seen_restarting(visit: Visit, event: PhoneSeen) -> Outcome:
    """It has started, or fallen back into its bootloader."""
    here = replace(visit, phone_present=True)
    if event.mode in ("normal", "charging", "agent"):
        return _unlock_again(here, event, Record("phone.rebooted"))
    if event.mode == "bootloader":
        return needs_staff(here, "boot_failed", "the phone does not start what was written")
    return stay(here)


def _unlock_again(visit: Visit, event: PhoneSeen, *records: Record) -> Outcome:
    waiting = Watch() if event.mode == "charging" else AwaitUnlock(visit.mtp_serial)
    return go(visit, State.UNLOCK_AGAIN, *records, waiting, started=True)


def seen_unlock_again(visit: Visit, event: PhoneSeen) -> Outcome:
    """Charging only, until the owner allows file transfer."""
    if event.mode in ("normal", "agent"):
        return stay(visit, AwaitUnlock(visit.mtp_serial), phone_present=True)
    return stay(visit, phone_present=True)


def unlocked_again(visit: Visit, _event: Event) -> Outcome:
    """Count again."""
    return go(visit, State.CHECKING, CompareInventory(), counted_bytes=0, to_count_bytes=0)


def compared(visit: Visit, event: Compared) -> Outcome:
    """The owner's data is as it was, or a member of staff has to come."""
    data = event.user_data
    body = {
        "before": data.before,
        "after": data.after or 0,
        "identical": data.identical,
        "hashed": data.hashed,
        "changed": data.changed,
        "missing": data.missing,
        "added": data.added,
        "unreadable": data.unreadable,
        "lost_reading": data.lost_reading,
        "not_compared": data.not_compared,
        "truncated": data.truncated,
        "seconds": round(event.seconds),
    }
    record = Record("inventory.compared", body)
    checked = replace(visit, user_data=data)
    if data.verdict:
        closed, effects = needs_staff(checked, data.verdict)
        return closed, (record, *effects)
    return go(checked, State.KEYS_AGAIN, record, Watch())


def lost(visit: Visit, event: PhoneGone) -> Outcome:
    """The link went: wait for the same phone, with a deadline."""
    return _await_phone(replace(visit, phone_present=False), event.detail)


def stalled(visit: Visit, _event: Event) -> Outcome:
    """No answer in time: as good as a lost link."""
    return _await_phone(visit, "no answer in time")


def _await_phone(visit: Visit, detail: str) -> Outcome:
    body = {"during": visit.state.value, "detail": detail[:200], "bytes_sent": visit.bytes_sent}
    record = Record("link.lost", body)
    if visit.losses >= MAX_LOSSES:
        closed, effects = needs_staff(visit, "link_unstable", f"the link went {MAX_LOSSES} times")
        return closed, (record, *effects)
    resume_to = _RESUME_AS.get(visit.state, visit.resume_to)
    return go(
        visit, State.AWAIT_PHONE, record, Watch(settle_s=0.3), resume_to=resume_to, losses=visit.losses + 1
    )


def seen_awaiting(visit: Visit, event: PhoneSeen) -> Outcome:
    """Something is back in the bay; what it must show depends on where the visit stood."""
    here = replace(visit, phone_present=True)
    if event.mode == "foreign":
        return stay(here)
    normal = event.mode in ("normal", "charging")
    if visit.resume_to is State.KEYS_AGAIN:
        return go(here, State.KEYS_AGAIN, Watch())
    if visit.resume_to is State.UNLOCK_AGAIN:
        if normal or event.mode == "agent":
            return _unlock_again(here, event, Record("phone.returned", {"mode": event.mode}))
        here = replace(here, resume_to=State.REBOOTING)
    if visit.resume_to is State.REBOOTING and normal and visit.options.inventory:
        return _unlock_again(here, event, Record("phone.rebooted"))
    if event.mode in ASKED:
        return go(here, State.RETURNING, Identify())
    # It has started by itself: the owner must hold the keys once more.
    return stay(here)


def returned(visit: Visit, event: Identified) -> Outcome:
    """The same product and serialno, or nothing is written any more."""
    if visit.facts is None or not event.facts.same_phone(visit.facts):
        record = Record("phone.returned", {"same": False, "serial_digest": Keyed(event.facts.serialno)})
        closed, effects = needs_staff(visit, "swapped", "another phone was plugged into this bay")
        return closed, (record, *effects)
    mode = "agent" if visit.agent else "bootloader"
    record = Record("phone.returned", {"same": True, "mode": mode})
    slot = visit.plan.set_active if visit.plan else None
    if visit.resume_to is State.WRITING and slot is not None and event.facts.current_slot == slot:
        closed, effects = needs_staff(visit, "slot_mismatch", f"the phone now runs slot {slot}, half written")
        return closed, (record, *effects)
    if visit.resume_to is State.SWITCHING:
        return _switch(visit, record)
    if visit.resume_to is State.REBOOTING:
        return reboot(visit, record)
    return begin_write(visit, record)


def deadline_over(visit: Visit, _event: Event) -> Outcome:
    """Nobody brought the phone back, unlocked it or held its keys in time."""
    stood = visit.resume_to if visit.state is State.AWAIT_PHONE else visit.state
    reason = _LATE.get(stood, "phone_did_not_return") if stood else "phone_did_not_return"
    return needs_staff(visit, reason, "the deadline is over")


def refused(visit: Visit, event: PhoneRefused) -> Outcome:
    """The phone said no after the first write. An agent that takes not one byte of an update is as it was."""
    if visit.state is State.WRITING and visit.agent and not visit.written:
        return end(visit, State.REFUSED, "phone_error", event.detail)
    reasons = {
        State.WRITING: "write_failed",
        State.SWITCHING: "switch_failed",
        State.REBOOTING: "reboot_failed",
    }
    return needs_staff(visit, reasons.get(visit.state, "phone_error"), event.detail)


def swapped(visit: Visit, event: WrongPhone) -> Outcome:
    """Another phone answers."""
    return needs_staff(visit, "swapped", event.detail)


def broken(visit: Visit, event: OurFailure) -> Outcome:
    """The station could not go on."""
    return needs_staff(visit, event.reason, event.detail)


def gone_waiting(visit: Visit, _event: PhoneGone) -> Outcome:
    """Away, as expected."""
    return stay(visit, phone_present=False)


def restarted(visit: Visit, _event: Event) -> Outcome:
    """The station was killed: what was under way is unknown, so the phone must prove itself again."""
    resume_to = _RESUME_AS.get(visit.state, visit.resume_to)
    return go(
        visit,
        State.AWAIT_PHONE,
        Record("station.resumed", {"during": visit.state.value}),
        Watch(),
        resume_to=resume_to,
        resumed=True,
        written=visit.written or resume_to is State.WRITING,
        phone_present=False,
    )


def seen_closed(visit: Visit, _event: PhoneSeen) -> Outcome:
    """The visit is over; somebody's phone is in the bay."""
    return stay(visit, phone_present=True)
