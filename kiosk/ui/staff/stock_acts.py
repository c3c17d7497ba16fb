"""What staff do to bins, parcels and the till, touch by touch. Asks the counter; decides no rule of theirs."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter import commands as ask
from kiosk.ui.staff.draft import NOTES_FEN
from kiosk.ui.staff.floor import Floor

ADDABLE = ("quarantine", "shelf")  # places from which an item may join a parcel
MOST_SEALS = 40


class StockActs(Floor):
    """Bins, hazard drawer, manifests, shift."""

    def lock_bin(self, why: str) -> None:
        self._do(ask.BinLock(self._spot.bin, why))

    def close_bin(self) -> None:
        self._do(ask.BinClosed(self._spot.bin))

    def _empty(self, second: ask.Second) -> None:
        self._do(ask.BinEmpty(self._spot.bin, self._spot.manifest, second))
        self._spot.place = "bin"

    def choose_manifest(self, manifest: str) -> None:
        """The parcel that the bin's items go into."""
        self._spot.manifest = manifest

    def open_drawer(self) -> None:
        self._do(ask.DrawerOpen())

    def resolve(self, where: str) -> None:
        """Where the thing is that nobody saw falling: "bin", "owner", "quarantine"."""
        self._do(ask.DropResolve(self._spot.item, where))
        self._go("bins")

    def pack_drawer(self) -> None:
        if not self.draft.text("package"):
            self._refuse("package_wanted")
            return
        self._do(ask.DrawerEmpty(self._spot.item, self.draft.text("package")))
        self._go("bins")

    def draft_manifest(self, processor: str) -> None:
        """A new parcel; its page opens once the counter knows it."""
        if self._waiting():
            return
        self._manifests_before = frozenset(one.manifest for one in self._view.manifests)
        self._do(ask.ManifestDraft(processor))

    def add_item(self, item: str) -> None:
        self._do(ask.ManifestAdd(self._spot.manifest, item))

    def seal_manifest(self, second: ask.Second) -> None:
        self._do(ask.ManifestSeal(self._spot.manifest, self.draft.seals, second))
        self._spot.place = "manifest"

    def add_seal(self) -> None:
        """What was typed joins the seals, as a scan does by itself."""
        self._take_seal(self.draft.text("seal"))

    def _take_seal(self, seal: str) -> None:
        seals = self.draft.seals
        if seal and seal not in seals and len(seals) < MOST_SEALS:
            seals = (*seals, seal)
        self._set(replace(self.draft.without("seal"), seals=seals))

    def drop_seals(self) -> None:
        self._set(replace(self.draft, seals=()))

    def pick_up(self, own_carrier: str) -> None:
        """``own_carrier``: the processor's name, where it comes with its own vehicle."""
        draft = self.draft
        carrier = draft.text("carrier") if draft.choice("carrier_kind") == "other" else own_carrier
        if not carrier or not draft.text("vehicle"):
            self._refuse("carrier_wanted")
            return
        self._do(
            ask.ManifestPickUp(
                self._spot.manifest, carrier, draft.text("vehicle"), draft.choice("by", "road")
            )
        )

    def agree(self, accept: bool) -> None:
        """Our word on the processor's correction."""
        self._do(ask.ManifestReviseAnswer(self._spot.manifest, accept))

    def close_shift(self) -> None:
        """Counted first, compared after: a difference needs a reason and a second person."""
        staff = self._view.staff
        if staff is None:
            return
        counted = self.draft.counted_fen()
        if not any(self.draft.text(f"note_{note}") for note in NOTES_FEN):
            self._refuse("count_wanted")
        elif counted == staff.cash_fen:
            self._do(ask.ShiftClose(counted))
        else:
            self.choose("counted", "yes")

    def _close_different(self, second: ask.Second) -> None:
        self._do(ask.ShiftClose(self.draft.counted_fen(), self.draft.choice("difference"), second))
        self._spot.place = "shift"
