"""Where a visit's images come from: chosen, fetched on a thread of their own, held while they are written.

It asks the catalogue and nobody else: no phone, no rule of the flow.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from firmware_agent.manifest import Release
from firmware_agent.plan import FlashPlan, PlanRefused, UpToDate, Write, make_plan
from firmware_agent.watch import Note, Watch
from kiosk.errors import FlowError
from kiosk.flow.events import (
    Event,
    Fetched,
    FetchFailed,
    Fetching,
    Noted,
    OurFailure,
    PlanImpossible,
    PlanReady,
)
from kiosk.flow.job import Job, detail_of, reason_of, throttled
from kiosk.flow.visit import BootFacts, Visit
from kiosk.ports import Catalogue, Image, Images

_ENDS_WITHIN_S = 5.0
"""How long the end of a stopped download is waited for before its images are let go."""


class Carrier:
    """One download on its own thread. Whoever does not want it any more says :meth:`abandon`."""

    def __init__(self, work: Callable[[], Images], name: str) -> None:
        self.ended = threading.Event()
        self._work = work
        self._lock = threading.Lock()
        self._abandoned = False
        self._images: Images | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self) -> Images:
        """The images, once :attr:`ended`; they are the caller's to close. Raises what the work raised."""
        with self._lock:
            images, self._images = self._images, None
        if self._error is not None:
            raise self._error
        if images is None:
            raise FlowError("a download was taken before its end")
        return images

    def abandon(self) -> None:
        """Nobody will take them: closed now, or as soon as they are here."""
        with self._lock:
            self._abandoned = True
            images, self._images = self._images, None
        if images is not None:
            images.close()

    def _run(self) -> None:
        try:
            images = self._work()
        except Exception as exc:  # noqa: BLE001 - the thread's last boundary: whoever takes it is told
            self._error = exc
        else:
            with self._lock:
                keep = not self._abandoned
                self._images = images if keep else None
            if not keep:
                images.close()
        finally:
            self.ended.set()


class Supply:
    """The images of one bay's visit, one visit after the other. Used by one pair of hands."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._release: Release | None = None
        self._images: Images | None = None
        self._carrier: Carrier | None = None

    def prepare(self, job: Job) -> Event:
        """Choose the release and make the plan. Nothing is fetched yet."""
        visit = job.visit
        if visit.facts is None:
            return OurFailure("our_error", "a plan without a phone")
        try:
            return self._planned(visit, visit.facts, watch_of(job))
        except Exception as exc:
            if (reason := reason_of(exc)) is None:
                raise
            return PlanImpossible(reason, detail_of(exc))

    def _planned(self, visit: Visit, facts: BootFacts, watch: Watch) -> Event:
        wanted = visit.options.release
        release = (
            self._catalogue.exact(facts.product, wanted, watch)
            if wanted
            else self._catalogue.newest(facts.product, facts.variant, watch)
        )
        if release is None:
            return PlanImpossible("no_release", f"no release for {facts.product} is here")
        plan = make_plan(facts, release)
        if isinstance(plan, UpToDate):
            return PlanImpossible("up_to_date", f"already {plan.version}")
        if isinstance(plan, PlanRefused):
            return PlanImpossible(plan.reason, plan.detail)
        self._release = release
        return PlanReady(plan, release, self._catalogue.offer(release, visit.options.full))

    def begin_fetch(self, job: Job) -> Carrier:
        """Every image of the plan, on its way; ``job.stop`` ends it."""
        visit, before = job.visit, self._carrier

        def work() -> Images:
            if before is not None:
                before.ended.wait()  # two downloads of one visit would only take turns
            plan = plan_of(visit)
            watch = watch_of(job)
            release = self._release
            if release is None or (release.model, release.version) != (plan.model, plan.version_to):
                release = self._catalogue.exact(plan.model, plan.version_to, watch)
            return self._catalogue.fetch(visit.visit, release, watch, visit.options.full)

        self._carrier = Carrier(work, f"fetch {visit.bay}")
        self._carrier.start()
        return self._carrier

    def fetched(self, carrier: Carrier) -> Event:
        """What an ended download means."""
        try:
            self._hold(carrier.take())
        except Exception as exc:
            if (reason := reason_of(exc)) is None:
                raise
            return FetchFailed(reason, detail_of(exc))
        return Fetched()

    def image(self, job: Job, write: Write) -> Image | None:
        """The image to write; None where it is not the one that was planned.

        After a restart of the station the visit's images are asked for again, and checked in full again.
        """
        images = self._images
        if images is None:
            images = self._catalogue.again(job.visit.visit, plan_of(job.visit), watch_of(job))
            self._hold(images)
        image = images.image(write.file)
        return image if image.sha256 == write.sha256 else None

    def hint(self, model: str) -> None:
        """A phone of this model may soon need an update."""
        self._catalogue.hint(model)

    def let_go(self, visit: str) -> None:
        """The visit is over. A download that was just stopped may still be writing for a moment."""
        self.close()
        if self._carrier is not None:
            self._carrier.ended.wait(_ENDS_WITHIN_S)
        self._catalogue.let_go(visit)

    def close(self) -> None:
        """Let go of every file; what was fetched stays in the catalogue's cache."""
        if self._carrier is not None:
            self._carrier.abandon()
        if self._images is not None:
            self._images.close()
            self._images = None

    def _hold(self, images: Images) -> None:
        if self._images is not None:
            self._images.close()
        self._images = images


def plan_of(visit: Visit) -> FlashPlan:
    """The plan; without one it is our bug."""
    if visit.plan is None:
        raise FlowError("images without a plan")
    return visit.plan


def watch_of(job: Job) -> Watch:
    """Progress and notes become events of the job; its ``stop`` stops the catalogue."""

    def on_note(note: Note) -> None:
        job.post(Noted(note.kind, dict(note.body)))

    return Watch(on_bytes=throttled(job.post, Fetching), on_note=on_note, stop=job.stop)
