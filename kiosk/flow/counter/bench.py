"""Which handler answers which command, and how a refusal becomes words. It decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.flow.counter import (
    answers,
    dropping,
    erasing,
    intake,
    pricing,
    settling,
    shelving,
    shipping,
    staffing,
    till,
)
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.work import Work
from recycling.errors import Refused

HANDLERS: Mapping[type[c.Command], Callable[[Work, Any], None]] = {
    c.DropBegin: dropping.begin,
    c.DropCategory: dropping.category,
    c.DropHazard: dropping.hazard,
    c.DropTaped: dropping.taped,
    c.DropOpen: dropping.open_flap,
    c.DropAnother: dropping.another,
    c.DropDone: dropping.done,
    c.DropResolve: dropping.resolve,
    c.StaffIn: staffing.come_in,
    c.StaffOut: staffing.go_out,
    c.StaffHere: staffing.back,
    c.TradeBegin: intake.begin,
    c.TradeIdentify: intake.identify,
    c.TradeCheck: intake.check,
    c.TradePhoto: intake.photo,
    c.TradeInspect: intake.inspect,
    c.TradeQuote: pricing.make_quote,
    c.TradeApprove: pricing.approve,
    c.TradeOffer: pricing.offer,
    c.TradeDecline: pricing.decline,
    c.TradeAccept: pricing.accept,
    c.TradeReturn: pricing.give_back,
    c.EraseStart: erasing.start,
    c.EraseResetDone: erasing.reset_done,
    c.EraseGiveUp: erasing.give_up,
    c.TradeSeal: settling.seal,
    c.TradeSettle: settling.settle,
    c.CashHanded: settling.cash_handed,
    c.VoucherRedeem: settling.redeem,
    c.TradeHold: shelving.hold,
    c.TradeRelease: shelving.release,
    c.TradeBin: shelving.to_bin,
    c.DrawerOpen: shelving.drawer_open,
    c.DrawerEmpty: shelving.drawer_empty,
    c.BinLock: shelving.lock,
    c.BinEmpty: shelving.empty,
    c.BinClosed: shelving.closed,
    c.ManifestDraft: shipping.draft,
    c.ManifestRedirect: shipping.redirect,
    c.ManifestAdd: shipping.add,
    c.ManifestSeal: shipping.seal,
    c.ManifestPickUp: shipping.pick_up,
    c.ManifestAnswer: answers.answer,
    c.ManifestRevise: answers.revise,
    c.ManifestReviseAnswer: answers.revise_answer,
    c.ShiftClose: till.close_shift,
    c.CashChange: till.change,
}


def subject_of(command: c.Command) -> str:
    """What a command is about: a drop, trade, manifest, item or bin; "" = nothing in particular."""
    for name in ("drop", "trade", "manifest", "item"):
        found = getattr(command, name, "")
        if isinstance(found, str) and found:
            return found[:64]
    number = getattr(command, "bin", None)
    return f"bin:{number}" if isinstance(number, int) else ""


def handle(work: Work, ticket: int, command: c.Command) -> None:
    """Do it, or say why not; what was said about the same subject before is taken back."""
    subject = subject_of(command)
    work.ticket = ticket
    work.said.pop(subject, None)
    work.said.pop("", None)
    try:
        _check(work, command, subject)
        HANDLERS[type(command)](work, command)
    except Exception as exc:  # noqa: BLE001
        # The next command must find a worker; what was not committed did not happen.
        work.refuse(exc, subject)
    finally:
        work.ticket = 0


def _check(work: Work, command: c.Command, subject: str) -> None:
    if type(command) not in HANDLERS:
        raise Refused("unknown_command", f"{type(command).__name__} has no handler")
    if getattr(command, "trade", "") and subject in work.busy:
        raise Refused("busy", f"{subject}: {work.busy[subject]}", {"what": work.busy[subject]})
