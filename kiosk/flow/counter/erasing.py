"""Erasing an accepted phone in front of its owner: an attempt, a second look, a certificate; or the way to destruction.

An unlocked phone that proves to be the trade's own is erased over its cable; every other by its own factory reset.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk.counter_ports import Eraser, PhoneLook
from kiosk.flow.counter import bay_lease, same_phone, slip_desk
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.things import Noted, Thing
from kiosk.flow.counter.work import Outcome, Work
from recycling import erasure as e
from recycling import trade_events as te
from recycling.errors import Refused
from recycling.goods import Hazard
from recycling.trade import State, Trade
from recycling.trade_in import MACHINE as TRADE
from service.technician import Action, Technician

STEP = e.MACHINE.step


def start(work: Work, command: c.EraseStart) -> None:
    """Look at the phone in the bay, choose the method, begin."""
    technician = work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    eraser = _eraser(work)
    where = work.tools.shop.where(command.bay)
    if not where:
        raise Refused("bay_unknown", f"no bay {command.bay[:40]!r}", {"bay": command.bay[:40]})
    if not TRADE.may(trade.state, te.EraseBegun):
        raise Refused("not_now", f"{trade.trade}: {trade.state}", {"state": trade.state.value})
    if trade.hazard is not Hazard.NONE:
        raise Refused("hazard_no_cable", f"{trade.trade}: {trade.hazard} phones are not plugged in")
    known = work.memory.erasures.get(trade.trade, e.Erasure(trade.trade))
    if known.state is not e.State.INTERRUPTED and known.attempt >= e.ATTEMPTS:
        raise Refused("attempts_used", f"{trade.trade}: {e.ATTEMPTS} attempts", {"attempts": e.ATTEMPTS})
    bay_lease.take(work, where, trade.trade)

    def then(outcome: Outcome) -> None:
        erases = False
        try:
            begun = _begun(work, work.memory.trade(trade.trade), where, outcome, technician)
            erases = begun.method == "fastboot_erase"
        finally:
            if not erases:
                bay_lease.let_go(work, where, trade.trade)
        if erases:
            _erase(work, begun)

    patience = work.tools.patience
    work.run("looking", trade.trade, lambda: eraser.look(where, patience.look_s, work.stopping), then)


def _begun(work: Work, trade: Trade, where: str, outcome: Outcome, by: Technician) -> e.Erasure:
    """Commit the intent before anything is touched."""
    if outcome.error is not None:
        work.unheard.add(trade.trade)
        raise Refused("phone_silent", str(outcome.error)[:200], {"bay": work.tools.shop.number(where)})
    look: PhoneLook = outcome.value
    same_phone.refuse_another(work, trade, look)
    in_bootloader = look.mode == "bootloader"
    over_cable = look.unlocked is True and same_phone.proven(work, trade, look)
    method = "fastboot_erase" if over_cable else "factory_reset"
    now_ms = work.now_ms
    serial = look.serial if in_bootloader else ""
    erasing = TRADE.step(trade, te.EraseBegun(now_ms, look.product, serial))
    if method == "fastboot_erase":
        e.order(erasing)  # what it refuses comes before anything is written
    known = work.memory.erasures.get(trade.trade, e.Erasure(trade.trade))
    event = e.Begun(
        now_ms,
        method,
        work.tools.shop.number(where),
        where,
        look.product,
        serial,
        look.files,
        look.mtp_serial,
        by.staff,
        by.role.value,
    )
    begun = STEP(known, event)
    body = {"method": method, "attempt": begun.attempt, "partitions": list(e.PARTITIONS)}
    work.progress[trade.trade] = ("check" if method == "fastboot_erase" else "reset_guide", 0)
    work.commit(erasing, begun, notes=[work.note("erase.intended", trade.trade, body)])
    return begun


def _erase(work: Work, begun: e.Erasure) -> None:
    eraser = _eraser(work)
    order = e.order(work.memory.trade(begun.trade))

    def on_step(step: str, percent: int) -> None:
        earlier = work.progress.get(begun.trade, ("", 0))[1]
        work.progress[begun.trade] = (step, max(earlier, min(percent, 100)))
        work.changed()

    def then(outcome: Outcome) -> None:
        if outcome.error is None:
            _ran(work, work.memory.erasures[begun.trade], False)
            return
        bay_lease.let_go(work, begun.where, begun.trade)
        known = work.memory.erasures[begun.trade]
        refused = getattr(outcome.error, "fault", "") == "phone" and not getattr(
            outcome.error, "written", False
        )
        if refused:
            _failed(work, STEP(known, e.Refusal(work.now_ms, outcome.reason)))
        else:
            interrupt(work, known, outcome.reason)

    work.run("erasing", begun.trade, lambda: eraser.erase(begun.where, order, on_step), then, waits=False)


def interrupt(work: Work, known: e.Erasure, why: str) -> None:
    """What the phone holds now is not known; the same attempt goes on when staff begin again."""
    after = STEP(known, e.Interrupted(work.now_ms, why))
    if after is not known:
        work.commit(after, notes=[work.note("erase.interrupted", known.trade, {"why": why}, "station")])
        work.say(known.trade, "erase_interrupted", {"why": why}, urgent=True)


def reset_done(work: Work, command: c.EraseResetDone) -> None:
    """The phone's own reset was carried out: look at it again."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    known = work.memory.erasures.get(trade.trade)
    by_hand = known is not None and known.state is e.State.RUNNING and known.method == "factory_reset"
    # After a look that proved nothing: somebody has allowed the transfer, or sees the wizard now.
    if known is None or not (by_hand or known.state is e.State.FAILED):
        raise Refused("not_now", f"{trade.trade}: no reset is under way", {"state": trade.state.value})
    bay_lease.take(work, known.where, known.trade)
    _ran(work, known, command.wizard_seen)


