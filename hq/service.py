"""Headquarters as one thing: store, pinned keys, intake and page, built and started here and nowhere else."""

from __future__ import annotations

import contextlib
import fcntl
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hq import registry
from hq.errors import RegistryError, SettingsError, WebError
from hq.intake import Intake
from hq.settings import Address, Settings, check
from hq.store import Store
from hq.web.app import build
from hq.web.live import Feed
from ledger import keys
from ledger.errors import LedgerError

BROKER_S = 10.0


@dataclass(frozen=True, slots=True)
class Ready:
    """What is up, once it is up."""

    web: str
    broker: str
    public_key: Path
    broker_connected: bool


class _Server(uvicorn.Server):
    """Ends the open event streams at the signal, or they would hold the shutdown up."""

    def __init__(self, config: uvicorn.Config, feed: Feed, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._feed = feed
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        # Not uvicorn's own: that raises the signal again at the end, before the intake was stopped.
        self._feed.close()
        self.force_exit = self.should_exit
        self.should_exit = True


class Headquarters:
    """Build with checked settings, then :meth:`run` until a signal or :meth:`stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = check(settings)
        self.key = self._own_key()
        self._alone = self._take_state()
        self.store = Store(settings.database)
        for station, file in settings.pins.items():
            registry.pin_file(self.store, station, file)
        self.feed = Feed()
        self.store.on_change(self.feed.changed)
        self.intake = Intake(self.store, settings.broker, self.key)
        self._socket: socket.socket | None = None
        self._server: _Server | None = None

    def _own_key(self) -> Ed25519PrivateKey:
        try:
            self.settings.state.mkdir(parents=True, exist_ok=True)
            key = keys.load_or_create(self.settings.key_file)
            keys.save_public(key.public_key(), self.settings.public_key_file)
        except LedgerError as exc:
            raise RegistryError(exc.detail) from exc
        except OSError as exc:
            raise SettingsError(f"{self.settings.state}: {exc.strerror or exc}") from exc
        return key

    def _take_state(self) -> IO[str]:
        """Two on one state would throw each other off the broker for ever. The kernel frees it at any end."""
        path = self.settings.state / "hq.lock"
        try:
            held = path.open("w")
        except OSError as exc:
            raise SettingsError(f"{path}: {exc.strerror or exc}") from exc
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            held.close()
            raise SettingsError(f"{self.settings.state}: another headquarters is running on it") from exc
        return held

    def _bind(self) -> socket.socket:
        web = self.settings.web
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        bound = socket.socket(family)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((web.host, web.port))
            bound.listen(128)  # now, so that a second one is told before it has done anything
        except OSError as exc:
            bound.close()
            raise WebError(f"the page's address {web} is not free: {exc.strerror or exc}") from exc
        return bound

    def run(self, on_ready: Callable[[Ready], None]) -> None:
        """Serve. ``on_ready`` runs once, when the page answers and the broker was waited for."""
        self._socket = bound = self._bind()
        try:
            self._serve(bound, on_ready)
        finally:
            self.close()

    def _serve(self, bound: socket.socket, on_ready: Callable[[Ready], None]) -> None:
        address = Address(self.settings.web.host, bound.getsockname()[1])
        self.intake.start()
        connected = self.intake.wait_connected(BROKER_S)

        def started() -> None:
            on_ready(
                Ready(
                    f"http://{address}",
                    str(self.settings.broker),
                    self.settings.public_key_file.resolve(),
                    connected,
                )
            )

        app = build(self.store, self.intake, self.settings, self.feed)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
            limit_concurrency=512,
        )
        self._server = _Server(config, self.feed, started)
        self._server.run(sockets=[bound])

    def stop(self) -> None:
        """End :meth:`run` from another thread."""
        self.feed.close()
        if self._server is not None:
            self._server.should_exit = True

    def close(self) -> None:
        """Let go of everything; what was taken in is committed."""
        self.intake.stop()
        self.store.close()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._alone.close()
