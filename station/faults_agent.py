"""The update agent's fault matrix: the power goes at every flash write and erase of a whole update, in both modes.

After each cut the device must start the old image or the new one, hold every byte of its owner's, and finish the
update from where it stood. The process is a real MicroPython; the cut is SIGKILL by its own hand.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from firmware_agent import wire
from hw.errors import HwError
from hw.virtual.agent_process import RESET
from station.agent_images import pair
from station.agent_process import KILLED, AgentProcess, Declined, Died, Talk, operations
from station.agent_rig import MODES, Device, Images, Rig, Update
from station.errors import StationError
from station.faults import Tally

PARTS = (0, 50, 100)  # per cent of the operation that still reach the flash
WORKERS = 2
MAX_STARTS = 6  # after a cut; more and it does not come to rest
AGAIN = "again"
"""Group: the power goes a second time, while the device recovers from the first cut."""


@dataclass(frozen=True, slots=True)
class Case:
    """Lives that end in a cut, one after the other; then the device is left in peace."""

    group: str
    mode: str
    stage: str
    cuts: tuple[str, ...]  # of each life, "N:PART"

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.mode}, {self.stage}, cut at {' and '.join(self.cuts)}"


@dataclass(slots=True)
class Outcome:
    """What came of a case. ``wrong`` is empty when all is well."""

    wrong: str = ""
    brick: bool = False
    user_bytes_lost: int = 0
    sent_again_bytes: int = 0
    started_new: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """A device at the beginning of one life of an update, and how many flash operations that life has."""

    mode: str
    name: str
    device: Device
    operations: int


def fill(tally: Tally, folder: Path, sample: int | None, groups: Sequence[str] | None) -> None:
    """Run the matrix (or a sample of each group) into ``tally``; progress on standard error only goes up."""
    known = (*MODES, AGAIN)
    unknown = [group for group in groups or () if group not in known]
    if unknown:
        raise StationError(f"no group is called {unknown[0]}; there are: {', '.join(known)}")
    draw = random.Random(tally.seed)  # noqa: S311 - repeatable, not secret
    # All cuts are for real firmware; a sample needs nothing from the network.
    bench = _Bench(Rig(folder, _real_images() if sample is None else None))
    chosen = [case for group in groups or known for case in _sampled(bench, group, draw, sample)]
    figures = {"sent_again_bytes": 0, "started_old": 0, "started_new": 0}
    with ThreadPoolExecutor(WORKERS) as pool:
        running: list[tuple[Case, Future[Outcome]]] = [
            (case, pool.submit(bench.judge, case, number)) for number, case in enumerate(chosen)
        ]
        for done, (case, future) in enumerate(running):
            print(f"progress {100 * done // len(chosen)} {case.text}", file=sys.stderr, flush=True)
            _count(tally, case, future.result(), figures)
    tally.figures = {"cuts": sum(len(case.cuts) for case in chosen), **figures}
    print("progress 100", file=sys.stderr, flush=True)


def _real_images() -> Images:
    real = pair("small")
    return Images(real.old, real.new)


def _count(tally: Tally, case: Case, outcome: Outcome, figures: dict[str, int]) -> None:
    tally.injected += 1
    tally.groups[case.group] = tally.groups.get(case.group, 0) + 1
    tally.bricks += outcome.brick
    tally.user_bytes_lost += outcome.user_bytes_lost
    tally.recovered += not outcome.wrong
    figures["sent_again_bytes"] += outcome.sent_again_bytes
    figures["started_new" if outcome.started_new else "started_old"] += not outcome.brick
    if outcome.wrong:
        tally.failures.append(f"{case.text}: {outcome.wrong}")


def _sampled(bench: _Bench, group: str, draw: random.Random, sample: int | None) -> list[Case]:
    every = list(bench.cases(group))
    if sample is None:
        return every
    return sorted(draw.sample(every, min(sample, len(every))), key=every.index)


class _Bench:
    """The devices that all cases begin with, and the update that they get."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._stages: dict[str, tuple[Stage, ...]] = {}

    # -- which cuts there are

    def stages(self, mode: str) -> tuple[Stage, ...]:
        """The lives of an update that nothing disturbs: the one that is written in, and the first of the new image."""
        if mode not in self._stages:
            update = self._rig.update(mode)
            used = self._used(mode)
            device = used.copy(f"{mode}-uncut")
            with AgentProcess(device.folder) as process:
                _install(Talk(process), update)
                _expect(process.wait(), RESET)
            first = Stage(mode, "update", used, operations(device.folder))
            installed = device.copy(f"{mode}-installed")
            with AgentProcess(device.folder) as process:
                welcome = Talk(process).hello()
                if welcome.image_sha256 != update.image_sha256 or welcome.state != wire.IDLE:
                    raise StationError(f"{mode}: an undisturbed update ends in state {welcome.state}")
            second = Stage(mode, "first start", installed, operations(device.folder))
            self._stages[mode] = (first, second)
        return self._stages[mode]

    def _used(self, mode: str) -> Device:
        """A device with a past: what earlier orders, patches and journals left lies everywhere on its flash.

        Its record has one page left in its block, so that the update erases the other one.
        """
        device = self._rig.device(mode).copy(f"{mode}-used")
        for update in self._rig.history(mode):
            _finish(device, update)
        while device.free_records() != 1:
            with AgentProcess(device.folder) as process:
                Talk(process).hello()
        return device

    def cases(self, group: str) -> Iterator[Case]:
        """Every operation of every stage, in every part; for AGAIN those of a recovery after one cut."""
        if group == AGAIN:
            for mode in MODES:
                yield from self._second_cuts(mode)
            return
        for stage in self.stages(group):
            for number in range(stage.operations):
                for part in PARTS:
                    yield Case(group, group, stage.name, (f"{number}:{part}",))

    def _second_cuts(self, mode: str) -> Iterator[Case]:
        """The first cut in the middle of the image's writing; the second at each operation of the next start."""
        stage = self.stages(mode)[0]
        first = f"{stage.operations * 2 // 3}:50"
        device = stage.device.copy(f"{mode}-again")
        self._cut_life(device, stage, first)
        with AgentProcess(device.folder) as process:
            Talk(process).hello()
        for number in range(operations(device.folder)):
            for part in PARTS:
                yield Case(AGAIN, mode, stage.name, (first, f"{number}:{part}"))

    # -- one case

    def judge(self, case: Case, number: int) -> Outcome:
        """Cut, look, go on, look again."""
        stage = next(one for one in self.stages(case.mode) if one.name == case.stage)
        device = stage.device.copy(f"case-{number}")
        outcome = Outcome()
        try:
            sent = sum(self._cut_life(device, stage, cut) for cut in case.cuts)
            self._recover(device, stage, sent, outcome)
        except (Died, Declined, HwError, StationError, OSError) as exc:
            outcome.wrong = outcome.wrong or f"{type(exc).__name__}: {exc}"
        finally:
            device.remove()
        return outcome

    def _cut_life(self, device: Device, stage: Stage, cut: str) -> int:
        """Power on, go on with the update, until the power goes; bytes of the patch that were sent."""
        talk: Talk | None = None
        with AgentProcess(device.folder, cut=cut) as process:
            talk = Talk(process)
            try:
                code = process.wait() if _install(talk, self._rig.update(stage.mode)) else 0
            except Died as exc:
                code = exc.code
        if code != KILLED:
            raise StationError(f"was not cut at {cut}: ended with {code}")
        return talk.sent_bytes

    def _recover(self, device: Device, stage: Stage, sent: int, outcome: Outcome) -> None:
        update = self._rig.update(stage.mode)
        welcome = _first_words(device, outcome)
        if welcome.image_sha256 not in (update.base_sha256, update.image_sha256):
            outcome.brick, outcome.wrong = True, "starts neither the old image nor the new one"
            return
        if wrong := device.image_differs(welcome):
            outcome.brick, outcome.wrong = True, wrong
            return
        outcome.started_new = welcome.image_sha256 == update.image_sha256
        self._count_owner(device, outcome)
        sent += _finish(device, update)
        if stage.name == "update":
            outcome.sent_again_bytes = max(0, sent - len(update.patch))
        self._count_owner(device, outcome)

    def _count_owner(self, device: Device, outcome: Outcome) -> None:
        lost = device.user_bytes_changed()
        outcome.user_bytes_lost = max(outcome.user_bytes_lost, lost)
        if lost:
            outcome.wrong = outcome.wrong or f"{lost} bytes of the owner's region differ"


