"""Retention: the key of every kind of personal data is destroyed when its time is over. The ledger still verifies."""

from __future__ import annotations

from kiosk.flow.counter.work import Work
from recycling.retention import Kept, due
from recycling.trade import ENDED

_KINDS = {
    "phone_number": Kept.PHONE_NUMBER,
    "id_number": Kept.ID_NUMBER,
    "signature": Kept.SIGNATURE,
}


def forget_due(work: Work) -> None:
    """Every key that is left. An IMEI's copy goes with the trade's end: from the acceptance it is the ledger's."""
    gone = []
    for subject in work.tools.book.kept_subjects():
        trade_id, _, kind = subject.partition(":")
        trade = work.tools.book.trade(trade_id)
        if trade is None or trade.state not in ENDED:
            continue
        kept = Kept.PHOTOS if kind.startswith("photo_") else _KINDS.get(kind)
        if kind == "imei" or (kept is not None and due(kept, trade.since_ms, work.now_ms)):
            gone.append(subject)
    if gone:
        work.commit(forget=gone)
