"""How a virtual device listens on TCP: an address of its own, a thread for each peer, never more than it has room for.

It reads and writes nothing; what is said with a peer is its owner's.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from hw.virtual.errors import BadState

PEERS = 64
"""So many at once; who comes then waits in the system's own queue."""


class Listener:
    """Takes the port at once and answers from :meth:`start` on. ``serve`` has one peer and returns when it is done."""

    def __init__(
        self, address: tuple[str, int], name: str, serve: Callable[[socket.socket], None], peers: int = PEERS
    ) -> None:
        """Port 0 takes a free one. :class:`BadState` when the address cannot be had."""
        host, port = address
        try:
            self._socket = socket.create_server((host, port))
        except OSError as exc:
            raise BadState(f"cannot listen on {host}:{port}: {exc.strerror}") from exc
        self._name, self._serve = name, serve
        self._room = threading.Semaphore(peers)
        host, port = self._socket.getsockname()[:2]
        self.address = f"{host}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._accept, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Free the port. Peers stay until whoever serves them hangs up."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._room.release()  # it may be waiting for a place

    def _accept(self) -> None:
        while True:
            self._room.acquire()
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._peer, args=(sock,), name=f"{self._name}-peer", daemon=True).start()

    def _peer(self, sock: socket.socket) -> None:
        try:
            with sock, contextlib.suppress(OSError):  # the peer went away
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(sock)
        finally:
            self._room.release()


def hang_up(sock: socket.socket | None) -> None:
    """End a connection that another thread is serving; None: there is none."""
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
