"""The cable between a station and a virtual dock: one TCP connection at a time, which may be cut.

It reads no frame.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable

from hw.virtual.listener import Listener, hang_up

_PIECE_BYTES = 4096


class DockLine:
    """Listens all the time; a new connection takes the place of the one before. Everything is thread-safe."""

    def __init__(
        self, address: tuple[str, int], to_controller: Callable[[bytes], None], seed: int = 0
    ) -> None:
        self._listener = Listener(address, "dock-line", self._serve)
        self.where = f"tcp:{self._listener.address}"
        self._to_controller = to_controller
        self._noise = random.Random(seed)  # noqa: S311 - noise, not secrets
        self._lock = threading.Lock()
        self._peer: socket.socket | None = None
        self._is_cut = self._is_garbled = False
        self.connections = 0

    @property
    def is_connected(self) -> bool:
        """Whether a station is there."""
        return self._peer is not None

    def start(self) -> None:
        """Begin to answer."""
        self._listener.start()

    def stop(self) -> None:
        """Hang up and free the port."""
        self.cut()
        self._listener.stop()

    def cut(self) -> None:
        """The cable is cut until :meth:`mend`; whoever connects is hung up on."""
        with self._lock:
            self._is_cut = True
            self._hang_up()

    def garble(self) -> None:
        """From now on random bytes come instead of what the controller says."""
        self._is_garbled = True

    def mend(self) -> None:
        """Neither cut nor garbled."""
        self._is_cut = self._is_garbled = False

    def send(self, data: bytes) -> None:
        """To the station, or lost where none is there or takes it."""
        if self._is_garbled:
            data = self._noise.randbytes(len(data))
        with self._lock:
            if self._peer is not None:
                try:
                    self._peer.sendall(data)
                except OSError:
                    self._hang_up()

    def _hang_up(self) -> None:
        peer, self._peer = self._peer, None
        hang_up(peer)

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            if self._is_cut:
                return
            self._hang_up()
            self._peer = sock
            self.connections += 1
        try:
            while data := sock.recv(_PIECE_BYTES):
                self._to_controller(data)
        finally:
            with self._lock:
                if self._peer is sock:
                    self._peer = None
