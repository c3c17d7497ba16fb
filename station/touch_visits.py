"""What customers do at the screen alone, and what their hands do: an update, a drop-off, an estimate. No rule here."""

from __future__ import annotations

from typing import Final

from hw.virtual.control import Customer
from station.counter_hands import CounterHands
from station.touch_driver import TouchDriver

VISIT_S: Final = 120.0
SCALE_S: Final = 15.0


class VisitorByTouch:
    """One customer at a screen that sleeps."""

    def __init__(self, finger: TouchDriver, hands: CounterHands, language: str) -> None:
        self.finger, self.hands, self.language = finger, hands, language

    def arrive(self) -> None:
        """From the poster to home."""
        self.finger.wake()
        self.finger.touch(self.language)
        self.finger.page("home")

    def drop_off(self, category: str, hazard: str = "none") -> str:
        """One thing, from home to its receipt and home again; the drop-off's number."""
        finger = self.finger
        finger.touch("drop")
        finger.page("drop_category")
        drop = finger.view.drop
        assert drop is not None
        finger.touch(category)
        finger.page("drop_hazard")
        finger.touch(hazard)
        if finger.page("drop_tape", "drop_weigh", "drop_drawer") == "drop_tape":
            finger.touch("taped")
            finger.page("drop_weigh")
        if finger.at == "drop_drawer":
            self._into_drawer()
        else:
            self._into_bin(category)
        finger.page("drop_receipt")
        finger.touch("drop_done")
        finger.page("home")
        return drop.drop

    def _into_bin(self, category: str) -> None:
        finger = self.finger
        finger.by_hand("lay_on_scale", lambda: self.hands.put(category))
        finger.stand(self._at_rest, "the scale at rest", SCALE_S)
        finger.touch("open")
        finger.page("drop_deposit")
        finger.stand(self._released, "the flap is released")
        drop = finger.view.drop
        assert drop is not None
        finger.by_hand("throw_in", lambda: self.hands.throw_in(drop.bin))

    def _at_rest(self) -> bool:
        drop = self.finger.view.drop
        return drop is not None and drop.scale == "stable"

    def _released(self) -> bool:
        drop = self.finger.view.drop
        return drop is not None and drop.door == "released"

    def _into_drawer(self) -> None:
        """The drawer opens by itself."""
        self.finger.stand(self._unlocked, "the drawer opens", SCALE_S)
        self.finger.by_hand("lay_in_drawer", self.hands.lay_in_drawer)

    def _unlocked(self) -> bool:
        return bool(self.hands.dock.status()["drawer_lock"] == "released")

    def estimate(self, brand: str, model: str) -> None:
        """What a flawless phone would bring."""
        finger = self.finger
        finger.touch("estimate", f"pick_{brand}", f"pick_{model}")
        while finger.page("estimate_question", "estimate_price") == "estimate_question":
            question = finger.hand.app.shown.estimate.question
            finger.touch(f"pick_{question.answers[0]}")

    def update(self, phone: Customer) -> None:
        """The owner's phone, from home to the result: reading it and writing it need nobody."""
        finger = self.finger
        finger.touch("begin")
        finger.page("connect")
        finger.by_hand("plug", phone.replug)
        finger.page("unlock", timeout_s=VISIT_S)
        finger.by_hand("unlock", phone.unlock)
        finger.page("keys", away=True, timeout_s=VISIT_S)
        finger.by_hand("hold_keys", phone.hold_keys)
        finger.page("plan", timeout_s=VISIT_S)
        finger.touch("agree")
        finger.page("backup")
        finger.touch("tick", "backup_done")
        finger.page("unlock_again", away=True, timeout_s=VISIT_S)
        finger.by_hand("unlock", phone.unlock)
        finger.page("keys_again", away=True, timeout_s=VISIT_S)
        finger.by_hand("hold_keys", phone.hold_keys)
        finger.page("result", away=True, timeout_s=VISIT_S)
        finger.touch("done")
        finger.by_hand("plug", phone.unplug)
