"""Plain stand-ins for what a runner works with, for tests that need to steer every answer of the phone."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from firmware_agent.manifest import Part, Release
from firmware_agent.plan import FlashPlan
from firmware_agent.watch import Offer, Watch
from kiosk.flow.book import Mark
from kiosk.flow.effects import CommitEffect, Forget, Keep, Record
from kiosk.flow.timeouts import Timeouts
from kiosk.flow.visit import BootFacts, Visit
from kiosk.ports import Identity, Image, Mode, OnBytes, UserObject

CONTENT = {"images/boot.img": b"b" * 4096, "images/system.img": b"s" * 16384}
PARTS = tuple(
    Part(file.split("/")[1].removesuffix(".img"), file, len(raw), hashlib.sha256(raw).hexdigest())
    for file, raw in CONTENT.items()
)
RELEASE = Release("heron", "cn", "2.0.0", 2, 30, False, {"zh": "新", "en": "new"}, PARTS)
FACTS = BootFacts(
    product="heron",
    serialno="S1",
    variant="cn",
    version="1.0.0",
    current_slot="a",
    slot_successful=True,
    unlocked=True,
    battery_percent=80,
    rollback_index=1,
    max_download_bytes=1 << 20,
    slotted_partitions=frozenset({"boot", "system"}),
    partition_sizes={f"{name}_{slot}": 1 << 20 for name in ("boot", "system") for slot in "ab"},
)


class PhoneTrouble(Exception):
    """What an adapter raises: a fault and one line."""

    def __init__(self, fault: str, detail: str = "trouble") -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True)
class Look:
    bay: str
    mode: Mode
    vendor_id: int = 0x1209
    product_id: int = 1
    usb_serial: str = ""
    what: str = "a phone"


@dataclass(frozen=True)
class Mtp:
    manufacturer: str = "Lumen"
    mtp_model: str = "Lumen Heron"
    mtp_serial: str = "M1"
    product: str | None = "heron"
    battery_percent: int | None = 80


@dataclass(frozen=True)
class Item:
    path: str
    size_bytes: int = 3
    modified: str = ""
    sha256: str | None = "ab" * 32


@dataclass(frozen=True)
class Listing:
    objects: Sequence[UserObject]
    unreadable: int = 0
    truncated: bool = False
    seconds: float = 0.0


@dataclass
class ScriptedPhone:
    """A phone as a plain object: tests set ``mode`` and put errors into ``raises``."""

    bay: str = "bay"
    mode: Mode | None = None
    facts: BootFacts = FACTS
    files: list[Item] = field(default_factory=lambda: [Item("a"), Item("照片/b")])
    unlocked: threading.Event = field(default_factory=threading.Event)
    raises: dict[str, list[Exception]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    on_write: Callable[[str], None] = lambda partition: None
    closed: bool = False
    sent_bytes: int = 0

    def _do(self, name: str) -> None:
        self.log.append(name)
        if self.raises.get(name.split(maxsplit=1)[0]):
            raise self.raises[name.split(maxsplit=1)[0]].pop(0)

    def look(self) -> Look | None:
        return Look(self.bay, self.mode) if self.mode else None

    def wait_for(self, modes: Iterable[Mode], timeout_s: float, stop: threading.Event) -> Look | None:
        raise NotImplementedError

    def recognise(self) -> Mtp:
        self._do("recognise")
        return Mtp()

    def wait_unlocked(self, timeout_s: float, stop: threading.Event) -> bool:
        if self.unlocked.is_set():
            return True
        deadline = time.monotonic() + min(timeout_s, 0.05)
        while time.monotonic() < deadline and not stop.is_set():
            if self.unlocked.wait(0.01):
                return True
        return False

    def inventory(
        self,
        hash_budget_s: float,
        seed: int,
        hash_paths: frozenset[str] | None,
        on_progress: OnBytes,
        stop: threading.Event,
    ) -> Listing:
        self._do("inventory")
        on_progress(1, 2)
        return Listing(tuple(self.files))

    def identify(self) -> BootFacts:
        self._do("identify")
        return self.facts

    def write(self, partition: str, image: Image, who: Identity, on_progress: OnBytes) -> None:
        self.on_write(partition)
        self._do(f"write {partition}")
        total = 0
        for chunk in image.chunks(4096):
            total += len(chunk)
            self.sent_bytes += len(chunk)
            on_progress(total, image.size_bytes)

    def set_active(self, slot: str, who: Identity) -> None:
        self._do(f"set_active {slot}")
        self.facts = replace(self.facts, current_slot=slot, version="2.0.0")

    def reboot(self, who: Identity) -> None:
        self._do("reboot")
        self.mode = "normal"

    def close(self) -> None:
        self.closed = True


@dataclass
class Bytes:
    part: Part

    @property
    def size_bytes(self) -> int:
        return self.part.size_bytes

    @property
    def sha256(self) -> str:
        return self.part.sha256

    def chunks(self, size_bytes: int) -> Iterator[bytes]:
        raw = CONTENT[self.part.file]
        for offset in range(0, len(raw), size_bytes):
            yield raw[offset : offset + size_bytes]


@dataclass
class Folder:
    """A release's images."""

    closed: bool = False

    def image(self, file: str) -> Bytes:
        return Bytes(next(part for part in PARTS if part.file == file))

    def close(self) -> None:
        self.closed = True


