"""All visits of a station as the screens see them: begins, passes touches on, shows. No visit rule is here.

Every method returns at once; what takes time runs on the visits' threads and on the desk's own.
"""

from __future__ import annotations

import functools
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ulid import ULID

from kiosk.errors import KioskError
from kiosk.flow.effects import Record
from kiosk.flow.events import BackupAnswered, Cancel, Consent, Decline, Event
from kiosk.flow.runner import Runner, Tools
from kiosk.flow.view import BayView, CallView, DeskView, JobView
from kiosk.flow.visit import Options, Visit
from kiosk.ports import Phone

LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Bay:
    """What is painted beside the port, and where the port is."""

    number: int
    where: str


@dataclass(frozen=True, slots=True)
class Line:
    """How reporting to headquarters stands."""

    online: bool = False
    head: int = 0
    acked: int = 0


class StationDesk:
    """Matches :class:`kiosk.flow.view.Desk`. :meth:`start` resumes what an earlier process left open."""

    def __init__(
        self,
        bays: Sequence[Bay],
        open_phone: Callable[[str], Phone],
        tools: Tools,
        *,
        hash_budget_s: float = 60.0,
        line: Callable[[], Line] = Line,
        new_seed: Callable[[], int] = lambda: secrets.randbits(48),
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._bays = tuple(bays)
        self._open_phone = open_phone
        self._tools = tools
        self._hash_budget_s = hash_budget_s
        self._line = line
        self._new_seed = new_seed
        self._on_tick = on_tick
        self._lock = threading.Lock()
        self._runners: dict[str, Runner] = {}  # by bay
        self._present: dict[str, bool] = {}
        self._let_go: dict[str, threading.Event] = {}  # by bay: when its last runner has ended
        self._eyes: dict[str, Phone] = {}
        self._call: CallView | None = None

        self._chores: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch_bays, name="bays", daemon=True),
            threading.Thread(target=self._do_chores, name="desk", daemon=True),
        ]

    def start(self) -> None:
        """Resume open visits of this station's bays, then watch the bays.

        Raises what ``open_phone`` raises for a bay that is no place.
        """
        self._eyes = {bay.where: self._open_phone(bay.where) for bay in self._bays}
        wheres = {bay.where: bay for bay in self._bays}
        for visit in self._tools.book.open_visits():
            bay = wheres.get(visit.bay)
            if bay is not None:
                self._run(replace(visit, bay_number=bay.number), resume=True)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Leave every visit as it is; open ones are resumed by the next start."""
        self._stopping.set()
        self._chores.put(lambda: None)
        with self._lock:
            runners = list(self._runners.values())
        for runner in runners:
            runner.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5.0)

    # -- Desk

    def view(self) -> DeskView:
        """The whole station at this moment."""
        with self._lock:
            runners = dict(self._runners)
            present = dict(self._present)
        jobs = {bay: runner.view for bay, runner in runners.items()}
        line = self._line()
        return DeskView(
            bays=tuple(self._bay_view(bay, jobs.get(bay.where), present) for bay in self._bays),
            jobs=tuple(jobs.values()),
            hq_online=line.online,
            ledger_head=line.head,
            ledger_acked=line.acked,
            call=self._call,
        )

    def begin(self, language: str) -> str | None:
        """A visit in a free bay, one with a phone in it first; the visit's id, or None when all are taken.

        A visit that another process began there and left (killed) is gone on with: its phone may be half
        written. A bay that another process serves at this moment is taken.
        """
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                taken = self._tools.book.held_elsewhere() | self._runners.keys()
                left = {visit.bay: visit for visit in self._tools.book.open_visits()}
            except KioskError:
                return None
            free = [bay for bay in self._bays if bay.where not in taken]
            if not free:
                return None
            bay = next((bay for bay in free if self._present.get(bay.where)), free[0])
            unfinished = left.get(bay.where)
            if unfinished is not None:
                self._start(replace(unfinished, bay_number=bay.number), resume=True)
                return unfinished.visit
            options = Options(hash_budget_s=self._hash_budget_s, seed=self._new_seed())
            visit = Visit(str(ULID()), bay.where, bay.number, language, options)
            self._start(visit, resume=False)
        return visit.visit

    def consent(self, visit: str, text_version: str, language: str) -> None:
        """The customer agrees."""
        self._post(visit, Consent(text_version, language))

    def decline(self, visit: str) -> None:
        """The customer does not want the update."""
        self._post(visit, Decline())

    def backup(self, visit: str, choice: str) -> None:
        """The customer's answer to the reminder."""
        self._post(visit, BackupAnswered(choice))

    def cancel(self, visit: str) -> None:
        """The customer steps back."""
        self._post(visit, Cancel())

    def call_manager(self, visit: str | None) -> None:
        """Ask for the duty manager; shown once the entry is written."""
        self._chores.put(lambda: self._request_call(visit))

    def finish(self, visit: str) -> None:
        """The customer has read the result; a visit that still runs is not touched."""
        with self._lock:
            for bay, runner in list(self._runners.items()):
                if runner.visit.visit == visit and runner.view.finished:
                    del self._runners[bay]
                    self._present[bay] = runner.view.phone_present
                    self._chores.put(runner.stop)
                    if runner.failure:
                        self._chores.put(functools.partial(self._take_up, bay))

    def visit(self, visit: str) -> Visit | None:
        """The whole state of a visit that is not finished by its customer yet; None when it is gone."""
        runner = self._runner(visit)
        return runner.visit if runner else None

    # -- headquarters

    def acknowledge_call(self, call_index: int, visit: str, by: str) -> str:
        """A duty manager has seen a call. Returns "" or one line saying why it was refused. Idempotent."""
        runner = self._runner(visit) if visit else None
        shown = runner.call if runner else (None if visit else self._call)
        if shown is not None and shown.state == "acknowledged":
            return ""
        body = {"call_index": call_index, "by": by[:40]}
        try:
            self._tools.book.record(Record("call.acknowledged", body, actor="hq:manager"), visit)
        except KioskError as exc:
            return exc.detail
        answered = CallView("acknowledged", self._tools.clock.wall_ms(), by[:40])
        if runner is not None:
            runner.call = answered
        elif not visit:
            self._call = answered
        return ""

    # -- inside

    def _bay_view(self, bay: Bay, job: JobView | None, present: dict[str, bool]) -> BayView:
        seen = job.phone_present if job else present.get(bay.where, False)
        return BayView(bay.number, bay.where, seen, job.visit if job else "")

    def _runner(self, visit: str) -> Runner | None:
        with self._lock:
            return next((one for one in self._runners.values() if one.visit.visit == visit), None)

    def _post(self, visit: str, event: Event) -> None:
        runner = self._runner(visit)
        if runner is not None:
            runner.post(event)

    def _run(self, visit: Visit, resume: bool) -> None:
        with self._lock:
            self._start(visit, resume)

    def _start(self, visit: Visit, resume: bool) -> None:
        phone = self._open_phone(visit.bay)
        runner = Runner(visit, phone, self._tools, resume=resume, after=self._let_go.get(visit.bay))
        self._runners[visit.bay] = runner
        self._let_go[visit.bay] = runner.closed
        runner.start()

    def _take_up(self, where: str) -> None:
        """Go on with a visit that the station itself broke off: the phone in the bay may be half written."""
        number = next(bay.number for bay in self._bays if bay.where == where)
        for visit in self._tools.book.open_visits():
            if visit.bay == where:
                self._run(replace(visit, bay_number=number), resume=True)

    def _request_call(self, visit: str | None) -> None:
        runner = self._runner(visit) if visit else None
        body = {"screen": runner.view.screen.value if runner else ""}
        self._tools.book.record(Record("call.requested", body, actor="customer"), visit or "")
        call = CallView("sent", self._tools.clock.wall_ms())
        if runner is not None:
            runner.call = call
        else:
            self._call = call

    def _tick(self) -> None:
        try:
            self._on_tick()
        except KioskError:
            # Shown figures stay as they were; the next tick tries again.
            return

    def _do_chores(self) -> None:
        while not self._stopping.is_set():
            chore = self._chores.get()
            try:
                chore()
            except KioskError:
                # The call was not recorded, so the screen does not say it was.
                continue

    def _watch_bays(self) -> None:
        while not self._stopping.is_set():
            for where, phone in self._eyes.items():
                with self._lock:
                    busy = where in self._runners
                if not busy:
                    self._present[where] = phone.look() is not None
            self._tick()
            self._stopping.wait(LOOK_EVERY_S)
        for phone in self._eyes.values():
            phone.close()
