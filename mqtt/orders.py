"""May this command be carried out? Pure: the rules that make a replayed or misdirected command worthless."""

from __future__ import annotations

from mqtt.messages import Command


class Orders:
    """The commands of one connection, which is known by the nonce of its birth.

    The nonce is new with each connection, so no recorded command passes even when the station's clock is
    wrong.
    """

    def __init__(self, station: str, epoch: str, nonce: bytes) -> None:
        self._station = station
        self._epoch = epoch
        self._nonce = nonce
        self._counter = 0
        self._answers: dict[bytes, str] = {}

    def refusal(self, command: Command, now_ms: int) -> str:
        """Why ``command`` must not be carried out, one line; "" when it may."""
        if command.station != self._station or command.epoch != self._epoch:
            return "it is for another station or another ledger"
        if command.expires_ms <= now_ms:
            return "it has expired"
        if command.counter <= self._counter:
            return "a later command was already carried out"
        return ""

    def stale(self, command: Command) -> bool:
        """Made for an earlier connection; not answered, for headquarters makes it anew after each birth."""
        return command.nonce != self._nonce

    def answered(self, command: Command) -> str | None:
        """What was answered to the same command on this connection: "" done, a reason, or None if it is
        new.
        """
        return self._answers.get(command.id)

    def answer(self, command: Command, why: str) -> None:
        """Remember what was answered; a command that was refused uses up no counter."""
        self._answers[command.id] = why
        if not why:
            self._counter = max(self._counter, command.counter)