class CatalogueTrouble(Exception):
    """What a catalogue raises: a reason and one line."""

    def __init__(self, reason: str, detail: str = "trouble") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


HERE = Offer("cached", 0, RELEASE.size_bytes, why="images_here")
DELTA = Offer("delta", 4_000_000, 40_000_000, "1.0.0", "base_here")


@dataclass
class OneRelease:
    """A catalogue of one release. A test may hold its download back, let it fail, or have it say things."""

    offered: Offer = HERE
    raises: dict[str, list[Exception]] = field(default_factory=dict)
    script: Callable[[Watch], None] = lambda watch: None  # what a download does first
    held: threading.Event | None = None  # the download ends once this is set
    deaf: bool = False  # takes no notice of being stopped
    calls: list[str] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    let_go_of: threading.Event = field(default_factory=threading.Event)

    def _do(self, call: str) -> None:
        self.calls.append(call)
        if self.raises.get(call.split(maxsplit=1)[0]):
            raise self.raises[call.split(maxsplit=1)[0]].pop(0)

    def _folder(self) -> Folder:
        self.folders.append(Folder())
        return self.folders[-1]

    def newest(self, model: str, variant: str | None, watch: Watch) -> Release | None:
        self._do("newest")
        watch.note("catalogue.refreshed", mirror="http://m1")
        return RELEASE if model == RELEASE.model else None

    def exact(self, model: str, version: str, watch: Watch) -> Release:
        self._do(f"exact {version}")
        return RELEASE

    def offer(self, release: Release, whole_only: bool = False) -> Offer:
        self._do(f"offer {whole_only}")
        return self.offered

    def fetch(self, visit: str, release: Release, watch: Watch, whole_only: bool = False) -> Folder:
        self.calls.append(f"fetch {visit} {whole_only}")
        self.script(watch)
        while self.held is not None and not self.held.wait(0.01):
            if watch.stop.is_set() and not self.deaf:
                self.stopped.set()
                raise CatalogueTrouble("stopped")
        if self.raises.get("fetch"):
            raise self.raises["fetch"].pop(0)
        return self._folder()

    def again(self, visit: str, plan: FlashPlan, watch: Watch) -> Folder:
        self._do(f"again {visit} {plan.version_to}")
        return self._folder()

    def let_go(self, visit: str) -> None:
        self._do(f"let_go {visit}")
        self.let_go_of.set()

    def hint(self, model: str) -> None:
        self._do(f"hint {model}")


class Known:
    def names(self, product: str) -> dict[str, str]:
        return {"zh": "流明 鹭", "en": "Lumen Heron"}

    def keys(self, product: str) -> tuple[str, ...]:
        return ("power", "volume_down")


class Clock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


@dataclass
class PaperBook:
    """A book in memory. ``log`` shares its order with the phone's when both are given the same list."""

    log: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    visits: dict[str, Visit] = field(default_factory=dict)
    kept: dict[str, Sequence[UserObject]] = field(default_factory=dict)
    leased: set[str] = field(default_factory=set)
    elsewhere: frozenset[str] = frozenset()
    fails: Exception | None = None

    def lease(self, bay: str) -> None:
        self.leased.add(bay)

    def release(self, bay: str) -> None:
        self.leased.discard(bay)

    def held_elsewhere(self) -> frozenset[str]:
        return self.elsewhere

    def commit(self, visit: Visit, effects: Sequence[CommitEffect]) -> Mark:
        if self.fails:
            raise self.fails
        self.visits[visit.visit] = visit
        for effect in effects:
            if isinstance(effect, Keep):
                self.kept[visit.visit] = effect.objects
            elif isinstance(effect, Forget):
                self.kept.pop(visit.visit, None)
            else:
                self._note(effect)
        return Mark("ee", len(self.bodies))

    def _note(self, record: Record) -> None:
        self.log.append(record.kind)
        self.bodies.append(dict(record.body))

    def record(self, record: Record, visit: str = "") -> Mark:
        self._note(record)
        return Mark("ee", len(self.bodies))

    def inventory(self, visit: str) -> Sequence[UserObject]:
        return self.kept[visit]

    def open_visits(self) -> Sequence[Visit]:
        return [visit for visit in self.visits.values() if not visit.finished]


QUICK = Timeouts(replug_s=0.5, leave_s=2.0)
