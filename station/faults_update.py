"""The update visit's fault matrix: every cut, swap, kill and hostile input, each with what must follow."""

from __future__ import annotations

import random
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hw.virtual.errors import VirtualPhoneError
from station.children import Child
from station.errors import StationError
from station.fault_rig import RATE_BYTES_PER_S, BenchPhone, Rig, Visit, still_alive
from station.faults import Tally
from station.sample_firmware import MIB, NEW

POINTS = 12  # moments per kind of cut, uniform over the bytes of an update
PLAN_BYTES = 10 * MIB  # a little less than the smallest update of the rig
BLOCK_WRITES = 10  # at least so many flash block writes in an update
MODELS = ("heron", "wren")
SLOW = ("--fault", f"slow:{RATE_BYTES_PER_S}")


@dataclass(frozen=True, slots=True)
class Case:
    """One injection. ``run`` returns "" or what came out differently, and has its phones checked by ``close``."""

    group: str
    name: str
    run: Callable[[Rig, Judge], str]


@dataclass(slots=True)
class Judge:
    """Looks after the phones of one case: what their owners had, and whether they live."""

    tally: Tally
    must_start: bool = True

    def watch(self, phone: BenchPhone) -> dict[str, tuple[int, str]]:
        """What the phone holds of its owner's before the fault."""
        return phone.user_files()

    def close(self, phone: BenchPhone, before: dict[str, tuple[int, str]], spared: bool = True) -> str:
        """Count the loss; ``spared`` False: the case destroys files on purpose and compares by itself."""
        after = phone.user_files()
        gone = [name for name, facts in before.items() if after.get(name) != facts]
        if spared:
            self.tally.user_bytes_lost += sum(max(1, before[name][0]) for name in gone)
        dead = still_alive(phone, self.must_start)
        self.tally.bricks += bool(dead)
        return dead or (f"{len(gone)} files of the owner's differ" if gone and spared else "")


def fill(tally: Tally, folder: Path, sample: int | None, groups: Sequence[str] | None) -> None:
    """Run the matrix (or a sample of each group) into ``tally``; progress on standard error only goes up."""
    draw = random.Random(tally.seed)  # noqa: S311 - repeatable, not secret
    chosen = _chosen(list(cases(draw)), draw, sample, groups)
    with Rig(folder).running() as rig:
        for done, case in enumerate(chosen):
            print(
                f"progress {100 * done // len(chosen)} {case.group}: {case.name}", file=sys.stderr, flush=True
            )
            tally.injected += 1
            tally.groups[case.group] = tally.groups.get(case.group, 0) + 1
            try:
                wrong = case.run(rig, Judge(tally))
            except (StationError, VirtualPhoneError, OSError) as exc:
                wrong = f"the case broke off: {exc}"
            if wrong:
                tally.failures.append(f"{case.group}: {case.name}: {wrong}")
        tally.entries_lost, tally.entries_twice, tally.entries = rig.settled()
    print("progress 100", file=sys.stderr, flush=True)


def _chosen(
    every: list[Case], draw: random.Random, sample: int | None, groups: Sequence[str] | None
) -> list[Case]:
    known = list(dict.fromkeys(case.group for case in every))
    for group in groups or ():
        if group not in known:
            raise StationError(f"no group is called {group}; there are: {', '.join(known)}")
    chosen = []
    for group in groups or known:
        mine = [case for case in every if case.group == group]
        picked = mine if sample is None else draw.sample(mine, min(sample, len(mine)))
        chosen += sorted(picked, key=every.index)
    return chosen


