"""Seal, payment, voucher. Money is asked for once per key; what is not known is asked about, never paid again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kiosk.counter_ports import Payments
from kiosk.flow.counter import commands as c
from kiosk.flow.counter import slip_desk, till
from kiosk.flow.counter.things import CashMove, Noted, Seal, Thing, Voucher
from kiosk.flow.counter.work import Outcome, Work
from recycling import settlement as s
from recycling import trade_events as te
from recycling import voucher as tokens
from recycling.errors import Refused
from recycling.trade import DAY_MS, State, Trade
from recycling.trade_in import MACHINE as TRADE
from service.technician import Action

STEP = s.MACHINE.step
VOUCHER_DAYS = 365
WORTHLESS = {"used": "voucher_replay", "forged": "voucher_forged", "expired": ""}
"""Why a voucher is not taken, and what it is flagged as."""


def seal(work: Work, command: c.TradeSeal) -> None:
    """The bag's seal, used once; both labels are printed."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    number = command.seal.strip().upper()
    if not number.isascii() or not number.replace("-", "").isalnum():
        raise Refused("seal_unreadable", "a seal has letters, digits and dashes")
    if work.tools.book.seal_used(number):
        raise Refused("seal_used", f"seal {number} was used before", {"seal": number})
    after = TRADE.step(trade, te.Sealed(work.now_ms, number))
    note = work.note("trade.sealed", trade.trade, {"seal": number})
    labels = slip_desk.labels(work, after)
    work.commit(after, Seal(number, trade.trade, work.now_ms), *labels, notes=[note])
    slip_desk.print_waiting(work)


