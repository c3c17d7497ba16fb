"""The rules of a trade-in, one function per event: guards first, then what changes. Which comes when: trade_in.py."""

from __future__ import annotations

from dataclasses import replace

from recycling import trade_events as e
from recycling.errors import Refused
from recycling.goods import Hazard
from recycling.trade import (
    BACKUPS,
    CHECK_GOOD_MS,
    CONSENTS,
    HOLD_MS,
    ID_KINDS,
    PAYOUTS,
    Quote,
    State,
    Trade,
)

S = State


def identified(trade: Trade, event: e.Identified) -> Trade:
    """A first IMEI, or another one typed before anything was asked about the first. What was flagged stays flagged."""
    moved = replace(
        trade,
        model=event.model,
        imei_digest=event.imei_digest,
        imei_end=event.imei_end,
        age_from=event.age_from,
        repeat=event.repeat,
        serial_digest=event.serial_digest,
        check=None,
    )
    return to(moved, S.IDENTIFIED, event)


def flagged(trade: Trade, event: e.Flagged) -> Trade:
    """A new flag takes an earlier approval away: it was given without it."""
    flags = tuple(sorted({*trade.flags, *event.rules}))
    return trade if flags == trade.flags else replace(trade, flags=flags, approved_by="")


def stopped(trade: Trade, event: e.Stopped) -> Trade:
    """For good: a new trade-in begins anew."""
    return to(replace(trade, stopped=event.rule), S.STOPPED, event)


def checked(trade: Trade, event: e.Checked) -> Trade:
    """Only a passing check goes on; the caller stops the others."""
    if not event.check.passing:
        raise Refused("check_not_passing", f"{trade.trade}: {event.check}")
    # What the label or an earlier look said stands: a phone that comes into the bay later binds nothing anew.
    known = trade.serial_digest or event.check.serial_digest
    moved = replace(trade, check=event.check, serial_digest=known)
    return to(moved, S.CLEARED, event) if trade.state is S.IDENTIFIED else moved


def photographed(trade: Trade, event: e.Photographed) -> Trade:
    """One of a side."""
    kept = tuple(photo for photo in trade.photos if photo.side != event.photo.side)
    return replace(trade, photos=(*kept, event.photo))


def inspected(trade: Trade, event: e.Inspected) -> Trade:
    """A new inspection takes the quote away."""
    moved = replace(trade, inspection=event.inspection, quote=None, approved_by="")
    return to(moved, S.INSPECTED, event)


def quoted(trade: Trade, event: e.Quoted) -> Trade:
    """A new quote takes the approval away. A locked phone and grade E are worth nothing here."""
    quote = event.quote
    if min(quote.price_fen, quote.to_pay_fen, quote.payout_fen, quote.voucher_fen, quote.new_price_fen) < 0:
        raise Refused("amount_negative", f"{trade.trade}: an amount below 0")
    if (
        quote.payout_fen + quote.voucher_fen + max(0, quote.new_price_fen - quote.to_pay_fen)
        != quote.price_fen
    ):
        raise Refused("amounts_differ", f"{trade.trade}: the parts are not the price")
    _free_if_locked(trade, quote)
    return to(replace(trade, quote=quote, approved_by=""), S.QUOTED, event)


def approved(trade: Trade, event: e.Approved) -> Trade:
    """Never by the quoter."""
    if trade.quote is None or event.second in ("", trade.quote.by):
        raise Refused("approver_is_quoter", f"{trade.trade}: approved by its own quoter")
    return replace(trade, approved_by=event.second)


def needs_second(trade: Trade) -> bool:
    """Whether a second member of staff has to agree and has not yet."""
    wanted = bool(trade.flags) or (trade.quote is not None and trade.quote.needs_second)
    return wanted and not trade.approved_by