def cases(draw: random.Random) -> Iterator[Case]:
    """Every case; the moments of the cuts come from ``draw``."""
    spans = [(PLAN_BYTES * i // POINTS, PLAN_BYTES * (i + 1) // POINTS) for i in range(POINTS)]
    for index, (low, high) in enumerate(spans):
        model = MODELS[index % 2]
        at_bytes = draw.randrange(low + 1, high)
        yield Case(
            "unplug", f"{model}, cable out after {at_bytes} bytes", _recovers(model, f"drop-after:{at_bytes}")
        )
    for index in range(POINTS):
        model = MODELS[index % 2]
        percent = 1 + 78 * index // POINTS
        yield Case("kill", f"{model}, station killed at {percent} %", _killed(model, percent))
    for percent in (82, 87, 96):
        yield Case("kill", f"heron, station killed at {percent} %", _killed("heron", percent))
    for index in range(POINTS):
        model = MODELS[index % 2]
        nth = draw.randrange(1 + BLOCK_WRITES * index // POINTS, 2 + BLOCK_WRITES * (index + 1) // POINTS)
        yield Case(
            "power", f"{model}, phone dies at block write {nth}", _recovers(model, f"die-at-write:{nth}")
        )
    for percent in (10, 40, 70):
        yield Case("swap", f"two phones change bays, station killed at {percent} %", _swapped(percent))
    for model in MODELS:
        yield Case("broker", f"{model}, no broker during the visit", _without_broker(model))
        yield Case("slow", f"{model}, a slow cable", _recovers(model, f"slow:{6 * MIB}"))
        yield Case("slow", f"{model}, the phone stalls", _recovers(model, "stall:3"))
    for kind in ("alter", "lose", "touch"):
        for count in (1, 3):
            yield Case("user-data", f"{count} files {kind}", _user_data(kind, count))
    for partition in ("boot", "system", "vendor", "vbmeta"):
        yield Case(
            "fail-flash",
            f"heron refuses {partition}",
            _latches("heron", f"fail-flash:{partition}", "write_failed"),
        )
        yield Case("corrupt", f"heron's {partition} flips a byte", _corrupted("heron", partition))
    for partition in ("boot", "system", "vbmeta"):
        yield Case("corrupt", f"wren's {partition} flips a byte", _corrupted("wren", partition))
    yield from _refusals()


# -- what recovers


def _updated(visit: Visit, before: dict[str, tuple[int, str]]) -> str:
    """Empty when the visit ended updated with every file of the owner's identical and read in full."""
    if visit.verdict != "updated" or visit.answer is None:
        return f"ended {visit.verdict} ({visit.reason}), not updated"
    data = visit.answer["user_data"]
    files = sum(name.startswith("user/") for name in before)
    if not data["before"] == data["identical"] == data["hashed"] == files:
        return f"of {files} files {data['identical']} identical, {data['hashed']} read in full"
    return ""


def _recovers(model: str, *faults: str) -> Callable[[Rig, Judge], str]:
    def run(rig: Rig, judge: Judge) -> str:
        words = tuple(word for fault in faults for word in ("--fault", fault))
        with rig.phone(model, *words) as phone:
            before = judge.watch(phone)
            wrong = _updated(rig.update(phone), before)
            judge.tally.recovered += not wrong
            return wrong or judge.close(phone, before)

    return run


def _killed(model: str, percent: int) -> Callable[[Rig, Judge], str]:
    def run(rig: Rig, judge: Judge) -> str:
        with rig.phone(model, *SLOW) as phone:
            before = judge.watch(phone)
            first = rig.update(phone, kill_at_percent=percent)
            if first.verdict != "killed":
                return f"was not killed: {first.verdict} ({first.reason})"
            second = rig.update(phone)
            wrong = _updated(second, before)
            if not wrong and second.answer is not None and second.answer["resumed"] is not True:
                wrong = "did not say that it resumed"
            judge.tally.recovered += not wrong
            return wrong or judge.close(phone, before)

    return run


def _without_broker(model: str) -> Callable[[Rig, Judge], str]:
    def run(rig: Rig, judge: Judge) -> str:
        rig.system.mosquitto.stop()
        try:
            with rig.phone(model) as phone:
                before = judge.watch(phone)
                wrong = _updated(rig.update(phone), before) or judge.close(phone, before)
        finally:
            rig.system.mosquitto.start()
        lost, twice, _ = rig.settled()
        wrong = wrong or (f"{lost} entries lost, {twice} twice" if lost or twice else "")
        judge.tally.recovered += not wrong
        return wrong

    return run


# -- what must latch


def _latched(judge: Judge, visit: Visit, reason: str, written: bool = True) -> str:
    verdict, code = ("needs_staff", 4) if written else ("refused", 3)
    found = (visit.verdict, visit.reason, visit.code, bool(visit.answer and visit.answer["written"]))
    if found != (verdict, reason, code, written):
        return f"ended {found}, not {(verdict, reason, code, written)}"
    judge.tally.latched += 1
    return ""


def _latches(model: str, fault: str, reason: str) -> Callable[[Rig, Judge], str]:
    def run(rig: Rig, judge: Judge) -> str:
        with rig.phone(model, "--fault", fault) as phone:
            before = judge.watch(phone)
            return _latched(judge, rig.update(phone), reason) or judge.close(phone, before)

    return run


def _corrupted(model: str, partition: str) -> Callable[[Rig, Judge], str]:
    """An A/B phone falls back to its old slot; a single-slot one stays in its bootloader. Neither is updated."""

    def run(rig: Rig, judge: Judge) -> str:
        judge.must_start = model == "heron"
        with rig.phone(model, "--fault", f"corrupt-flash:{partition}") as phone:
            before = judge.watch(phone)
            reason = "version_mismatch" if model == "heron" else "boot_failed"
            return _latched(judge, rig.update(phone), reason) or judge.close(phone, before)

    return run


def _user_data(kind: str, count: int) -> Callable[[Rig, Judge], str]:
    def run(rig: Rig, judge: Judge) -> str:
        with rig.phone("heron", "--fault", f"userdata:{kind}={count}") as phone:
            before = judge.watch(phone)
            visit = rig.update(phone)
            reason = "user_data_missing" if kind == "lose" else "user_data_changed"
            wrong = _latched(judge, visit, reason)
            data = visit.answer["user_data"] if visit.answer else {}
            expected = {"missing": count if kind == "lose" else 0, "changed": 0 if kind == "lose" else count}
            counted = {name: data.get(name) for name in expected}
            if not wrong and counted != expected:
                wrong = f"counted {counted}, not {expected}"
            return wrong or judge.close(phone, before, spared=False)

    return run


def _swapped(percent: int) -> Callable[[Rig, Judge], str]:
    """The station dies in the middle of a write; meanwhile two phones of one model change bays."""

    def run(rig: Rig, judge: Judge) -> str:
        with ExitStack() as bays:
            mine = bays.enter_context(rig.phone("heron", *SLOW))
            other = bays.enter_context(rig.phone("heron"))
            before = {id(phone): judge.watch(phone) for phone in (mine, other)}
            first = rig.update(mine, kill_at_percent=percent)
            if first.verdict != "killed":
                return f"was not killed: {first.verdict} ({first.reason})"
            _change_bays(mine, other, bays)
            writes = other.hands.status()["writes"]
            visit = rig.update(other)
            wrong = _latched(judge, visit, "swapped")
            if not wrong and other.hands.status()["writes"] != writes:
                wrong = "the wrong phone was written to"
            return wrong or judge.close(other, before[id(other)]) or judge.close(mine, before[id(mine)])

    return run


def _change_bays(one: BenchPhone, two: BenchPhone, bays: ExitStack) -> None:
    addresses = [phone.where.removeprefix("usbip://").partition("/")[0] for phone in (one, two)]
    for phone in (one, two):
        phone.child.stop()
    for phone, address in ((one, addresses[1]), (two, addresses[0])):
        mode = ("--mode", "bootloader")
        words = ("phone", "--model", "heron", "--usbip", address, "--state", str(phone.state), *mode)
        phone.child = bays.enter_context(Child(*words))


# -- what must be refused before anything is written


def _refusals() -> Iterator[Case]:
    for name, model, words, reason in (
        ("locked bootloader", "heron", ("--locked",), "bootloader_locked"),
        ("battery at 12 %", "heron", ("--battery", "12"), "battery_low"),
        ("battery at 12 %, one slot", "wren", ("--battery", "12"), "battery_low"),
        ("a keyboard in the bay", "hid", (), "foreign_device"),
        ("a phone that only charges", "charger", (), "no_file_transfer"),
    ):
        yield Case("refuse", name, _refused(model, reason, words))
    for name, spoil, reason in (
        ("another model's release", _another_model, "wrong_model"),
        ("a truncated image", _truncated, "image_truncated"),
        ("an image with another hash", _other_hash, "hash_mismatch"),
        ("a release that names userdata", _names_userdata, "protected_partition"),
        ("a manifest of garbage", _garbage_manifest, "bad_manifest"),
    ):
        yield Case("refuse", name, _refused("heron", reason, (), spoil))
    yield Case("refuse", "a phone that talks garbage", _refused("heron", "", ("--fault", "garbage")))


def _refused(
    model: str, reason: str, words: tuple[str, ...], spoil: Callable[[Path], None] | None = None
) -> Callable[[Rig, Judge], str]:
    def run(rig: Rig, judge: Judge) -> str:
        releases: tuple[str, ...] = ()
        if spoil is not None:
            place = rig.folder / f"spoilt-{threading.get_ident()}-{judge.tally.injected}"
            shutil.copytree(rig.folder / "releases" / model / NEW, place / model / NEW)
            spoil(place)
            releases = ("--releases", str(place))
        with rig.phone(model, *words) as phone:
            before = judge.watch(phone)
            entries = rig.station.book.head().index
            visit = rig.update(phone, *releases, connect_s=4.0, unlock_s=8.0)
            wrong = _untouched(judge, visit, reason, phone)
            if not wrong and rig.station.book.head().index == entries:
                wrong = "no entry in the ledger"
            return wrong or (judge.close(phone, before) if model in MODELS else "")

    return run


def _untouched(judge: Judge, visit: Visit, reason: str, phone: BenchPhone) -> str:
    """Refused, with one clear line, and the phone's flash never written. Without ``reason``, any will do."""
    if visit.verdict != "refused" or visit.code not in ((3,) if reason else (3, 5)):
        return f"ended {visit.verdict} with exit code {visit.code} ({visit.reason})"
    if reason and visit.reason != reason:
        return f"refused for {visit.reason}, not {reason}"
    if any("Traceback" in line for line in visit.said):
        return "a traceback was shown"
    if visit.answer is None or visit.answer["written"]:
        return "says that something was written"
    if phone.state.exists() and phone.hands.status()["writes"]:
        return "the phone's flash was written"
    judge.tally.latched += 1
    return ""


def _manifest(releases: Path) -> Path:
    return next(releases.rglob("manifest.json"))


def _another_model(releases: Path) -> None:
    """The folder says heron, the release is wren's."""
    manifest = _manifest(releases)
    manifest.write_text(manifest.read_text("utf-8").replace('"heron"', '"wren"'), "utf-8")


def _truncated(releases: Path) -> None:
    with next(releases.rglob("system.img")).open("r+b") as file:
        file.truncate(file.seek(0, 2) - 4096)


def _other_hash(releases: Path) -> None:
    with next(releases.rglob("system.img")).open("r+b") as file:
        file.seek(1 * MIB)
        old = file.read(1)
        file.seek(1 * MIB)
        file.write(bytes([old[0] ^ 1]))


def _names_userdata(releases: Path) -> None:
    manifest = _manifest(releases)
    manifest.write_text(manifest.read_text("utf-8").replace('"boot"', '"userdata"'), "utf-8")


def _garbage_manifest(releases: Path) -> None:
    _manifest(releases).write_bytes(random.Random(7).randbytes(4096))  # noqa: S311 - any bytes do
