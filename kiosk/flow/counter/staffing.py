"""Who works here: log-in with number and PIN, the second person, whose turn at the screen. It keeps no PIN.

A shift opens with the first log-in; its cash is till.py's.
"""

from __future__ import annotations

from collections.abc import Collection

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.things import CashMove, Shift, Thing, Tries
from kiosk.flow.counter.work import Work
from recycling.errors import Refused
from service.technician import FORGOTTEN_AFTER_MS, Action, Technician, next_try

KEYPAD = ""
MAX_STAFF = 16
MAX_NUMBERS = 64
MAX_TIMES = 40


def come_in(work: Work, command: c.StaffIn) -> None:
    """Number and PIN; the first one in opens the shift."""
    technician = known(work, command.staff, command.pin)
    work.allowed(technician, Action.LOOK)
    actor = f"staff:{technician.staff}"
    things: list[Thing] = []
    notes = [work.note("staff.in", "", {"staff": technician.staff}, actor)]
    if work.memory.shift is None:
        shift = Shift(work.tools.new_id(), technician.staff, work.now_ms, work.now_ms)
        things.append(shift)
        counted_fen = work.tools.book.last_float_fen()
        carried_fen = work.tools.shop.first_float_fen if counted_fen is None else counted_fen
        notes.append(work.note("shift.opened", shift.shift, {"carried_fen": carried_fen}, actor))
        if carried_fen:
            things.append(CashMove(work.tools.new_id(), shift.shift, "", carried_fen, work.now_ms))
    work.commit(*things, notes=notes)
    work.desk.technician, work.desk.since_ms = technician, work.now_ms


def go_out(work: Work, command: c.StaffOut) -> None:
    """The shift stays open until it is closed."""
    del command
    if work.desk.technician is not None:
        work.commit(notes=[work.note("staff.out", "")])
        work.desk.technician = None


def back(work: Work, command: c.StaffHere) -> None:
    """The customer gives the screen back: the PIN of whoever is logged in. :class:`Refused` "no_staff" too."""
    technician = work.desk.technician
    if technician is None:
        raise Refused("no_staff", "nobody is logged in")
    here = known(work, technician.staff, command.pin)
    work.allowed(here, Action.LOOK)
    work.commit(notes=[work.note("staff.back", "", {"staff": here.staff})])
    work.desk.technician, work.desk.back_ticket = here, work.ticket


def known(work: Work, number: str, pin: str) -> Technician:
    """The member of staff of that number and PIN. :class:`Refused` "pin_wrong", "pin_wait" (``seconds``).

    An unknown number takes as long as a wrong PIN and is refused in the same words.
    """
    number = number[:MAX_STAFF]
    wait_s = wait(work, number)
    if wait_s:
        raise Refused("pin_wait", f"{wait_s} s until the next try", {"seconds": wait_s})
    found = work.tools.reference.staff(number)
    right = work.tools.right_pin(pin[:MAX_STAFF], found[1] if found else "")
    if found is None or not right:
        _failed(work, number)
        raise Refused("pin_wrong", "the number or the PIN is not right")
    _forget(work, number)
    return found[0]


def wait(work: Work, number: str = KEYPAD) -> int:
    """Seconds until the next PIN may be tried, by number and at this keypad."""
    failures = work.desk.failures
    keypad = failures.get(KEYPAD, [])
    # Numbers tried in turn count together, but one colleague's slip does not lock the others out.
    return max(
        next_try(failures.get(number, []) if number else [], work.now_ms), next_try(keypad[2:], work.now_ms)
    )


def _failed(work: Work, number: str) -> None:
    failures = work.desk.failures
    for key in (number, KEYPAD):
        failures[key] = [*failures.get(key, []), work.now_ms][-MAX_TIMES:]
    dropped = _droppable(work, failures.keys() - {number, KEYPAD}) if len(failures) > MAX_NUMBERS + 1 else []
    dropped = dropped[: max(0, len(failures) - 1 - MAX_NUMBERS)]
    for key in dropped:
        del failures[key]
    tries = [Tries(key) for key in dropped] + [Tries(key, tuple(failures[key])) for key in (number, KEYPAD)]
    shown = number if number.isascii() and number.isalnum() else "?"
    notes = [work.note("staff.refused", "", {"staff": shown}, "station")]
    wait_s = wait(work, number)
    if wait_s:
        notes.append(work.note("staff.locked", "", {"staff": shown, "wait_s": wait_s}, "station"))
    work.commit(notes=notes, tries=tries)


def _droppable(work: Work, numbers: Collection[str]) -> list[str]:
    """The oldest first; last of all those of colleagues that still count. Whoever has a right PIN of their own could
    push them out otherwise: it ends the keypad's wait, and numbers that nobody has cost no more than typing.
    """

    def worth(number: str) -> tuple[bool, int]:
        last_ms = max(work.desk.failures[number])
        counts = work.now_ms - last_ms < FORGOTTEN_AFTER_MS and work.tools.reference.staff(number) is not None
        return counts, last_ms

    return sorted(numbers, key=worth)


def _forget(work: Work, number: str) -> None:
    """After a right PIN."""
    failed = [key for key in (number, KEYPAD) if key in work.desk.failures]
    if failed:
        work.commit(tries=[Tries(key) for key in failed])
    for key in failed:
        del work.desk.failures[key]


def recover(work: Work) -> None:
    """Wrong PINs of an earlier process count on, also where the clock lost its time with the power."""
    now_ms = work.now_ms
    for one in work.tools.book.tries():
        lost = [now_ms for at_ms in one.at_ms if at_ms - now_ms >= FORGOTTEN_AFTER_MS]
        work.desk.failures[one.number] = [*one.at_ms, *lost][-MAX_TIMES:]


def second_of(work: Work, second: c.Second, action: Action) -> str:
    """The second person's number, after the PIN: another one than who is logged in. :class:`Refused` "second_same"."""
    first = work.staff(Action.SIGN)
    technician = known(work, second.staff, second.pin)
    if technician.staff == first.staff:
        raise Refused("second_same", f"staff {first.staff} is one person")
    work.allowed(technician, action)
    return technician.staff
