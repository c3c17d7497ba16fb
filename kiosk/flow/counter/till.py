"""The drawer's cash: what it should hold, cash put in or taken out before two people, the count at a shift's close.

It moves no money of a trade-in; settling.py does, and asks here whether the drawer holds it.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import slip_desk, slips
from kiosk.flow.counter.staffing import second_of
from kiosk.flow.counter.things import CashMove, Shift
from kiosk.flow.counter.work import Work
from recycling.errors import Refused
from service.technician import Action

MAX_CHANGE_FEN = 100_000_00
MAX_REASON = 40


def cash_fen(work: Work) -> int:
    """What the drawer should hold."""
    return work.tools.book.cash_fen(work.memory.shift.shift) if work.memory.shift else 0


def shift_id(work: Work) -> str:
    """The open shift; cash moves only in one. :class:`Refused` "no_shift"."""
    if work.memory.shift is None:
        raise Refused("no_shift", "no shift is open")
    return work.memory.shift.shift


def must_hold(work: Work, need_fen: int) -> None:
    """That much may leave the drawer. :class:`Refused` "no_shift", "cash_short" (``have_fen``, ``need_fen``)."""
    shift_id(work)
    have_fen = cash_fen(work)
    # Putting in and receiving are always let: a book of an earlier version may stand below nothing.
    if need_fen > max(have_fen, 0):
        values = {"have_fen": have_fen, "need_fen": need_fen}
        raise Refused("cash_short", f"the drawer holds {have_fen} fen, not {need_fen}", values)


def change(work: Work, command: c.CashChange) -> None:
    """Put in, or taken to the safe, never more than there is. :class:`Refused` "cash_amount", "cash_reason" too."""
    work.staff(Action.SIGN)
    amount_fen, reason = command.amount_fen, command.reason.strip()
    if not 0 < abs(amount_fen) <= MAX_CHANGE_FEN:
        raise Refused("cash_amount", f"{amount_fen} fen", {"most_fen": MAX_CHANGE_FEN})
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise Refused("cash_reason", "a reason has 1 to 40 characters", {"most": MAX_REASON})
    must_hold(work, -amount_fen)
    second = second_of(work, command.second, Action.CLOSE_SHIFT)
    move = CashMove(work.tools.new_id(), shift_id(work), "", amount_fen, work.now_ms, reason, second)
    body = {"amount_fen": amount_fen, "reason": reason, "second": second}
    work.commit(move, notes=[work.note("cash.changed", move.shift, body)])


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
        put_in_fen=sum(move.amount_fen for move in moves if move.reason and move.amount_fen > 0),
        taken_fen=-sum(move.amount_fen for move in moves if move.reason and move.amount_fen < 0),
        carried_fen=sum(move.amount_fen for move in moves if not move.trade and not move.reason),
    )