def settle(work: Work, command: c.TradeSettle) -> None:
    """Intend the payment, then ask for it; asked twice it is looked up, not paid twice."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    known = work.memory.settlement(trade.trade)
    if known is not None and known.state is s.State.PAID:
        return
    if known is not None and known.method == "transfer":
        reconcile(work, known)
        return
    if known is not None and command.method != "transfer":
        return
    _intend(work, trade, command.method, known)


def _intend(work: Work, trade: Trade, wanted: str, instead_of: s.Settlement | None) -> None:
    """``instead_of``: cash that was intended and is not there. What refuses comes before anything is written."""
    if trade.state is not State.SEALED or trade.quote is None or trade.acceptance is None:
        raise Refused("not_now", f"{trade.trade}: {trade.state}", {"state": trade.state.value})
    if trade.provisional:
        raise Refused("provisional", f"{trade.trade}: headquarters has not answered yet")
    method = _method(work, trade, wanted)
    amount_fen, receive_fen = trade.quote.payout_fen, trade.quote.to_pay_fen
    if method in ("cash", "top_up"):
        till.must_hold(work, amount_fen - receive_fen)
    if method == "transfer":
        _payments(work)
    things, notes = _given_up(work, instead_of)
    attempt = work.memory.refused_payments(trade.trade) + len(things) + 1
    intended = s.intended(trade.trade, attempt, method, amount_fen, receive_fen, work.now_ms)
    body = {"key": intended.key, "amount_fen": amount_fen, "method": method}
    notes.append(work.note("settlement.intended", trade.trade, body))
    if method == "nothing":
        _paid(work, trade, intended, 0, before=[intended], notes=notes)
        return
    work.commit(*things, intended, notes=notes)
    if method == "transfer":
        _pay(work, intended)


def _given_up(work: Work, known: s.Settlement | None) -> tuple[list[s.Settlement], list[Noted]]:
    if known is None:
        return [], []
    note = work.note("settlement.refused", known.trade, {"key": known.key}, "station")
    return [STEP(known, s.Declined(work.now_ms))], [note]


def _method(work: Work, trade: Trade, wanted: str) -> str:
    """As accepted, but for cash after a refused transfer, and a transfer where the drawer lacks the cash."""
    assert trade.quote is not None
    assert trade.acceptance is not None
    if trade.quote.payout_fen == 0 and trade.quote.to_pay_fen == 0:
        return "nothing"
    accepted = trade.acceptance.payout
    refused = work.memory.refused_payments(trade.trade)
    short = till.cash_fen(work) < trade.quote.payout_fen
    instead = (accepted, wanted) == ("transfer", "cash") and refused
    instead = instead or ((accepted, wanted) == ("cash", "transfer") and short)
    if wanted not in ("", accepted) and not instead:
        raise Refused("payout_wrong", f"{trade.trade}: {wanted[:20]}", {"payout": wanted[:20]})
    return wanted or accepted


def _pay(work: Work, intended: s.Settlement) -> None:
    payments = _payments(work)
    work.run(
        "paying",
        intended.trade,
        lambda: payments.pay(intended.key, intended.amount_fen, intended.method),
        _answered(work, intended.key, "settlement."),
        waits=False,
    )


def reconcile(work: Work, known: s.Settlement) -> None:
    """Ask what became of a payment; one that was never asked for is asked for, under the same key."""
    payments = _payments(work)

    def call() -> str:
        state = payments.state(known.key)
        if state == "never_asked":
            return payments.pay(known.key, known.amount_fen, known.method)
        return state

    work.run("reconciling", known.trade, call, _answered(work, known.key, "reconciled"), waits=False)


def _answered(work: Work, key: str, how: str) -> Callable[[Outcome], None]:
    def then(outcome: Outcome) -> None:
        known = work.memory.settlements[key]
        answer = outcome.value if outcome.error is None else "unknown"
        reconciled = how == "reconciled"
        if answer == "paid":
            note = work.note("settlement.reconciled", known.trade, {"key": key, "state": "paid"}, "station")
            _paid(work, work.memory.trade(known.trade), known, 0, notes=[note] if reconciled else [])
            return
        event = s.Declined(work.now_ms) if answer == "refused" else s.Unknown(work.now_ms)
        after = STEP(known, event)
        if after is not known:
            kind = "settlement.refused" if answer == "refused" else "settlement.unknown"
            work.commit(after, notes=[work.note(kind, known.trade, {"key": key}, "station")])
        work.say(known.trade, "payment_refused" if answer == "refused" else "payment_unknown")

    return then


def cash_handed(work: Work, command: c.CashHanded) -> None:
    """Staff's word that cash changed hands: paid out, or taken for the new phone."""
    work.staff(Action.SIGN)
    trade = work.memory.trade(command.trade)
    known = work.memory.settlement(trade.trade)
    if known is None or known.method not in ("cash", "top_up"):
        raise Refused("not_now", f"{trade.trade}: no cash is waited for", {"state": trade.state.value})
    if known.state is s.State.PAID:
        return
    if command.received_fen < known.receive_fen:
        short_fen = known.receive_fen - max(0, command.received_fen)
        raise Refused(
            "received_short", f"{trade.trade}: {short_fen} fen are missing", {"short_fen": short_fen}
        )
    till.must_hold(work, known.amount_fen - known.receive_fen)
    _paid(work, trade, known, command.received_fen)


def _paid(
    work: Work,
    trade: Trade,
    known: s.Settlement,
    received_fen: int,
    *,
    before: Sequence[Thing] = (),
    notes: Sequence[Noted] = (),
) -> None:
    """Payment, cash, voucher, trade and slip in one transaction."""
    now_ms = work.now_ms
    paid = STEP(known, s.Paid(now_ms))
    things: list[Thing] = [*before, paid]
    said = [*notes, work.note("settlement.paid", trade.trade, {"key": known.key})]
    moved_fen = known.receive_fen - known.amount_fen
    if known.method in ("cash", "top_up") and moved_fen:
        things.append(CashMove(work.tools.new_id(), till.shift_id(work), trade.trade, moved_fen, now_ms))
    settled = TRADE.step(trade, te.Settled(now_ms))
    voucher = _voucher(work, trade)
    until_ms = now_ms + VOUCHER_DAYS * DAY_MS
    if voucher is not None:
        things.append(voucher)
        body = {"voucher": voucher.voucher, "amount_fen": voucher.amount_fen}
        said.append(work.note("voucher.issued", trade.trade, body))
    slip = slip_desk.settlement(work, settled, paid, received_fen, voucher.code if voucher else "", until_ms)
    work.commit(*things, settled, slip, notes=[*said, work.note("trade.settled", trade.trade)])
    if voucher is not None:
        work.memory.vouchers[trade.trade] = voucher.code
    work.said.pop(trade.trade, None)
    slip_desk.print_waiting(work)


