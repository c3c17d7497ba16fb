"""A virtual dock: the real firmware in a process of its own, its plant, a line over TCP, and people's hands.

It reads no frame. The plant's clock is real time; :meth:`VirtualDock.pass_time` lets more of it pass at once.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from hw.virtual import dock_world
from hw.virtual.control import ControlServer, meets
from hw.virtual.dock_hands import ACTIONS, act_on
from hw.virtual.dock_line import DockLine
from hw.virtual.dock_process import ControllerProcess
from hw.virtual.dock_world import World
from hw.virtual.errors import BadState, Refused

TURN_MS = 50
PASSING_MS = 100
MAX_PASS_S = 7 * 24 * 3600.0
FLASH_BYTES = 8 * 4096
MAX_PLACES = 16
_MAX_DEAD_STARTS = 5
_MAX_NOISE_BYTES = 1 << 20


def make_folder(folder: Path, bins: int, bays: int, serial: str = "D1") -> None:
    """A controller as it leaves the factory; one that is there stays as it is. :class:`BadState` for no dock at all."""
    if not 1 <= bins <= MAX_PLACES or not 0 <= bays <= MAX_PLACES:
        raise BadState(f"a dock has 1 to {MAX_PLACES} bins and at most {MAX_PLACES} bays")
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "serial": serial,
        "bins": bins,
        "bays": bays,
        "flash_bytes": FLASH_BYTES,
        "scale_zero_ticks": dock_world.ZERO_TICKS,
        "scale_ticks_per_kg": dock_world.TICKS_PER_KG,
        "scale_max_g": dock_world.MAX_G,
    }
    (folder / "board.json").write_text(json.dumps(facts), "utf-8")
    if not (folder / "flash.bin").exists():
        (folder / "flash.bin").write_bytes(b"\xff" * FLASH_BYTES)


class VirtualDock:
    """One dock (:class:`hw.virtual.control.Hands`), for ``with``. Everything public is thread-safe.

    ``watchdog_s`` is the hardware's: a controller that does not take a turn for so long is started anew.
    """

    def __init__(
        self,
        folder: Path,
        bins: int = 4,
        bays: int = 2,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        watchdog_s: float = 8.0,
        seed: int = 0,
    ) -> None:
        make_folder(folder, bins, bays)
        self._folder, self._watchdog_s = folder, watchdog_s
        self._changed = threading.Condition(threading.RLock())
        self.world = World(bins, bays, seed)
        self._noise = random.Random(seed)  # noqa: S311 - noise, not secrets
        self._process: ControllerProcess | None = None
        self._starts = self._turns = 0
        self._owed_ms = self._kicks = 0
        self._hang = self._stopped = self._is_dead = False
        self._line = DockLine(listen, self._to_controller, seed)
        self._control = ControlServer(self)
        self._plant = threading.Thread(target=self._run, name="dock-plant", daemon=True)

    @property
    def ready(self) -> dict[str, Any]:
        """What a station and the hands need to know."""
        return {
            "where": self._line.where,
            "control": self._control.address,
            "bins": len(self.world.bins),
            "bays": len(self.world.bays),
        }

    def __enter__(self) -> Self:
        self._line.start()
        self._control.start()
        self._plant.start()
        if not self.wait_for({"turns": {"at_least": 1}}, 30.0):
            self.stop()
            raise BadState(
                f"the dock's controller did not start; {self._folder / 'controller.log'} may say why"
            )
        return self

    def __exit__(self, *ending: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Switch everything off; what the controller keeps in flash stays."""
        with self._changed:
            self._stopped = True
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()
        self._control.stop()
        self._line.stop()
        if self._plant.ident is not None:
            self._plant.join()

    # -- people's hands -------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The plant, and how often the controller was started here."""
        with self._changed:
            return self.world.status() | {
                "starts": self._starts,
                "turns": self._turns,
                "connected": self._line.is_connected,
                "connections": self._line.connections,
                "controller_pid": 0 if self._process is None else self._process.pid,
            }

    def wait_for(self, conditions: Mapping[str, Any], timeout_s: float) -> bool:
        """Wait until the status :func:`~hw.virtual.control.meets` the conditions; False when it never did."""
        with self._changed:
            return self._changed.wait_for(lambda: meets(self.status(), conditions), timeout_s)

    def act(self, action: str, argument: Mapping[str, Any]) -> None:
        """One thing a hand can do, seen by the controller before this returns. Refused where it makes no sense."""
        if action == "pass":
            self.pass_time(argument.get("seconds"))
            return
        with self._changed:
            if action == "fault":
                self._fault(argument.get("spec"))
            elif not act_on(self.world, action, argument):
                raise Refused(
                    f"no hand can do that; there are: {', '.join(ACTIONS)}, fault, pass, status, wait"
                )
            turns = self._turns
            self._kicks += 1
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._turns >= turns + 2 or self._stopped or self._hang, self._watchdog_s
            )

    def pass_time(self, seconds: object) -> None:
        """Let so much of the plant's time pass as fast as the controller takes its turns."""
        if not isinstance(seconds, (int, float)) or not 0 < seconds <= MAX_PASS_S:
            raise Refused(f"pass takes seconds, above 0 and at most {MAX_PASS_S:.0f}")
        with self._changed:
            self._owed_ms += int(seconds * 1000)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._owed_ms == 0 or self._stopped or self._is_dead)

    def _fault(self, spec: object) -> None:
        if not isinstance(spec, str):
            raise Refused(f"fault takes a spec, one of: {dock_world.SPECS}")
        if spec == "none":
            self._line.mend()
        if self.world.fault(spec):
            return
        kind, _, value = spec.partition(":")
        if kind == "reset":
            if self._process is not None:
                self._process.kill()
        elif kind == "hang":
            self._hang = True
        elif kind == "cut-line":
            self._line.cut()
        elif kind == "garbage":
            self._line.garble()
        elif kind == "garbage-in" and value.isdecimal() and int(value) <= _MAX_NOISE_BYTES:
            self._to_controller(self._noise.randbytes(int(value)))
        else:
            raise Refused(f"no fault of a dock is called {spec!r}; there are: {dock_world.SPECS}")

    # -- the plant's thread ---------------------------------------------------------------------

    def _to_controller(self, data: bytes) -> None:
        process = self._process
        if process is not None:
            process.write(data)

    def _run(self) -> None:
        dead_starts = 0
        while not self._stopped and dead_starts < _MAX_DEAD_STARTS:
            before = self._turns
            self._one_life()
            dead_starts = 0 if self._turns > before else dead_starts + 1
        with self._changed:
            self._is_dead = True
            self._changed.notify_all()

    def _one_life(self) -> None:
        """The controller from its power on to its end."""
        process = ControllerProcess(self._folder)
        with self._changed:
            self._process = process
            self._starts += 1
            self._hang = False
            self.world.power_on()
            self._changed.notify_all()
        reader = threading.Thread(target=self._carry, args=(process,), name="dock-reader", daemon=True)
        reader.start()
        last_s = time.monotonic()
        while not self._stopped:
            with self._changed:
                now_s = time.monotonic()
                passing = min(self._owed_ms, PASSING_MS)
                self.world.advance(passing or max(1, int((now_s - last_s) * 1000)))
                last_s = now_s
                sensors = self.world.sensors() | ({"hang": True} if self._hang else {})
                kicks = self._kicks
            driven = process.turn(sensors, self._watchdog_s)
            if driven is None:
                break
            with self._changed:
                self.world.drive(driven)
                self._turns += 1
                self._owed_ms -= passing
                self._changed.notify_all()
                if not self._owed_ms:
                    wake = lambda seen=kicks: self._kicks != seen or self._owed_ms or self._stopped  # noqa: E731
                    self._changed.wait_for(wake, TURN_MS / 1000)
        process.kill()
        reader.join()
        with self._changed:
            self._process = None
        process.close()

    def _carry(self, process: ControllerProcess) -> None:
        with contextlib.suppress(OSError):
            while data := process.read():
                self._line.send(data)
