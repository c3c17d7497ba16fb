"""Starts and stops Debian's mosquitto on a free loopback port, for the demo and the tests. Not for a shop."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from station.errors import UNREACHABLE, StationError

READY_S = 10.0
STOP_S = 5.0
ATTEMPTS = 5
MEMORY_LIMIT_BYTES = 256 * 1024 * 1024

# A default mosquitto drops acknowledged QoS 1 messages to a slow subscriber beyond 1000 queued. Started by
# root it would change to a user that cannot write the state directory.
CONFIG = """\
listener {port} 127.0.0.1
user {user}
allow_anonymous true
persistence true
persistence_location {state}/
autosave_interval 5
max_queued_messages 0
max_queued_bytes 0
memory_limit {memory_limit}
max_inflight_messages 1000
max_packet_size 1048576
persistent_client_expiration 7d
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
"""

# CONNECT (MQTT 5.0, section 3.1): clean start, keep alive 5 s, no properties, empty client id.
_CONNECT = bytes.fromhex("100d00044d5154540502000500" + "0000")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_mosquitto() -> str:
    """The path of mosquitto; :exc:`StationError` when the package is missing."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        raise StationError("mosquitto is not installed: apt install mosquitto", UNREACHABLE)
    return found


@dataclass(slots=True)
class Broker:
    """One mosquitto process. ``port`` 0 picks a free one at the first start and keeps it afterwards."""

    state: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Of the running process, else None."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers an MQTT CONNECT; a port taken meanwhile is tried anew."""
        program = find_mosquitto()
        self.state.mkdir(parents=True, exist_ok=True)
        fixed = self.port != 0
        for _ in range(1 if fixed else ATTEMPTS):
            port = self.port if fixed else _free_port()
            if self._try(program, port):
                self.port = port
                return
            self.stop()
        raise StationError(f"mosquitto does not answer: {self._last_words()}", UNREACHABLE)

    def _try(self, program: str, port: int) -> bool:
        config = self.state / "mosquitto.conf"
        config.write_text(
            CONFIG.format(
                port=port,
                user=pwd.getpwuid(os.geteuid()).pw_name,
                state=self.state.resolve(),
                memory_limit=MEMORY_LIMIT_BYTES,
            )
        )
        with (self.state / "mosquitto.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + READY_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            if answers("127.0.0.1", port) and self._process.poll() is None:
                return True
            time.sleep(0.02)
        return False

    def _last_words(self) -> str:
        try:
            lines = (self.state / "mosquitto.log").read_text(errors="replace").strip().splitlines()
        except OSError:
            return "it left no word"
        return lines[-1][:200] if lines else "it left no word"

    def stop(self) -> None:
        """End it in good order (it saves what it keeps)."""
        self._end(kill=False)

    def kill(self) -> None:
        """SIGKILL: what it had not saved is lost, as in a power failure."""
        self._end(kill=True)

    def _end(self, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether something at ``host:port`` answers an MQTT 5 CONNECT with a CONNACK."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as link:
            link.settimeout(timeout_s)
            link.sendall(_CONNECT)
            return link.recv(1) == b"\x20"
    except OSError:
        return False
