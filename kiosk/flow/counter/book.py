"""What the counter needs of the station's database, as a structural type. One commit is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kiosk.flow.book import Mark
from kiosk.flow.counter.things import CashMove, Change, Thing, Tries, Voucher
from recycling.custody import Item
from recycling.manifest import Manifest
from recycling.settlement import Settlement
from recycling.trade import Trade


class CounterBook(Protocol):
    """Everything at the counter, append-only. Every method may be called from any thread."""

    def commit(self, change: Change) -> Mark:
        """All of it or nothing; :class:`kiosk.errors.StoreError` where the database refuses."""
        ...

    def live(self) -> Sequence[Thing]:
        """The newest state of everything that has not ended."""
        ...

    def tries(self) -> Sequence[Tries]:
        """Wrong PINs that no right one has followed."""
        ...

    def digest(self, text: str) -> str:
        """A keyed digest: the same text gives the same digest at this station, and nobody else has it."""
        ...

    def reveal(self, subject: str, kind: str) -> bytes | None:
        """Personal data that was kept; None when there is none, or its key is gone."""
        ...

    def trades_of(self, imei_digest: str) -> Sequence[Trade]:
        """Every trade-in of that phone, newest first."""
        ...

    def trade(self, trade: str) -> Trade | None: ...

    def manifest(self, manifest: str) -> Manifest | None:
        """Also one that has ended."""
        ...

    def settlements(self, trade: str) -> Sequence[Settlement]:
        """Every payment asked for, oldest first."""
        ...

    def id_times(self, id_digest: str, since_ms: int) -> Sequence[int]:
        """When the same id was accepted."""
        ...

    def override_times(self, staff: str, since_ms: int) -> Sequence[int]:
        """When that member of staff set a price by hand."""
        ...

    def photo_seen(self, digest: str, trade: str) -> bool:
        """Whether another trade has a photo of the same digest."""
        ...

    def packable(self, now_ms: int) -> Sequence[Item]:
        """Items that may go into a parcel: in bins, in quarantine, released from the shelf. Held stock is not here."""
        ...

    def cash_fen(self, shift: str) -> int:
        """What moved through the drawer in that shift."""
        ...

    def cash_moves(self, shift: str) -> Sequence[CashMove]:
        """Each of them, oldest first."""
        ...

    def last_float_fen(self) -> int | None:
        """What was counted when the last shift was closed: the next one begins with it."""
        ...

    def items_of(self, manifest: str) -> Sequence[Item]:
        """Every item that stands on a manifest now."""
        ...

    def voucher(self, voucher: str) -> Voucher | None:
        """One that was issued or redeemed here."""
        ...

    def seal_used(self, seal: str) -> bool:
        """Whether a seal of that number was used."""
        ...

    def kept_subjects(self) -> Sequence[str]:
        """Every subject whose personal data can still be read."""
        ...
