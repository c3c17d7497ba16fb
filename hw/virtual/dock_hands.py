"""What people's hands can do at a virtual dock: the table of actions on its plant, and a client that asks for them."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from hw.virtual.dock_world import World
from hw.virtual.errors import NoAnswer, Refused

_LINE_BYTES = 65536
_GRACE_S = 5.0
_PASS_S = 600.0

_PLAIN: Mapping[str, Callable[[World], None]] = {
    "take": lambda world: world.take(),
    "open_drawer": lambda world: world.drawer.open(),
    "close_drawer": lambda world: world.drawer.close(),
    "lay_in_drawer": lambda world: world.lay_in_drawer(),
    "empty_drawer": lambda world: world.empty_drawer(),
}
_OF_A_BIN: Mapping[str, Callable[[World, int], None]] = {
    "open_flap": lambda world, number: world.bin(number).flap.open(),
    "close_flap": lambda world, number: world.bin(number).flap.close(),
    "drop": lambda world, number: world.drop(number),
    "open_door": lambda world, number: world.bin(number).door.open(),
    "close_door": lambda world, number: world.bin(number).door.close(),
    "empty": lambda world, number: world.empty(number),
}
ACTIONS = (*_PLAIN, *_OF_A_BIN, "put", "fill", "stop", "tamper", "heat")


def act_on(world: World, action: str, argument: Mapping[str, Any]) -> bool:
    """Do it; False: no hand can. :class:`Refused` where it makes no sense now."""
    if action in _PLAIN:
        _PLAIN[action](world)
    elif action in _OF_A_BIN:
        _OF_A_BIN[action](world, _number(argument, "bin", 0, 99))
    elif action == "put":
        world.put(_number(argument, "mass_g", 1, 100000))
    elif action == "fill":
        world.bin(_number(argument, "bin", 0, 99)).fill_percent = _number(argument, "percent", 0, 100)
    elif action == "stop":
        world.stop_is_pressed = argument.get("pressed", True) is True
    elif action == "tamper":
        world.housing_is_open = argument.get("open", True) is True
    elif action == "heat":
        world.bay(_number(argument, "bay", 0, 99)).temperature_c = _number(argument, "c", -40, 120)
    else:
        return False
    return True


def _number(argument: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = argument.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(f"{name} takes a whole number, {least} to {most}")
    return value


class DockHands:
    """The hands of customers and staff at the dock whose control address this is.

    Every method returns the plant's status. Raises :class:`NoAnswer` where the dock refuses or does not answer.
    Thread-safe: every call has a connection of its own.
    """

    def __init__(self, control: str, timeout_s: float = 30.0) -> None:
        host, _, port = control.rpartition(":")
        self._address = (host, int(port))
        self._timeout_s = timeout_s

    def act(self, action: str, **argument: object) -> dict[str, Any]:
        """Any of :data:`ACTIONS`, by name."""
        return self._ask({"do": action, **argument}, self._timeout_s)

    def status(self) -> dict[str, Any]:
        """The plant as it is now."""
        return self.act("status")

    def put(self, mass_g: int) -> dict[str, Any]:
        """Lay something on the scale."""
        return self.act("put", mass_g=mass_g)

    def take(self) -> dict[str, Any]:
        """Take everything off the scale."""
        return self.act("take")

    def open_flap(self, bin: int) -> dict[str, Any]:
        """Pull a flap; refused while it is locked."""
        return self.act("open_flap", bin=bin)

    def close_flap(self, bin: int) -> dict[str, Any]:
        """Push it to."""
        return self.act("close_flap", bin=bin)

    def drop(self, bin: int) -> dict[str, Any]:
        """Let what lay on the scale fall through an open flap."""
        return self.act("drop", bin=bin)

    def fill(self, bin: int, percent: int) -> dict[str, Any]:
        """Make a bin so full."""
        return self.act("fill", bin=bin, percent=percent)

    def stop(self, pressed: bool = True) -> dict[str, Any]:
        """Press the emergency stop, or pull it out again."""
        return self.act("stop", pressed=pressed)

    def tamper(self, open: bool = True) -> dict[str, Any]:
        """Open the housing, or close it."""
        return self.act("tamper", open=open)

    def heat(self, bay: int, c: int) -> dict[str, Any]:
        """Make a bay so warm."""
        return self.act("heat", bay=bay, c=c)

    def fault(self, spec: str) -> dict[str, Any]:
        """Arm a fault (:data:`hw.virtual.dock_world.SPECS`); ``none`` mends everything."""
        return self.act("fault", spec=spec)

    def pass_time(self, seconds: float) -> dict[str, Any]:
        """Let so much of the plant's time pass at once."""
        return self._ask({"do": "pass", "seconds": seconds}, max(self._timeout_s, _PASS_S))

    def wait(self, timeout_s: float = 30.0, **conditions: object) -> dict[str, Any]:
        """Wait until every named status value is as given: ``wait(5, bin1_lock="released")``."""
        return self._ask({"do": "wait", "for": conditions, "timeout_s": timeout_s}, timeout_s + _GRACE_S)

    def _ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            with socket.create_connection(self._address, timeout_s) as sock:
                sock.settimeout(timeout_s)
                sock.sendall(json.dumps(request).encode() + b"\n")
                with contextlib.closing(sock.makefile("rb")) as stream:
                    answer = json.loads(stream.readline(_LINE_BYTES))
        except (OSError, ValueError) as exc:
            raise NoAnswer(f"the virtual dock's control address did not answer: {exc}") from exc
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            raise NoAnswer(str(answer.get("error") if isinstance(answer, dict) else answer))
        status: dict[str, Any] = answer["status"]
        return status
