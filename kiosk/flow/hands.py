"""The hands of a visit: performs one wire effect at a time on its own thread and posts what came of it.

It decides nothing; whatever it learns goes back to the runner as an event.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware_agent.manifest import Release
from firmware_agent.plan import FlashPlan, PlanRefused, UpToDate, make_plan
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
    PhoneRefused,
    PhoneSeen,
    PlanImpossible,
    PlanReady,
    Progress,
    Rebooted,
    SlotSwitched,
    TimeUp,
    Unlocked,
    Written,
    WrongPhone,
)
from kiosk.flow.visit import BootFacts, Visit
from kiosk.ports import Catalogue, Images, Phone, Sighting

WATCH_EVERY_S = 0.15
LEAVE_WITHIN_S = 15.0
UNLOCK_SLICE_S = 1.0
_PROGRESS_EVERY_S = 0.05

Post = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One effect to perform for the visit as it was when the effect was committed."""

    effect: do.WireEffect
    visit: Visit
    post: Post
    stop: threading.Event


class Hands:
    """One thread. :meth:`take` returns at once; a job whose ``stop`` is set posts nothing more."""

    def __init__(self, phone: Phone, catalogue: Catalogue, book: Book) -> None:
        self._phone = phone
        self._catalogue = catalogue
        self._book = book
        self._images: Images | None = None
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
        if self._images is not None:
            self._images.close()
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
        act: dict[type[do.WireEffect], Callable[[Job], Event | None]] = {
            do.Watch: self._watch,
            do.Recognise: self._recognise,
            do.AwaitUnlock: self._await_unlock,
            do.TakeInventory: self._take_inventory,
            do.CompareInventory: self._compare_inventory,
            do.Identify: self._identify,
            do.Prepare: self._prepare,
            do.WriteNext: self._write,
            do.SwitchSlot: self._switch_slot,
            do.Reboot: self._reboot,
            do.Leave: self._leave,
        }
        return act[type(job.effect)](job)

    # -- looking

    def _watch(self, job: Job) -> Event | None:
        job.stop.wait(job.effect.settle_s if isinstance(job.effect, do.Watch) else 0.0)
        last: tuple[str, str] | bool | None = False
        while not job.stop.is_set():
            sighting = self._phone.look()
            now = (sighting.mode, sighting.what) if sighting else None
            if now != last:
                job.post(PhoneSeen(sighting.mode, sighting.what) if sighting else PhoneGone())
                last = now
            job.stop.wait(WATCH_EVERY_S)
        return None

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
        if sighting is not None and sighting.mode == "bootloader":
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
            if sighting is None or sighting.mode not in ("normal", "charging"):
                return PhoneGone("unplugged")
        return None

    def _take_inventory(self, job: Job) -> Event:
        return counting.first_count(self._phone, job.visit, _throttled(job.post, Counting), job.stop)

    def _compare_inventory(self, job: Job) -> Event:
        before = self._book.inventory(job.visit.visit)
        return counting.second_count(self._phone, job.visit, before, _throttled(job.post, Counting), job.stop)

    # -- bootloader

    def _identify(self, _job: Job) -> Event:
        return Identified(BootFacts.of(self._phone.identify()))

    def _prepare(self, job: Job) -> Event:
        visit = job.visit
        facts = visit.facts
        if facts is None:
            return OurFailure("our_error", "a plan without a phone")
        try:
            release = self._release(visit, facts)
            if release is None:
                return PlanImpossible("no_release", f"no release for {facts.product} is here")
            plan = make_plan(facts, release)
            if isinstance(plan, UpToDate):
                return PlanImpossible("up_to_date", f"already {plan.version}")
            if isinstance(plan, PlanRefused):
                return PlanImpossible(plan.reason, plan.detail)
            self._hold(self._catalogue.open(release))
        except Exception as exc:
            if (reason := getattr(exc, "reason", None)) is None:
                raise
            return PlanImpossible(str(reason), str(getattr(exc, "detail", exc)))
        return PlanReady(plan, release)

    def _release(self, visit: Visit, facts: BootFacts) -> Release | None:
        if visit.options.release:
            return self._catalogue.exact(facts.product, visit.options.release)
        return self._catalogue.newest(facts.product, facts.variant)

    def _hold(self, images: Images) -> Images:
        if self._images is not None:
            self._images.close()
        self._images = images
        return images

    def _write(self, job: Job) -> Event:
        plan, who = _plan_and_phone(job.visit)
        write = plan.writes[job.visit.writes_done]
        # After a restart of the station the images are checked in full again.
        images = self._images or self._hold(
            self._catalogue.open(self._catalogue.exact(plan.model, plan.version_to))
        )
        image = images.image(write.file)
        if image.sha256 != write.sha256:
            return OurFailure("release_changed", f"{write.file} is not the image that was planned")
        self._phone.write(write.partition, image, who, _throttled(job.post, Progress))
        return Written(job.visit.writes_done)

    def _switch_slot(self, job: Job) -> Event:
        plan, who = _plan_and_phone(job.visit)
        self._phone.set_active(plan.set_active or "", who)
        return SlotSwitched()

    def _reboot(self, job: Job) -> Event:
        self._phone.reboot(_plan_and_phone(job.visit)[1])
        gone = self._wait_until_left(job.stop)
        return Rebooted() if gone else PhoneGone("the phone did not leave its bootloader")


def _plan_and_phone(visit: Visit) -> tuple[FlashPlan, BootFacts]:
    if visit.plan is None or visit.facts is None:
        raise FlowError("a write without a plan or without a phone")
    return visit.plan, visit.facts


def event_of(exc: Exception, effect: do.WireEffect) -> Event:
    """What an error means to the visit, by its ``fault``; see :class:`kiosk.ports.PhoneError`."""
    detail = str(getattr(exc, "detail", "") or f"{type(exc).__name__}: {exc}")
    if isinstance(effect, do.Leave):
        return Left()
    match getattr(exc, "fault", "ours"):
        case "timeout" if not isinstance(effect, do.AwaitUnlock):
            return TimeUp()
        case "link" | "timeout" | "foreign":
            # "foreign" in the middle of a question: the phone has left the mode it was asked in.
            return PhoneGone(detail)
        case "phone":
            return PhoneRefused(detail)
        case "swapped":
            return WrongPhone(detail)
    return OurFailure(str(getattr(exc, "reason", "our_error")), detail)


def _throttled(post: Post, kind: Callable[[int, int], Event]) -> Callable[[int, int], None]:
    last_s = 0.0

    def on_bytes(done: int, total: int) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if done >= total or now_s - last_s >= _PROGRESS_EVERY_S:
            last_s = now_s
            post(kind(done, total))

    return on_bytes
