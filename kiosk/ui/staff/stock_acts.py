"""What staff do to bins and parcels, touch by touch. Asks the counter; decides no rule of theirs."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.commands import Command
from kiosk.flow.counter.view import ItemView, Said
from kiosk.ui.staff.draft import Draft
from kiosk.ui.staff.floor import Floor
from recycling.plate import PROVINCES

ADDABLE = ("quarantine", "shelf")  # places from which an item may join a parcel
MOST_SEALS = 40
FOREIGN = "-"  # a plate that begins with no province
MASS = "mass_"  # prefix of a corrected mass among the choices


class StockActs(Floor):
    """Bins, hazard drawer, manifests."""

    _last_province = ""  # of the plate that was typed last
    _leaving = (0, "", "")  # ticket that is waited for, the page it was asked on, the page after a yes

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
        self._leave_by(ask.DropResolve(self._spot.item, where), "bins")

    def pack_drawer(self) -> None:
        if not self.draft.text("package"):
            self._refuse("package_wanted")
            return
        self._leave_by(ask.DrawerEmpty(self._spot.item, self.draft.text("package")), "bins")

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

    # -- the carrier

    def choose_province(self, province: str) -> None:
        """What the plate begins with; "" for one of another country."""
        self._set(
            self.draft.chosen("province", province or FOREIGN).chosen("typing", "no").focused("vehicle")
        )

    def _province(self) -> str:
        """As chosen, else as on the plate that came last; "" = not known, FOREIGN = none."""
        chosen = self.draft.choice("province") or self._last_province
        seen = (one.vehicle[0] for one in self._view.manifests if one.vehicle)
        known = (FOREIGN if one.isascii() else one for one in seen if one.isascii() or one in PROVINCES)
        return chosen or next(known, "")

    def pick_up(self, own_carrier: str) -> None:
        """``own_carrier``: the processor's name, where it comes with its own vehicle."""
        draft, province = self.draft, self._province()
        carrier = draft.text("carrier") if draft.choice("carrier_kind") == "other" else own_carrier
        if not carrier or not draft.text("vehicle"):
            self._refuse("carrier_wanted")
            return
        if not province:
            self._refuse("province_wanted")
            return
        self._last_province = province
        plate = draft.text("vehicle") if province == FOREIGN else province + draft.text("vehicle")
        self._do(ask.ManifestPickUp(self._spot.manifest, carrier, plate, draft.choice("by", "road")))

    # -- corrections

    def agree(self, accept: bool) -> None:
        """Our word on the processor's correction."""
        self._do(ask.ManifestReviseAnswer(self._spot.manifest, accept))

    def weigh_line(self, item: str) -> None:
        """The line whose mass was wrong; "" back to the list."""
        self._set(self.draft.without("line_mass").chosen("line", item).focused("line_mass"))

    def take_mass(self) -> None:
        """What was typed stands beside the line; as it was before, it is no change."""
        mass_g, item = int(self.draft.text("line_mass") or 0), self.draft.choice("line")
        line = next((one for one in self._lines() if one.item == item), None)
        if line is None or mass_g <= 0:
            self._refuse("mass_wanted")
            return
        changed = "" if mass_g == line.mass_g else str(mass_g)
        self._set(self.draft.chosen(MASS + item, changed))
        self.weigh_line("")

    def revise(self) -> None:
        """Every changed line at once; the other side has to agree."""
        changes = new_masses(self.draft)
        if not changes or not self.draft.choice("wrong_because"):
            self._refuse("correction_wanted")
            return
        revise = ask.ManifestRevise(self._spot.manifest, changes, self.draft.choice("wrong_because"))
        self._leave_by(revise, "manifest")

    def _leave_by(self, command: Command, place: str) -> None:
        """On to ``place`` once the counter did it: a no leaves on the page what was scanned and typed."""
        if not self._waiting():
            self._do(command)
            self._leaving = (self._ticket, self._spot.place, place)

    def _left(self, said: Said | None) -> None:
        ticket, here, place = self._leaving
        if not ticket:
            return
        self._leaving = (0, "", "")
        if ticket == self._ticket and (said is None or said.ticket != ticket) and self._spot.place == here:
            self._spot.place = place

    def _lines(self) -> tuple[ItemView, ...]:
        found = (one.lines for one in self._view.manifests if one.manifest == self._spot.manifest)
        return next(found, ())

    def redirect(self, processor: str) -> None:
        """The draft goes to another processor."""
        self._do(ask.ManifestRedirect(self._spot.manifest, processor))
        self._spot.place = "manifest"


def new_masses(draft: Draft) -> dict[str, int]:
    """Item -> g, of the lines that were weighed again."""
    return {
        name.removeprefix(MASS): int(text)
        for name, text in draft.choices.items()
        if name.startswith(MASS) and text
    }
