"""Bins and manifests at the screen: a full bin's bag into a parcel, sealed by two, handed over. Decides no rule."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import BinView, ManifestView
from station.counter_hands import CounterHands
from station.errors import NEEDS_STAFF, StationError
from station.sample_shop import SampleStaff
from station.touch_driver import TouchDriver
from station.touch_trade import PRESSES, second_in

PROVINCE, PLATE = "沪", "A12345"
DOCK_S: Final = 15.0


class StockByTouch:
    """Whoever is logged in, with ``second`` beside them."""

    def __init__(self, finger: TouchDriver, hands: CounterHands, second: SampleStaff) -> None:
        self.finger, self.hands, self.second = finger, hands, second
        self.manifest = ""

    @property
    def shown(self) -> ManifestView:
        """The manifest as staff see it."""
        for one in self.finger.view.manifests:
            if one.manifest == self.manifest:
                return one
        raise StationError(f"manifest {self.manifest} is not on the screen", NEEDS_STAFF)

    def bin(self, number: int) -> BinView:
        """One bin as staff see it."""
        return next(one for one in self.finger.view.bins if one.number == number)

    def draft(self, processor: str) -> None:
        """A new parcel, from the queue to its page."""
        finger = self.finger
        before = {one.manifest for one in finger.view.manifests}
        finger.touch("tab_manifests", "new_manifest", f"processor_{processor}")
        finger.page("staff_manifest")
        self.manifest = next(one.manifest for one in finger.view.manifests if one.manifest not in before)

    def empty(self, number: int) -> None:
        """From the parcel's page and back to it: two people carry a bin's bag into the parcel."""
        finger = self.finger
        finger.touch(f"bin_{number}")
        finger.page("staff_bin")
        if not finger.chosen(f"into_{self.manifest}"):
            finger.touch(f"into_{self.manifest}")
        finger.touch("empty_bin")
        second_in(finger, self.second)
        finger.page("staff_bin")
        finger.stand(lambda: self._door(number) == "released", "the door is released", DOCK_S)
        finger.by_hand("carry_out", lambda: self.hands.carry_out(number))
        finger.touch("close_bin")
        finger.stand(lambda: self.bin(number).state == "open", "the bin is back", DOCK_S)
        finger.touch("back")
        finger.page("staff_bins")
        finger.touch("manifests", f"manifest_{self.manifest}")
        finger.page("staff_manifest")

    def _door(self, number: int) -> str:
        return str(self.hands.dock.status()[f"bin{number}_door_lock"])

    def pack_drawer(self, item: str, package: str) -> None:
        """From the queue and back to it: what lies in the hazard drawer, weighed, alone into a package."""
        finger = self.finger
        finger.touch("tab_bins", f"item_{item}")
        finger.page("staff_drawer")
        finger.touch("open_drawer")
        finger.stand(
            lambda: self.hands.dock.status()["drawer_lock"] == "released", "the drawer opens", DOCK_S
        )
        finger.by_hand("bag", self.hands.clear_drawer)
        finger.by_hand("lay_on_scale", lambda: self.hands.put("battery"))
        for _ in range(PRESSES):
            finger.scan(package)
            finger.touch("pack")
            if self._place(item).startswith("quarantine"):
                break
            if finger.at == "staff_bins":  # the scale still moved: its page again
                finger.touch(f"item_{item}")
        finger.by_hand("take", self.hands.dock.take)
        finger.page("staff_bins")
        finger.touch("back")
        finger.page("staff_queue")

    def _place(self, item: str) -> str:
        return next((one.place for one in self.finger.view.items if one.item == item), "")

    def add(self, item: str) -> None:
        """Something that stands here joins the parcel."""
        items = self.shown.items
        self.finger.touch(f"add_{item}")
        self.finger.wait(lambda: self.shown.items == items + 1, "it is in the parcel")
        self.finger.rest()

    def seal(self, seal: str) -> None:
        """Its seal scanned, before a second person."""
        finger = self.finger
        finger.scan(seal)
        finger.touch("seal_manifest")
        second_in(finger, self.second)
        finger.wait(lambda: self.shown.state == "sealed", "sealed")

    def hand_over(self) -> None:
        """To the processor's own vehicle."""
        finger = self.finger
        finger.page("staff_manifest")
        if not finger.hand.app.front.staff.shown.province:
            finger.touch("province", f"province_{PROVINCE}")
        finger.type(PLATE)
        finger.touch("pick_up")
        finger.wait(lambda: self.shown.state == "picked_up", "picked up")