def offered(trade: Trade, event: e.Offered) -> Trade:
    """Only an approved quote of today."""
    if needs_second(trade):
        raise Refused("second_needed", f"{trade.trade}: a second member of staff has to agree")
    _in_time(trade, event)
    _free_if_locked(trade, trade.quote)
    return to(trade, S.OFFERED, event)


def declined(trade: Trade, event: e.Declined) -> Trade:
    """Without a reason asked."""
    return to(trade, S.DECLINED, event)


def expired(trade: Trade, event: e.Expired) -> Trade:
    """Not before its time."""
    if trade.quote is None or event.at_ms < trade.quote.good_until_ms:
        raise Refused("not_expired", f"{trade.trade}: the quote still holds")
    return to(trade, S.EXPIRED, event)


def returned(trade: Trade, event: e.Returned) -> Trade:
    """Ends it."""
    return to(trade, S.RETURNED, event)


def accepted(trade: Trade, event: e.Accepted) -> Trade:
    """Invariant 3: signature, id, all consents, and a passing check younger than 24 hours."""
    given = event.acceptance
    _in_time(trade, event)
    if given.consents != CONSENTS:
        missing = ", ".join(sorted(CONSENTS - given.consents)) or "unknown ones"
        raise Refused("consent_missing", f"{trade.trade}: {missing}", {"consents": missing})
    if not given.signature_digest:
        raise Refused("signature_missing", f"{trade.trade}: not signed")
    if not given.id_digest or given.id_kind not in ID_KINDS:
        raise Refused("id_missing", f"{trade.trade}: no id")
    if given.backup not in BACKUPS or not given.text_version:
        raise Refused("consent_missing", f"{trade.trade}: backup not answered", {"consents": "backup"})
    _fresh(trade, event.at_ms)
    _free_if_locked(trade, trade.quote)
    assert trade.quote is not None
    if given.payout not in PAYOUTS or (given.payout == "top_up") != bool(trade.quote.new_price_fen):
        raise Refused("payout_wrong", f"{trade.trade}: {given.payout}", {"payout": given.payout})
    if len(event.imei) != 15:
        raise Refused("imei_length", f"{trade.trade}: accepted without its IMEI", {"digits": len(event.imei)})
    return to(replace(trade, acceptance=given, imei=event.imei), S.ACCEPTED, event)


def claim_answered(trade: Trade, event: e.ClaimAnswered) -> Trade:
    """A provisional one becomes payable, or stops."""
    if not trade.provisional or trade.check is None:
        return trade
    moved = replace(trade, check=replace(trade.check, claim=event.answer))
    if event.answer == "granted":
        return moved
    return stopped(moved, e.Stopped(event.at_ms, f"claim_{event.answer}"))


def erase_begun(trade: Trade, event: e.EraseBegun) -> Trade:
    """Invariant 4: only what its owner accepted; the same phone at every attempt."""
    if trade.acceptance is None:
        raise Refused("not_accepted", f"{trade.trade}: nobody has accepted")
    if trade.serial and event.serial and trade.serial != event.serial:
        raise Refused("wrong_phone", f"{trade.trade}: another phone is in the bay")
    moved = replace(trade, product=event.product or trade.product, serial=event.serial or trade.serial)
    return to(moved, S.ERASING, event)


def certified(trade: Trade, event: e.Certified) -> Trade:
    """With the certificate's number."""
    if not event.certificate:
        raise Refused("certificate_missing", f"{trade.trade}: no certificate")
    return to(replace(trade, certificate=event.certificate), S.ERASED, event)


def destroy_routed(trade: Trade, event: e.DestroyRouted) -> Trade:
    """Why is kept."""
    return to(replace(trade, destroy=event.why or "unsaid"), S.DESTROY, event)


def sealed(trade: Trade, event: e.Sealed) -> Trade:
    """A seal has a number."""
    if not 4 <= len(event.seal) <= 40:
        raise Refused("seal_unreadable", f"{trade.trade}: {len(event.seal)} characters")
    return to(replace(trade, seal=event.seal), S.SEALED, event)


