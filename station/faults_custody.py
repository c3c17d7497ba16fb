"""The custody fault matrix: the kiosk dies before and after every commit and every effect of every flow at its counter.

Real parts: SQLite on disk, the assembly's counter, a dock with its firmware, a printer, a payee, a phone that is
erased. After each cut a new process takes up what was open and staff finish.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hw.virtual.errors import VirtualPhoneError
from hw.virtual.models import Model
from station.custody_checks import Found, at_the_cut, at_the_end
from station.custody_flows import FLOWS, Flow
from station.custody_world import MEANWHILE, World, Worlds, preload
from station.errors import StationError
from station.faults import Tally
from station.sample_firmware import MIB, make_releases

WORKERS = 8  # most of a case is waiting for bolts and phones
AGAIN = 3  # cuts of each flow that are followed by a second one, in the next life
FACTORY_MIB = 2
LAST_OF_RECOVERY = 6  # the second cut comes at one of the first points of that life


@dataclass(frozen=True, slots=True)
class Case:
    """``cuts`` of the lives, one after the other; ``meanwhile``: what the customer does while it is dark."""

    number: int
    flow: str
    cuts: tuple[str, ...]
    meanwhile: str

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.flow}: {' and '.join(self.cuts)}; the customer {self.meanwhile}"


@dataclass(slots=True)
class Outcome:
    """What came of a case."""

    wrong: str = ""
    cuts: int = 0  # that were come to
    called_staff: bool = False
    lost: int = 0
    twice: int = 0
    entries: int = 0


def fill(tally: Tally, folder: Path, sample: int | None, groups: Sequence[str] | None) -> None:
    """Run the matrix (or a sample of each flow) into ``tally``; progress on standard error only goes up."""
    known = [flow.name for flow in FLOWS.values() if flow.cut]
    unknown = [group for group in groups or () if group not in known]
    if unknown:
        raise StationError(f"no group is called {unknown[0]}; there are: {', '.join(known)}")
    draw = random.Random(tally.seed)  # noqa: S311 - repeatable, not secret
    bench = _Bench(folder)
    with ThreadPoolExecutor(WORKERS) as pool:
        counted = {name: pool.submit(bench.count, FLOWS[name]) for name in groups or known}
        points = {name: _points(tally, name, future) for name, future in counted.items()}
        figures = {"flows": len(points), "points": sum(len(found) for found in points.values())}
        figures |= {"cuts": 0, "not_reached": 0}
        chosen = list(_cases(points, draw, sample))
        running = [(case, pool.submit(bench.judge, case)) for case in chosen]
        for done, (case, future) in enumerate(running):
            print(f"progress {100 * done // len(chosen)} {case.text}", file=sys.stderr, flush=True)
            _count(tally, case, future.result(), figures)
    tally.figures = figures
    print("progress 100", file=sys.stderr, flush=True)


def _points(tally: Tally, name: str, counted: Future[tuple[list[str], str]]) -> list[str]:
    points, wrong = counted.result()
    if wrong:
        tally.failures.append(f"{name}, without a cut: {wrong}")
    return points


def _cases(points: dict[str, list[str]], draw: random.Random, sample: int | None) -> Iterator[Case]:
    """Every point of every flow, then some with a second cut; for a sample so many of each flow."""
    number = itertools.count()
    for flow, every in points.items():
        chosen = every if sample is None else draw.sample(every, min(sample, len(every)))
        for cut in chosen:
            yield Case(next(number), flow, (cut,), draw.choice(MEANWHILE))
        for cut in draw.sample(every, min(AGAIN, len(every))) if sample is None else ():
            second = f"*#{draw.randint(1, LAST_OF_RECOVERY)}"
            yield Case(next(number), flow, (cut, second), draw.choice(MEANWHILE))


def _count(tally: Tally, case: Case, outcome: Outcome, figures: dict[str, int]) -> None:
    figures["cuts"] += outcome.cuts
    if not outcome.cuts and not outcome.wrong:
        # What the dock reports when is not the same in every run: this life never came to that point.
        figures["not_reached"] += 1
        return
    tally.injected += 1
    tally.groups[case.flow] = tally.groups.get(case.flow, 0) + 1
    tally.entries += outcome.entries
    tally.entries_lost += outcome.lost
    tally.entries_twice += outcome.twice
    if outcome.wrong:
        tally.failures.append(f"{case.text}: {outcome.wrong}")
    elif outcome.called_staff:
        tally.latched += 1
    else:
        tally.recovered += 1


class _Bench:
    """Carries out cases, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        preload()
        self._folder = folder
        release = make_releases(folder / "factory", ("heron",), FACTORY_MIB * MIB)["heron"]

        def firmware(_model: Model) -> Path:
            return release

        self._worlds = Worlds(folder, firmware)

    def count(self, flow: Flow) -> tuple[list[str], str]:
        """The cut points of the flow that nothing disturbs, and what is wrong with that already."""
        folder = self._folder / f"whole-{flow.name.replace(' ', '-')}"
        with self._worlds.made(flow, folder) as world:
            ending = world.life()
            wrong = [ending.wrong] if ending.wrong else at_the_end(world).wrong
            return world.points(), "; ".join(wrong)

    def judge(self, case: Case) -> Outcome:
        """Cut, look, go on, look again."""
        folder = self._folder / f"case-{case.number}"
        outcome = Outcome()
        try:
            self._carry_out(case, folder, outcome)
        except (StationError, VirtualPhoneError, OSError) as exc:
            outcome.wrong = outcome.wrong or f"the case broke off: {exc}"
        if not outcome.wrong:
            shutil.rmtree(folder, ignore_errors=True)
        return outcome

    def _carry_out(self, case: Case, folder: Path, outcome: Outcome) -> None:
        with self._worlds.made(FLOWS[case.flow], folder) as world:
            for cut in case.cuts:
                if not self._cut(world, cut, case.meanwhile, outcome):
                    break
            if not outcome.wrong:
                self._finish(world, outcome)

    def _cut(self, world: World, cut: str, meanwhile: str, outcome: Outcome) -> bool:
        """One life to its cut, and the dark time after it; False where nothing more is to be cut."""
        ending = world.life(cut)
        outcome.called_staff |= ending.called_staff
        if not ending.killed:
            outcome.wrong = ending.wrong
            return False
        outcome.cuts += 1
        return not _note(outcome, at_the_cut(world)) and not _says(outcome, world.meanwhile(meanwhile))

    def _finish(self, world: World, outcome: Outcome) -> None:
        ending = world.life()
        outcome.called_staff |= ending.called_staff
        if not _says(outcome, ending.wrong):
            found = at_the_end(world)
            outcome.entries = found.entries
            _note(outcome, found)


def _says(outcome: Outcome, wrong: str) -> bool:
    outcome.wrong = wrong
    return bool(wrong)


def _note(outcome: Outcome, found: Found) -> bool:
    outcome.lost += found.lost
    outcome.twice += found.twice
    outcome.wrong = "; ".join(found.wrong)
    return bool(found.wrong)