def _voucher(work: Work, trade: Trade) -> Voucher | None:
    assert trade.quote is not None
    if trade.quote.voucher_fen == 0:
        return None
    if work.tools.sign is None:
        raise Refused("no_station_key", "this counter cannot sign vouchers")
    number, expires_ms = work.tools.new_id(), work.now_ms + VOUCHER_DAYS * DAY_MS
    station = work.tools.shop.station
    code = tokens.issue(work.tools.sign, number, trade.quote.voucher_fen, station, expires_ms)
    return Voucher(number, trade.quote.voucher_fen, trade.trade, code, work.now_ms)


def redeem(work: Work, command: c.VoucherRedeem) -> None:
    """Good once, anywhere: headquarters says so, and without its word nothing is taken."""
    work.staff(Action.SIGN)
    claim = tokens.unverified(command.code)
    body: dict[str, object] = {"voucher": claim.voucher}
    try:
        tokens.read(_signed_here(work), command.code, work.now_ms)
    except Refused as exc:
        raise _worthless(work, claim, exc.reason.removeprefix("voucher_")) from exc
    known = work.tools.book.voucher(claim.voucher)
    if known is not None and known.state == "redeemed":
        raise _worthless(work, claim, "used")
    if claim.amount_fen > command.amount_fen:
        values = {"amount_fen": claim.amount_fen}
        raise Refused("voucher_above_bill", f"{claim.amount_fen} fen are more than the bill", values)
    claims = work.tools.claims
    if claims is None:
        raise Refused("voucher_offline", "no line to headquarters")

    def then(outcome: Outcome) -> None:
        if outcome.value == "granted":
            done = Voucher(
                claim.voucher,
                claim.amount_fen,
                known.trade if known else "",
                command.code,
                work.now_ms,
                "redeemed",
            )
            said = work.note("voucher.redeemed", "", {**body, "amount_fen": claim.amount_fen})
            work.commit(done, notes=[said])
            return
        if outcome.value in WORTHLESS:
            raise _worthless(work, claim, outcome.value)
        raise Refused("voucher_offline", "headquarters does not answer")

    work.run("voucher", "", lambda: claims.redeem(command.code, claim.station), then)


def _signed_here(work: Work) -> tokens.Verify:
    """Whether this station's own code is its own; other stations' keys only headquarters knows."""
    sign, here = work.tools.sign, work.tools.shop.station
    return lambda station, message, signature: sign is None or station != here or sign(message) == signature


def _worthless(work: Work, claim: tokens.VoucherClaim, why: str) -> Refused:
    """Tell the ledger, and headquarters where somebody tried what no honest customer does; the refusal to raise."""
    notes = [work.note("voucher.refused", "", {"voucher": claim.voucher, "why": why})]
    if WORTHLESS[why]:
        flag = {"rule": WORTHLESS[why], "detail": claim.voucher}
        notes.append(work.note("fraud.flagged", "", flag))
    work.commit(notes=notes)
    return Refused(f"voucher_{why}", f"voucher {claim.voucher}: {why}")


def payments_again(work: Work) -> None:
    """Payments without an answer are asked about again, one by one."""
    if work.tools.payments is None:
        return
    for known in list(work.memory.settlements.values()):
        open_one = known.state in (s.State.INTENDED, s.State.UNKNOWN) and known.method == "transfer"
        if not open_one or known.trade in work.busy:
            continue
        due_ms = work.asked_ms.get(known.key, -(10**9)) + int(1000 * work.tools.patience.ask_again_s)
        if work.mono_ms >= due_ms:
            work.asked_ms[known.key] = work.mono_ms
            reconcile(work, known)


def _payments(work: Work) -> Payments:
    if work.tools.payments is None:
        raise Refused("payments_missing", "this counter cannot transfer money")
    return work.tools.payments
