"""A virtual phone whose brain is its update agent: power, cable and process. It owns the mode; ports only show it.

One thread is the phone's power: it starts the process, carries what it says, and starts it again after a reset.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from hw.virtual import agent_factory
from hw.virtual.agent_function import SerialFunction, agent_device
from hw.virtual.agent_models import AgentModel
from hw.virtual.agent_process import RESET, Agent
from hw.virtual.cabled_phone import CabledPhone
from hw.virtual.errors import Refused, VirtualPhoneError
from hw.virtual.faults import FaultBox

AgentMode = Literal["off", "booting", "agent"]
_CUT_PERCENT = 50


class VirtualAgent(CabledPhone):
    """One phone on one cable (:class:`hw.virtual.control.Hands`). Everything public is thread-safe."""

    def __init__(self, folder: Path, model: AgentModel, faults: FaultBox, boot_s: float) -> None:
        super().__init__(faults)
        self._folder, self._model, self._boot_s = folder, model, boot_s
        self._board = agent_factory.load(folder, model)
        self._mode: AgentMode = "off"
        self._wanted, self._stopped = True, False
        self._agent: Agent | None = None
        self._serial_port: SerialFunction | None = None
        self._boots = self._power_cuts = self._to_agent_bytes = self._from_agent_bytes = 0
        self._power_thread = threading.Thread(target=self._power, name="agent-power", daemon=True)

    @property
    def serial(self) -> str:
        """Its serial number."""
        return str(self._board["serial"])

    def start(self) -> None:
        """Switch on; ready when :meth:`wait_for` says so."""
        self._power_thread.start()

    def stop(self) -> None:
        """Switch off for good; the flash stays as it is."""
        with self._changed:
            self._stopped = True
            self._cut_power()
            self._changed.notify_all()
        self._power_thread.join()

    # -- the customer's hands -------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """As far as it can be seen from outside: what runs on it, the agent says to a station only."""
        with self._changed:
            return {
                "mode": self._mode,
                "plugged": self._cable.plugged,
                "unlocked": True,
                "battery_percent": self._board["battery_percent"],
                "boots": self._boots,
                "agent_pid": None if self._agent is None else self._agent.pid,
                "power_cuts": self._power_cuts,
                "writes": self._flash_operations(),
                "usb_sessions": self._usb_sessions,
                "download_bytes": self._to_agent_bytes,
                "upload_bytes": self._from_agent_bytes,
                "faults": self._faults.specs(),
            }

    def act(self, action: str, argument: Mapping[str, Any]) -> None:
        """One thing a hand can do; :class:`Refused` where it makes no sense."""
        actions: dict[str, Callable[[], None]] = {
            "restart": self._restart,
            "power_cut": self._cut_power,
            "unplug": self.unplug,
            "replug": self.replug,
            "battery": lambda: self._set_battery(argument.get("percent")),
            "fault": lambda: self._faults.order(str(argument.get("spec"))),
            "unlock": lambda: None,  # it has no lock
        }
        if action not in actions:
            raise Refused(f"a customer cannot do that; there are: {', '.join(sorted(actions))}, status, wait")
        actions[action]()

    def _restart(self) -> None:
        """Power off and on, whatever it was doing; also switches on a phone that is off."""
        with self._changed:
            self._cut_power()
            self._wanted = True
            self._changed.notify_all()

    def _cut_power(self) -> None:
        """The power is gone, in the middle of whatever it wrote; it stays off until somebody restarts it."""
        with self._changed:
            self._wanted = False
            if self._agent is not None:
                self._agent.kill()
                self._power_cuts += 1
                self._agent = None
            self._leave("off")

    def _set_battery(self, percent: object) -> None:
        """The agent reads its charge when it starts, so it is started again."""
        if not isinstance(percent, int) or not 0 <= percent <= 100:
            raise Refused("battery takes percent, 0 to 100")
        with self._changed:
            self._board["battery_percent"] = percent
            agent_factory.save(self._folder, self._board)
            self._restart()

    # -- power ----------------------------------------------------------------------------------

    def _power(self) -> None:
        """The process is a child of this thread and ends with it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._stopped)
                if self._stopped:
                    return
                self._leave("booting")
                self._changed.wait_for(lambda: self._stopped or not self._wanted, self._boot_s)
                if self._stopped or not self._wanted:
                    continue
                try:
                    agent = self._begin()
                except (OSError, VirtualPhoneError):
                    self._wanted = False
                    self._leave("off")
                    continue
            self._carry(agent)

    def _begin(self) -> Agent:
        nth = self._faults.dying_write()
        agent = Agent(self._folder, {"AGENT_CUT": f"{nth - 1}:{_CUT_PERCENT}"} if nth else {})
        self._agent, self._boots = agent, self._boots + 1
        self._serial_port = SerialFunction(lambda data: self._to_agent(agent, data))
        self._mode = "agent"
        self._cable.carry(agent_device(self._model, self.serial, self._serial_port))
        self._changed.notify_all()
        return agent

    def _carry(self, agent: Agent) -> None:
        """What this process says, until it ends."""
        port = self._serial_port
        while data := agent.read():
            with self._changed:
                self._from_agent_bytes += len(data)
                self._changed.notify_all()
            if port is not None:
                port.from_agent(self._faults.noise(data))
        code = agent.ended()
        with self._changed:
            if self._agent is agent:  # it ended by itself: a reset, or a cut that it did to itself
                self._agent = None
                self._wanted = code == RESET
                self._power_cuts += code != RESET
                self._leave("booting" if self._wanted else "off")

    def _to_agent(self, agent: Agent, data: bytes) -> None:
        drop = self._faults.data(len(data), self._faults.link)
        if drop is not None:
            self.cut(drop.replug)
            return
        agent.write(data)
        with self._changed:
            self._to_agent_bytes += len(data)
            self._changed.notify_all()

    def _leave(self, mode: AgentMode) -> None:
        self._cable.carry_nothing()
        self._serial_port = None
        self._mode = mode
        self._faults.release()
        self._changed.notify_all()

    def _flash_operations(self) -> int:
        """Writes and erases since the process started."""
        try:
            return int(struct.unpack("<Q", (self._folder / "ops").read_bytes()[:8])[0])
        except (OSError, struct.error):
            return 0