def settled(trade: Trade, event: e.Settled) -> Trade:
    """Invariants 2 and 4."""
    if trade.provisional:
        raise Refused("provisional", f"{trade.trade}: headquarters has not answered yet")
    if not trade.seal:
        raise Refused("not_sealed", f"{trade.trade}: no seal")
    if not trade.certificate and not trade.destroy:
        raise Refused("not_erased", f"{trade.trade}: neither certified nor destroyed")
    return to(trade, S.SETTLED, event)


def held(trade: Trade, event: e.Held) -> Trade:
    """A swollen one never comes near the others."""
    if trade.hazard is not Hazard.NONE:
        raise Refused("quarantine_only", f"{trade.trade}: {trade.hazard}")
    if not event.shelf:
        raise Refused("shelf_missing", f"{trade.trade}: no shelf")
    return to(replace(trade, hold_until_ms=event.at_ms + HOLD_MS, place_name=event.shelf), S.HELD, event)


def quarantined(trade: Trade, event: e.Quarantined) -> Trade:
    """Only what is dangerous."""
    if trade.hazard is Hazard.NONE:
        raise Refused("not_hazardous", f"{trade.trade}: nothing dangerous was seen")
    return to(replace(trade, place_name=event.place), S.QUARANTINED, event)


def released(trade: Trade, event: e.Released) -> Trade:
    """Invariant 6: after 30 days and with another passing check, answered by headquarters."""
    if event.at_ms < trade.hold_until_ms:
        days = -(-(trade.hold_until_ms - event.at_ms) // 86_400_000)
        raise Refused("held_still", f"{trade.trade}: {days} days left", {"days": days})
    if not event.check.passing or event.check.claim != "granted":
        raise Refused("check_not_passing", f"{trade.trade}: {event.check}")
    return to(replace(trade, check=event.check), S.RELEASED, event)


def binned(trade: Trade, event: e.Binned) -> Trade:
    """Which bin."""
    return to(replace(trade, place_name=str(event.bin)), S.BINNED, event)


def manifested(trade: Trade, event: e.Manifested) -> Trade:
    """Which manifest."""
    if not event.manifest:
        raise Refused("no_manifest", f"{trade.trade}: no manifest")
    return to(replace(trade, manifest=event.manifest, place_name=""), S.MANIFESTED, event)


def received(trade: Trade, event: e.Received) -> Trade:
    """There."""
    return to(trade, S.RECEIVED, event)


def came_back(trade: Trade, event: e.CameBack) -> Trade:
    """Into quarantine, to go out under another manifest."""
    return to(replace(trade, manifest="", place_name=event.place), S.QUARANTINED, event)


def processed(trade: Trade, event: e.Processed) -> Trade:
    """The end."""
    return to(trade, S.PROCESSED, event)


def to(trade: Trade, state: State, event: e.Event) -> Trade:
    """In another state since now; in the same, since then."""
    return trade if trade.state is state else replace(trade, state=state, since_ms=event.at_ms)


def _free_if_locked(trade: Trade, quote: Quote | None) -> None:
    """The lock may be seen only after the quote, when the phone is looked at once more."""
    if trade.check is not None and trade.check.lock != "none" and quote is not None and quote.price_fen:
        raise Refused("locked_is_free", f"{trade.trade}: a locked phone is taken for nothing")


def _in_time(trade: Trade, event: e.Event) -> None:
    if trade.quote is None or event.at_ms >= trade.quote.good_until_ms:
        raise Refused("quote_expired", f"{trade.trade}: the quote's day is over")


def _fresh(trade: Trade, now_ms: int) -> None:
    if trade.check is None or not trade.check.passing:
        raise Refused("check_not_passing", f"{trade.trade}: no passing check")
    # A clock that was set back makes a check look as if it came from the future: not fresh either.
    if not 0 <= now_ms - trade.check.at_ms < CHECK_GOOD_MS:
        raise Refused("check_old", f"{trade.trade}: the check is older than 24 hours")
