"""The hands of a visit: performs one wire effect at a time on its own thread and posts what came of it.

It decides nothing; whatever it learns goes back to the runner as an event.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from kiosk.errors import FlowError
from kiosk.flow import counting
from kiosk.flow import effects as do
from kiosk.flow.book import Book
from kiosk.flow.events import (
    Counting,
    Event,
    Identified,
    Left,
    OurFailure,
    PhoneGone,
    PhoneRecognised,
    PhoneSeen,
    Progress,
    Rebooted,
    SlotSwitched,
    Unlocked,
    Written,
    WrongPhone,
)
from kiosk.flow.job import Job, event_of, throttled
from kiosk.flow.supply import Supply, plan_of
from kiosk.flow.visit import BootFacts, Visit
from kiosk.ports import Catalogue, Phone, Sighting

WATCH_EVERY_S = 0.15
LEAVE_WITHIN_S = 15.0
UNLOCK_SLICE_S = 1.0


class Hands:
    """One thread. :meth:`take` returns at once; a job whose ``stop`` is set posts nothing more."""

    def __init__(self, phone: Phone, catalogue: Catalogue, book: Book) -> None:
        self._phone = phone
        self._supply = Supply(catalogue)
        self._book = book
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"hands {phone.bay}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self, job: Job) -> None:
        """Perform it once the one before has ended."""
        self._jobs.put(job)

    def stop(self, timeout_s: float) -> None:
        """End once the current effect has; one that takes longer than ``timeout_s`` loses its link."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            # Letting go of the link ends a transfer that would otherwise run on for minutes.
            self._phone.close()
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.stop.is_set():
                self._perform(job)
        self._supply.close()
        self._phone.close()

    def _perform(self, job: Job) -> None:
        try:
            event = self._do(job)
        except Exception as exc:  # noqa: BLE001 - the thread's last boundary: whatever it was becomes an event
            event = event_of(exc, job.effect)
        if event is not None and not job.stop.is_set():
            job.post(event)

    def _do(self, job: Job) -> Event | None:
        """The event an effect ends with; None when it was stopped."""
        act: dict[type[do.WireEffect | do.SupplyEffect], Callable[[Job], Event | None]] = {
            do.Watch: self._watch,
            do.Recognise: self._recognise,
            do.AwaitUnlock: self._await_unlock,
            do.TakeInventory: self._take_inventory,
            do.CompareInventory: self._compare_inventory,
            do.Identify: self._identify,
            do.Prepare: self._supply.prepare,
            do.FetchImages: self._fetch,
            do.WriteNext: self._write,
            do.SwitchSlot: self._switch_slot,
            do.Reboot: self._reboot,
            do.Leave: self._leave,
            do.Hint: self._hint,
            do.LetGo: self._let_images_go,
        }
        return act[type(job.effect)](job)

    # -- looking

    def _watch(self, job: Job) -> Event | None:
        job.stop.wait(job.effect.settle_s if isinstance(job.effect, do.Watch) else 0.0)
        tell = self._teller(job)
        while not job.stop.is_set():
            tell()
            job.stop.wait(WATCH_EVERY_S)
        return None

    def _teller(self, job: Job) -> Callable[[], None]:
        """Looks at the bay and posts what it shows, the first time and whenever that has changed."""
        last: tuple[str, str] | bool | None = False

        def tell() -> None:
            nonlocal last
            sighting = self._phone.look()
            now = (sighting.mode, sighting.what) if sighting else None
            if now != last:
                job.post(PhoneSeen(sighting.mode, sighting.what) if sighting else PhoneGone())
                last = now

        return tell

    def _wait_until_left(self, stop: threading.Event) -> bool:
        deadline_s = time.monotonic() + LEAVE_WITHIN_S
        while time.monotonic() < deadline_s and not stop.is_set():
            sighting: Sighting | None = self._phone.look()
            if sighting is None or sighting.mode != "bootloader":
                return True
            stop.wait(WATCH_EVERY_S / 3)
        return False

    def _leave(self, job: Job) -> Event:
        """Tried again while there is time: one lost answer must not leave a phone in its bootloader."""
        deadline_s = time.monotonic() + LEAVE_WITHIN_S
        while True:
            try:
                self._let_go(job)
            except Exception as exc:
                again = getattr(exc, "fault", "") in ("link", "timeout") and time.monotonic() < deadline_s
                if not again or job.stop.wait(WATCH_EVERY_S):
                    raise
            else:
                return Left()

    def _let_go(self, job: Job) -> None:
        sighting = self._phone.look()
        if sighting is not None and sighting.mode == "bootloader" and not job.visit.agent:
            facts = BootFacts.of(self._phone.identify())
            if job.visit.facts is None or facts.same_phone(job.visit.facts):
                self._phone.reboot(facts)
                self._wait_until_left(job.stop)

    # -- normal mode

    def _recognise(self, _job: Job) -> Event:
        seen = self._phone.recognise()
        return PhoneRecognised(seen.product, seen.mtp_serial, seen.battery_percent)

    def _await_unlock(self, job: Job) -> Event | None:
        expected = job.effect.mtp_serial if isinstance(job.effect, do.AwaitUnlock) else ""
        while not job.stop.is_set():
            if self._phone.wait_unlocked(UNLOCK_SLICE_S, job.stop):
                other = counting.is_other(self._phone, expected)
                return WrongPhone("another phone is in this bay") if other else Unlocked()
            sighting = self._phone.look()
            # A phone that is switching to file transfer is away, or only charging, for a moment.
            if sighting is None or sighting.mode not in ("normal", "charging", "agent"):
                return PhoneGone("unplugged")
        return None

    def _take_inventory(self, job: Job) -> Event:
        return counting.first_count(self._phone, job.visit, throttled(job.post, Counting), job.stop)

    def _compare_inventory(self, job: Job) -> Event:
        before = self._book.inventory(job.visit.visit)
        return counting.second_count(self._phone, job.visit, before, throttled(job.post, Counting), job.stop)

    # -- bootloader

    def _identify(self, _job: Job) -> Event:
        return Identified(BootFacts.of(self._phone.identify()))

    def _fetch(self, job: Job) -> Event | None:
        """The download has a thread of its own, so that the bay is watched and a stop is obeyed at once."""
        carrier = self._supply.begin_fetch(job)
        tell = self._teller(job)
        try:
            while not carrier.ended.is_set() and not job.stop.is_set():
                tell()
                carrier.ended.wait(WATCH_EVERY_S)
            return None if job.stop.is_set() else self._supply.fetched(carrier)
        finally:
            carrier.abandon()

    def _hint(self, job: Job) -> None:
        if isinstance(job.effect, do.Hint):
            self._supply.hint(job.effect.model)

    def _let_images_go(self, job: Job) -> None:
        self._supply.let_go(job.visit.visit)

    def _write(self, job: Job) -> Event:
        plan, who = plan_of(job.visit), _phone_of(job.visit)
        write = plan.writes[job.visit.writes_done]
        image = self._supply.image(job, write)
        if image is None:
            return OurFailure("release_changed", f"{write.file} is not the image that was planned")
        before = self._phone.sent_bytes

        def progress(done: int, total: int) -> Event:
            return Progress(done, total, self._phone.sent_bytes - before)

        self._phone.write(write.partition, image, who, throttled(job.post, progress))
        return Written(job.visit.writes_done)

    def _switch_slot(self, job: Job) -> Event:
        self._phone.set_active(plan_of(job.visit).set_active or "", _phone_of(job.visit))
        return SlotSwitched()

    def _reboot(self, job: Job) -> Event:
        self._phone.reboot(_phone_of(job.visit))
        gone = self._wait_until_left(job.stop)
        return Rebooted() if gone else PhoneGone("the phone did not leave its bootloader")


def _phone_of(visit: Visit) -> BootFacts:
    if visit.facts is None:
        raise FlowError("a write without a phone")
    return visit.facts