def _ran(work: Work, known: e.Erasure, wizard_seen: bool) -> None:
    with bay_lease.given_back_on_failure(work, known.where, known.trade):
        verifying = STEP(known, e.Ran(work.now_ms))
        work.progress[known.trade] = ("looking", 95)
        work.commit(verifying)
    eraser, patience = _eraser(work), work.tools.patience
    work.run(
        "looking",
        known.trade,
        lambda: eraser.look(known.where, patience.second_look_s, work.stopping),
        _second_look(work, known.trade, wizard_seen),
        waits=False,
    )


def _second_look(work: Work, trade_id: str, wizard_seen: bool) -> Callable[[Outcome], None]:
    def then(outcome: Outcome) -> None:
        known = work.memory.erasures[trade_id]
        bay_lease.let_go(work, known.where, trade_id)
        if work.stopping.is_set() and outcome.error is not None:
            interrupt(work, known, "stopped")
            return
        look: PhoneLook | None = outcome.value
        wizard = look.wizard if look else None
        if wizard is None and wizard_seen:
            wizard = True
        event = e.Looked(
            work.now_ms,
            look.mode if look else "",
            look.files if look else None,
            wizard,
            f"EC{trade_id[-12:]}",
            look.product if look else "",
            look.mtp_serial if look else "",
        )
        _judged(work, STEP(known, event), event)

    return then


def _judged(work: Work, judged: e.Erasure, event: e.Looked) -> None:
    looked: dict[str, object] = {"mode": event.mode}
    if event.files is not None:
        looked["files"] = event.files
    if event.wizard is not None:
        looked["wizard"] = event.wizard
    note = work.note("erase.looked", judged.trade, looked, "station")
    if judged.state is e.State.FAILED:
        _failed(work, judged, note)
        return
    trade = TRADE.step(work.memory.trade(judged.trade), te.Certified(work.now_ms, judged.certificate))
    body = {
        "certificate": judged.certificate,
        "method": judged.method,
        "verification": judged.verification,
    }
    kind = "erase.certified" if judged.state is e.State.CERTIFIED else "erase.warning"
    things: list[Thing] = [judged, trade, slip_desk.certificate(work, trade, judged)]
    work.progress[judged.trade] = ("done", 100)
    work.commit(*things, notes=[note, work.note(kind, judged.trade, body)])
    work.said.pop(judged.trade, None)
    _keep_pdf(work, trade, judged)
    slip_desk.print_waiting(work)


def _keep_pdf(work: Work, trade: Trade, judged: e.Erasure) -> None:
    keep = work.tools.keep_certificate
    if keep is not None:
        record = slip_desk.erase_record(work, trade, judged)
        # It can be made again from the book at any time: a failure to write it holds nothing up.
        work.run(
            "certificate", f"pdf:{trade.trade}", lambda: keep(record), lambda _outcome: None, waits=False
        )


def _failed(work: Work, failed: e.Erasure, *notes: Noted) -> None:
    body = {"why": failed.why, "attempt": failed.attempt}
    work.commit(failed, notes=[*notes, work.note("erase.failed", failed.trade, body, "station")])
    work.say(
        failed.trade,
        f"erase_{failed.why}" if failed.why in KNOWN_WHYS else "erase_failed",
        {"attempt": failed.attempt, "attempts": e.ATTEMPTS},
        urgent=True,
    )


KNOWN_WHYS = frozenset({"files_left", "not_reset", "no_answer", "not_proven", "wrong_phone"})


def give_up(work: Work, command: c.EraseGiveUp) -> None:
    """To destruction: only where erasing failed, or cannot be tried: a phone that answers in no bay is never erased."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    known = work.memory.erasures.get(trade.trade, e.Erasure(trade.trade))
    inspection = trade.inspection
    dead = inspection is not None and inspection.answers.get("powers_on") == "no"
    locked = trade.check is not None and trade.check.lock != "none"
    tried = known.state in (e.State.FAILED, e.State.INTERRUPTED)
    if trade.trade in work.busy:
        raise Refused("busy", f"{trade.trade} is being erased", {"what": work.busy[trade.trade]})
    untriable = dead or locked or trade.hazard is not Hazard.NONE or trade.trade in work.unheard
    if not (tried or untriable):
        raise Refused("not_failed", f"{trade.trade}: erasing has not failed")
    why = command.reason.strip()[:40] or "unsaid"
    after = TRADE.step(trade, te.DestroyRouted(work.now_ms, why))
    given_up = STEP(known, e.GaveUp(work.now_ms, why))
    work.commit(after, given_up, notes=[work.note("trade.destroy_routed", trade.trade, {"why": why})])
    work.unheard.discard(trade.trade)
    work.said.pop(trade.trade, None)


def recover(work: Work, why: str = "restarted") -> None:
    """What runs by the book and nobody is at is interrupted: after a restart, or where its end could not be written
    down. A reset by hand goes on where it was.
    """
    for known in list(work.memory.erasures.values()):
        trade = work.memory.trades.get(known.trade)
        if trade is None or trade.state is not State.ERASING:
            continue
        by_hand = known.method == "factory_reset" and known.state is e.State.RUNNING
        if (
            known.state in (e.State.RUNNING, e.State.VERIFYING)
            and not by_hand
            and known.trade not in work.busy
        ):
            interrupt(work, known, why)


def _eraser(work: Work) -> Eraser:
    if work.tools.eraser is None:
        raise Refused("eraser_missing", "this counter cannot erase")
    return work.tools.eraser
