"""The cable between a station and a virtual dock: one TCP connection at a time, which may be cut.

It reads no frame.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable

from hw.virtual.ports import listen

_PIECE_BYTES = 4096


class DockLine:
    """Listens all the time; a new connection takes the place of the one before. Everything is thread-safe."""

    def __init__(
        self, address: tuple[str, int], to_controller: Callable[[bytes], None], seed: int = 0
    ) -> None:
        self._listener = listen(*address)
        host, port = self._listener.getsockname()[:2]
        self.where = f"tcp:{host}:{port}"
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
        threading.Thread(target=self._accept, name="dock-line", daemon=True).start()

    def stop(self) -> None:
        """Hang up and free the port."""
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

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
        if peer is not None:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._serve, args=(sock,), name="dock-peer", daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._is_cut:
                    return
                self._hang_up()
                self._peer = sock
                self.connections += 1
            with contextlib.suppress(OSError):
                while data := sock.recv(_PIECE_BYTES):
                    self._to_controller(data)
            with self._lock:
                if self._peer is sock:
                    self._peer = None
