"""Who works here: log-in with number and PIN, the second person, the shift and its cash. It keeps no PIN."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import slip_desk, slips
from kiosk.flow.counter.things import CashMove, Shift
from kiosk.flow.counter.work import Work
from recycling.errors import Refused
from service.technician import Action, Technician, next_try

KEYPAD = ""
MAX_STAFF = 16


def come_in(work: Work, command: c.StaffIn) -> None:
    """Number and PIN; the first one in opens the shift."""
    technician = known(work, command.staff, command.pin)
    work.allowed(technician, Action.LOOK)
    work.desk.technician, work.desk.since_ms = technician, work.now_ms
    things, notes = [], [work.note("staff.in", "", {"staff": technician.staff})]
    if work.memory.shift is None:
        shift = Shift(work.tools.new_id(), technician.staff, work.now_ms, work.now_ms)
        things.append(shift)
        counted_fen = work.tools.book.last_float_fen()
        carried_fen = work.tools.shop.first_float_fen if counted_fen is None else counted_fen
        notes.append(work.note("shift.opened", shift.shift, {"carried_fen": carried_fen}))
        if carried_fen:
            move = CashMove(work.tools.new_id(), shift.shift, "", carried_fen, work.now_ms)
            work.commit(*things, move, notes=notes)
            return
    work.commit(*things, notes=notes)


def go_out(work: Work, command: c.StaffOut) -> None:
    """The shift stays open until it is closed."""
    del command
    if work.desk.technician is not None:
        work.commit(notes=[work.note("staff.out", "")])
        work.desk.technician = None


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
    work.desk.failures.pop(number, None)
    work.desk.failures.pop(KEYPAD, None)
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
    for key in (number, KEYPAD):
        work.desk.failures[key] = [*work.desk.failures.get(key, []), work.now_ms][-40:]
    shown = number if number.isascii() and number.isalnum() else "?"
    notes = [work.note("staff.refused", "", {"staff": shown}, "station")]
    wait_s = wait(work, number)
    if wait_s:
        notes.append(work.note("staff.locked", "", {"staff": shown, "wait_s": wait_s}, "station"))
    work.commit(notes=notes)


def second_of(work: Work, second: c.Second, action: Action) -> str:
    """The second person's number, after the PIN: another one than who is logged in. :class:`Refused` "second_same"."""
    first = work.staff(Action.SIGN)
    technician = known(work, second.staff, second.pin)
    if technician.staff == first.staff:
        raise Refused("second_same", f"staff {first.staff} is one person")
    work.allowed(technician, action)
    return technician.staff


# -- the shift


def cash_fen(work: Work) -> int:
    """What the drawer should hold."""
    return work.tools.book.cash_fen(work.memory.shift.shift) if work.memory.shift else 0


def shift_id(work: Work) -> str:
    """The open shift; cash moves only in one. :class:`Refused` "no_shift"."""
    if work.memory.shift is None:
        raise Refused("no_shift", "no shift is open")
    return work.memory.shift.shift


def close_shift(work: Work, command: c.ShiftClose) -> None:
    """The cash is counted; where it differs from the book, a second person and a reason are needed."""
    staff = work.staff(Action.CLOSE_SHIFT)
    shift = work.memory.shift
    if shift is None:
        raise Refused("no_shift", "no shift is open")
    if command.counted_fen < 0:
        raise Refused("amount_negative", "cash is not below 0")
    expected_fen = cash_fen(work)
    second = _second_for(work, command, expected_fen)
    closed = replace(
        shift,
        at_ms=work.now_ms,
        open=False,
        counted_fen=command.counted_fen,
        expected_fen=expected_fen,
        second=second,
        reason=command.reason.strip()[:40] if second else "",
    )
    body: dict[str, object] = {
        "counted_fen": command.counted_fen,
        "expected_fen": expected_fen,
        "difference_fen": command.counted_fen - expected_fen,
        **({"second": second, "reason": closed.reason} if second else {}),
    }
    slip = slip_desk.shift(work, _shift_record(work, closed, staff.staff), shift.shift)
    work.commit(closed, slip, notes=[work.note("shift.closed", shift.shift, body)])
    work.desk.technician = None
    slip_desk.print_waiting(work)


def _second_for(work: Work, command: c.ShiftClose, expected_fen: int) -> str:
    """Who looked at a difference, "" where there is none."""
    difference_fen = command.counted_fen - expected_fen
    if not difference_fen:
        return ""
    if command.second is None or not command.reason.strip():
        values = {"expected_fen": expected_fen, "difference_fen": difference_fen}
        raise Refused("cash_differs", f"{difference_fen} fen", values)
    return second_of(work, command.second, Action.CLOSE_SHIFT)


def _shift_record(work: Work, shift: Shift, staff: str) -> slips.ShiftRecord:
    moves = work.tools.book.cash_moves(shift.shift)
    return slips.ShiftRecord(
        slip_desk.head(work),
        staff,
        shift.opened_ms,
        len({move.trade for move in moves if move.trade}),
        -sum(move.amount_fen for move in moves if move.trade and move.amount_fen < 0),
        sum(move.amount_fen for move in moves if move.trade and move.amount_fen > 0),
        shift.expected_fen,
        shift.counted_fen,
        shift.second,
        shift.reason,
    )