def _first_words(device: Device, outcome: Outcome) -> wire.Welcome:
    """What it says after the cut. A device that says nothing is a brick."""
    try:
        with AgentProcess(device.folder) as process:
            return Talk(process).hello()
    except (Died, HwError, StationError) as exc:
        outcome.brick = True
        raise StationError(f"does not start: {exc}") from exc


def _install(talk: Talk, update: Update) -> bool:
    """Everything that is left of the update, up to the restart. False where the new image runs already."""
    welcome = talk.hello()
    if welcome.image_sha256 == update.image_sha256 and welcome.state != wire.INSTALLED:
        return False
    if welcome.state != wire.INSTALLED:
        talk.place(update.signed)
        talk.send(update.patch)
        talk.commit()
    talk.reboot()
    return True


def _finish(device: Device, update: Update) -> int:
    """Start it until the new image runs and is confirmed; bytes of the patch that were sent for it."""
    sent = 0
    for _ in range(MAX_STARTS):
        with AgentProcess(device.folder) as process:
            talk = Talk(process)
            restarted = _install(talk, update)
            sent += talk.sent_bytes
            if restarted:
                _expect(process.wait(), RESET)
                continue
            welcome = talk.host.welcome
            assert welcome is not None
            if welcome.state == wire.IDLE and not welcome.health:
                if wrong := device.image_differs(welcome):
                    raise StationError(wrong)
                return sent
            talk.reboot()
    raise StationError("the new image is not confirmed after all these starts")


def _expect(code: int, wanted: int) -> None:
    if code != wanted:
        raise StationError(f"the agent ended with {code}, not {wanted}")
