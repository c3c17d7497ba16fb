"""Virtual phones for tests: in this process, on loopback, with small real releases; and third-party hosts."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_agent import release
from hw.virtual import serve
from hw.virtual.control import Customer
from hw.virtual.models import model

BOOT_BYTES = 3 << 20
SMALL_USER_BYTES = 512 << 10


def build_release(folder: Path, name: str, version: str, rollback_index: int) -> Path:
    """A small but real release of one model: ext4 system (and vendor), a boot image, a signed vbmeta."""
    chosen = model(name)
    sources = folder / f"sources-{name}-{version}"
    sources.mkdir(parents=True)
    boot = sources / "boot.img"
    boot.write_bytes(f"{name} {version} ".encode() * (BOOT_BYTES // (len(name) + len(version) + 2)))
    partitions = {"boot": boot}
    for part in sorted(set(chosen.slotted) - {"boot", "vbmeta"}):
        (sources / part).mkdir()
        (sources / part / "about.txt").write_text(f"{part} {version}")
        partitions[part] = sources / part
    heading = release.Heading(
        name, chosen.variant, version, rollback_index, {"zh": "测试", "en": "test"}, min_battery_percent=30
    )
    out = folder / name / version
    release.build(heading, partitions, folder / "key.pem", out)
    return out


@dataclass
class Rig:
    """One running virtual phone, its customer, and where things are."""

    phone: serve.ServedPhone
    customer: Customer
    state: Path
    close: Callable[[], None]  # switch it off before the test ends

    @property
    def ready(self) -> dict[str, Any]:
        return self.phone.ready

    def address(self, what: str) -> tuple[str, int]:
        host, port = (
            self.ready[what].removeprefix("tcp:").removeprefix("usbip://").split("/")[0].rsplit(":", 1)
        )
        return host, int(port)

    def flash_file(self, partition: str) -> Path:
        return self.state / "flash" / f"{partition}.img"

    def flash_release(self, folder: Path, slot: str | None) -> None:
        """Write a release into a slot over TCP, as a host would."""
        with FastbootHost(self.address("fastboot_tcp")) as host:
            for image in sorted((folder / "images").iterdir()):
                name = image.stem if slot is None else f"{image.stem}_{slot}"
                host.flash(name, image.read_bytes())
            if slot is not None:
                assert host.ask(f"set_active:{slot}") == b"OKAY"


@contextlib.contextmanager
def virtual_phone(state: Path, firmware: Path, **changes: Any) -> Iterator[Rig]:
    """A phone served until the block ends."""
    options = serve.Options(
        model="heron",
        state=state,
        firmware=lambda _: firmware,
        fastboot_tcp=serve.LOOPBACK,
        user_bytes=SMALL_USER_BYTES,
        boot_s=0.02,
    )
    with contextlib.ExitStack() as stack:
        phone = stack.enter_context(serve.ServedPhone(dataclasses.replace(options, **changes)))
        yield Rig(phone, Customer(phone.ready["control"]), state, stack.close)


class FastbootHost:
    """The smallest fastboot host there is, over TCP; deliberately without any of the product's code."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._sock = socket.create_connection(address, 10)
        self._sock.sendall(b"FB01")
        if self._exactly(4) != b"FB01":
            raise ConnectionError("no handshake")

    def __enter__(self) -> FastbootHost:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            step = self._sock.recv(count - len(data))
            if not step:
                raise ConnectionError("hung up")
            data += step
        return data

    def send(self, packet: bytes) -> None:
        self._sock.sendall(len(packet).to_bytes(8, "big") + packet)

    def answer(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(8), "big"))

    def ask(self, command: str) -> bytes:
        self.send(command.encode())
        return self.answer()

    def download(self, data: bytes) -> bytes:
        assert self.ask(f"download:{len(data):08x}") == b"DATA%08x" % len(data)
        for start in range(0, len(data), 1 << 20):
            self.send(data[start : start + (1 << 20)])
        return self.answer()

    def flash(self, partition: str, data: bytes) -> None:
        assert self.download(data) == b"OKAY"
        assert self.ask(f"flash:{partition}") == b"OKAY"


def threads_named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]
