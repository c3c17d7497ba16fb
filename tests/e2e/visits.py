"""A real ``station phone`` and a real ``station update`` as processes, and the customer between them."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_agent.release import Heading, build
from hw.virtual.control import Customer

STATION = (sys.executable, "-m", "station")
PATIENCE_S = 60.0
MIB = 1024 * 1024


def make_releases(
    root: Path, model: str, versions: Sequence[str], system_bytes: int = 6 * MIB, *, shared: bool = False
) -> Path:
    """Real releases of ``model`` under ``root``; every version with other content, or mostly ``shared``."""
    for version in versions:
        source = root / f"source-{model}-{version}"
        content = random.Random(model if shared else f"{model} {version}")
        (source / "bin").mkdir(parents=True)
        (source / "bin" / "daemon").write_bytes(content.randbytes(system_bytes))
        (source / "etc").mkdir()
        (source / "etc" / "配置.txt").write_text(version, "utf-8")
        boot = root / f"boot-{model}-{version}.bin"
        boot.write_bytes(content.randbytes(MIB))
        partitions = {"system": source, "boot": boot} | ({"vendor": boot} if model == "heron" else {})
        heading = Heading(model, "cn", version, int(version.split(".")[0]), {"zh": "新", "en": "new"})
        build(heading, partitions, root / "key.pem", root / "releases" / model / version)
    return root / "releases"


@dataclass
class VirtualPhone:
    """One ``station phone`` process."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    customer: Customer

    @property
    def where(self) -> str:
        return str(self.ready["usbip"])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            # Every thread's stack goes to standard error (PYTHONFAULTHANDLER), so that the hang can be found.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(20)
            raise
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def virtual_phone(model: str, firmware: Path | None, *options: str) -> Iterator[VirtualPhone]:
    words = [*STATION, "phone", "--model", model, "--user-data-size", "2MiB", "--user-data", "7", *options]
    words += ["--firmware", os.fspath(firmware)] if firmware else []
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready "), f"station phone said {line!r}"
    ready = json.loads(line.removeprefix("ready "))
    phone = VirtualPhone(process, ready, Customer(ready["control"]) if ready.get("control") else None)  # type: ignore[arg-type]
    try:
        yield phone
    finally:
        phone.stop()


@dataclass
class Update:
    """One ``station update`` process; the customer acts on what it asks for, as a person would."""

    process: subprocess.Popen[str]
    customer: Customer | None
    lines: list[str] = field(default_factory=list)
    asked: queue.Queue[str] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            self._act(line)
            self.asked.put(line.rstrip())
        self.asked.put("")

    def _act(self, line: str) -> None:
        if self.customer is None:
            return
        if "unlock the screen" in line:
            self.customer.unlock()
        elif "once the phone has started" in line:
            self.customer.wait(PATIENCE_S, mode="normal")
            self.customer.hold_keys()
        elif "then hold" in line:
            self.customer.hold_keys()

    def wait_for_line(self, text: str) -> str:
        while True:
            line = self.asked.get(timeout=PATIENCE_S)
            if text in line:
                return line
            assert line, f"ended without {text!r}: {self.lines}"

    def wait_for_writing(self) -> None:
        """Until bytes are on their way to the phone."""
        self.wait_for_line("screen progress")
        self.wait_for_line("progress ")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def finish(self) -> tuple[int, dict[str, Any]]:
        """Exit code and the JSON answer ({} when there is none)."""
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(PATIENCE_S)
        print("\n".join(self.lines), out)
        self._reader.join(PATIENCE_S)
        answer = json.loads(out.splitlines()[-1]) if out.strip() else {}
        assert "Traceback" not in "\n".join(self.lines), self.lines
        return code, answer


@dataclass(frozen=True)
class Shop:
    """A station's state folder and releases."""

    state: Path
    releases: Path
    timeouts: Mapping[str, float] = field(default_factory=dict)

    def update(self, where: str, customer: Customer | None, *options: str, yes: bool = True) -> Update:
        config = self.state.parent / f"{self.state.name}.toml"
        lines = [f'state_dir = "{self.state}"', f'releases_dir = "{self.releases}"', "[timeouts]"]
        config.write_text(
            "\n".join([*lines, *(f"{name} = {value}" for name, value in self.timeouts.items())])
        )
        words = [*STATION, "update", "--phone", where, "--config", os.fspath(config), "--json", *options]
        words += ["--yes"] if yes else []
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return Update(process, customer)

    def kinds(self) -> list[str]:
        """Every ledger entry's kind, in order."""
        import sqlite3

        from ledger import store

        connection = sqlite3.connect(self.state / "station.db")
        try:
            return [stored.entry.kind for stored in store.entries(connection)]
        finally:
            connection.close()

    def inventory_rows(self) -> int:
        """How many of the owner's paths are still in the database."""
        import sqlite3

        connection = sqlite3.connect(self.state / "station.db")
        try:
            return int(connection.execute("SELECT count(*) FROM inventory").fetchone()[0])
        finally:
            connection.close()
