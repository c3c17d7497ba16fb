"""Headquarters' word on claims and vouchers, asked over the reporter. It remembers nothing and decides nothing."""

from __future__ import annotations

import logging
from typing import Literal, Protocol

from mqtt import questions
from mqtt.questions import Answer, Ask

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""Somebody stands at the counter; without an answer the trade-in goes on, provisional and unpaid."""


class Line(Protocol):
    """The reporter's way to ask."""

    def ask(self, ask: Ask, timeout_s: float) -> Answer | None: ...


class HqClaims:
    """:class:`kiosk.counter_ports.Claims`. Without a line every answer is "offline"."""

    def __init__(self, line: Line | None, timeout_s: float = TIMEOUT_S) -> None:
        self._line, self._timeout_s = line, timeout_s

    def claim(self, imei: str, trade: str) -> Literal["granted", "elsewhere", "processed", "offline"]:
        """Whether ``trade`` may take in the phone of ``imei`` (15 digits). Asking again is harmless."""
        match self._outcome(questions.claim(imei, trade)):
            case "granted":
                return "granted"
            case "elsewhere":
                return "elsewhere"
            case "processed":
                return "processed"
            case _:
                return "offline"

    def redeem(
        self, voucher: str, station: str
    ) -> Literal["granted", "used", "forged", "expired", "offline"]:
        """Whether the voucher of that whole code may be taken here. ``station`` issued it; the code says so too.

        A code that nobody signed or that has expired is worth nothing anywhere. Granted holds for this station until
        its ledger says that the voucher was redeemed; other stations hear "used" from then on.
        """
        outcome = self._outcome(questions.redeem(voucher))
        if outcome in {"used", "forged", "expired"}:
            log.info("headquarters on a voucher of %s: %s", station, outcome)
        match outcome:
            case "granted" | "used" | "forged" | "expired":
                return outcome
        return "offline"  # also while the entry that issued it is still on its way

    def history(self, imei: str) -> tuple[dict[str, str | int], ...] | None:
        """What happened to the phone at any station, newest first: rows of station, subject, kind, actor, at_ms.

        At most 64; None without an answer.
        """
        answer = self._ask(questions.imei_history(imei))
        return answer.rows if answer is not None and answer.outcome == "found" else None

    def _outcome(self, ask: Ask) -> str:
        answer = self._ask(ask)
        return "" if answer is None else answer.outcome

    def _ask(self, ask: Ask) -> Answer | None:
        answer = None if self._line is None else self._line.ask(ask, self._timeout_s)
        if answer is not None and answer.outcome == questions.REFUSED:
            log.warning("headquarters refuses a %s: %s", ask.kind, answer.why)
        return answer
