"""Puts a virtual phone with an update agent together from its options and serves it on loopback."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hw.virtual import agent_factory
from hw.virtual import faults as fault_values
from hw.virtual.agent_models import AgentModel, agent_model
from hw.virtual.agent_phone import VirtualAgent
from hw.virtual.control import ControlServer
from hw.virtual.errors import BadState
from hw.virtual.faults import FaultBox
from hw.virtual.state import hold
from hw.virtual.usbip_server import UsbIpServer

_READY_S = 30.0
_FACTORY_IMAGE_BYTES = 64 << 10
_USER_BYTES = 96 << 10
_SPARE_BYTES = 64 << 10  # what the staging needs beside a patch as large as the image


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How such a phone is to be. What is None is the model's, the folder's, or random."""

    model: str
    state: Path
    serial: str | None = None
    usbip: tuple[str, int] = ("127.0.0.1", 0)
    faults: tuple[str, ...] = ()
    image: bytes | None = None  # what a new phone leaves the factory with
    version: str = "1.0.0"
    rollback_index: int = 1
    public_key: bytes = field(default=agent_factory.NOBODY, repr=False)
    user_seed: str | None = None
    user_bytes: int = _USER_BYTES
    battery_percent: int | None = None
    boot_s: float = 0.1


class ServedAgent:
    """A virtual phone with an update agent, as a context. ``ready`` is what the ready line says."""

    def __init__(self, options: AgentOptions) -> None:
        self._options = options
        self._model = agent_model(options.model)
        wanted = [fault_values.parse(spec) for spec in options.faults]
        self._hold = hold(options.state)
        try:
            self._make()
            faults = FaultBox()
            for fault in wanted:
                faults.arm(fault)
            self.phone = VirtualAgent(options.state, self._model, faults, options.boot_s)
            self.usbip = UsbIpServer(*options.usbip, on_import=self.phone.counted_session)
            self.phone.connect(self.usbip)
            self.control = ControlServer(self.phone)
        except BaseException:
            os.close(self._hold)
            raise

    def _make(self) -> None:
        options, folder = self._options, self._options.state
        if not agent_factory.is_made(folder):
            agent_factory.make(folder, self._model, _born(options, self._model))
        board = agent_factory.load(folder, self._model)
        if options.serial not in (None, board["serial"]):
            raise BadState(f"{folder} holds {board['serial']}, not {options.serial}")
        if options.battery_percent is not None:
            board["battery_percent"] = options.battery_percent
            agent_factory.save(folder, board)

    def __enter__(self) -> Self:
        self.usbip.start()
        self.control.start()
        self.phone.start()
        if not self.phone.wait_for({"mode": "agent"}, _READY_S):
            raise BadState("the virtual phone did not come up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.phone.stop()
        self.control.stop()
        self.usbip.stop()
        os.close(self._hold)

    @property
    def ready(self) -> dict[str, Any]:
        """Where everything is reached; what only a phone with a bootloader has is null."""
        return {
            "model": self._model.name, "serial": self.phone.serial, "mtp_serial": self.phone.serial,
            "mode": self.phone.status()["mode"], "usbip": self.usbip.where, "fastboot_tcp": None,
            "control": self.control.address, "state": str(self._options.state), "pid": os.getpid(),
        }  # fmt: skip


def _born(options: AgentOptions, model: AgentModel) -> agent_factory.Make:
    serial = options.serial or f"{model.name[:3].upper()}{secrets.token_hex(4).upper()}"
    image = options.image
    if image is None:
        image = f"firmware of {model.name} as from the factory\n".encode().ljust(_FACTORY_IMAGE_BYTES, b"\0")
    return agent_factory.Make(
        serial=serial,
        image=image,
        version=options.version,
        rollback_index=options.rollback_index,
        public_key=options.public_key,
        image_bytes=max(model.image_bytes, len(image)),
        staging_bytes=max(model.staging_bytes, len(image) + _SPARE_BYTES),
        user_seed=options.user_seed or serial,
        user_bytes=min(options.user_bytes, model.user_bytes // 2),
    )
