"""How virtual devices listen: so many peers and no more, a port free again, and a fault that is one peer's only."""

from __future__ import annotations

import queue
import socket
import threading

import pytest

from hw.virtual.errors import BadState
from hw.virtual.listener import Listener, hang_up

PATIENCE_S = 30.0


def connected(listener: Listener) -> socket.socket:
    host, _, port = listener.address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE_S)


def test_who_comes_when_all_places_are_taken_waits_for_one() -> None:
    served: queue.Queue[bytes] = queue.Queue()
    together: list[int] = []
    here = threading.BoundedSemaphore(2)

    def serve(sock: socket.socket) -> None:
        assert here.acquire(blocking=False), "more at once than there is room for"
        together.append(1)
        while data := sock.recv(16):
            served.put(data)
        here.release()

    listener = Listener(("127.0.0.1", 0), "test", serve, peers=2)
    listener.start()
    peers = [connected(listener) for _ in range(4)]
    for peer, name in zip(peers, (b"a", b"b", b"c", b"d"), strict=True):
        peer.sendall(name)
    assert {served.get(timeout=PATIENCE_S) for _ in range(2)} == {b"a", b"b"}
    assert served.empty()
    peers[0].close()
    assert served.get(timeout=PATIENCE_S) == b"c"
    peers[1].close()
    assert served.get(timeout=PATIENCE_S) == b"d"
    assert len(together) == 4
    listener.stop()
    for peer in peers:
        peer.close()


def test_a_peer_that_goes_away_in_the_middle_takes_no_place_with_it() -> None:
    served: queue.Queue[str] = queue.Queue()

    def serve(sock: socket.socket) -> None:
        served.put("here")
        assert sock.recv(1) == b"x"
        raise OSError("the cable is gone")

    listener = Listener(("127.0.0.1", 0), "test", serve, peers=1)
    listener.start()
    for _ in range(3):
        with connected(listener) as peer:
            peer.sendall(b"x")
            assert served.get(timeout=PATIENCE_S) == "here"
            assert peer.recv(1) == b""
    listener.stop()


def test_a_port_is_had_once_and_free_again_after_the_stop() -> None:
    first = Listener(("127.0.0.1", 0), "test", lambda _sock: None)
    host, _, port = first.address.rpartition(":")
    with pytest.raises(BadState, match="cannot listen"):
        Listener((host, int(port)), "test", lambda _sock: None)
    first.start()
    first.stop()
    Listener((host, int(port)), "test", lambda _sock: None).stop()


def test_hanging_up_ends_what_another_thread_is_reading() -> None:
    near, far = socket.socketpair()
    far.settimeout(PATIENCE_S)
    hang_up(None)
    hang_up(near)
    hang_up(near)
    assert far.recv(1) == b""
    near.close()
    hang_up(near)
    far.close()


def test_a_stop_ends_the_listening_also_while_all_places_are_taken() -> None:
    here = threading.Event()

    def serve(sock: socket.socket) -> None:
        here.set()
        sock.recv(1)

    listener = Listener(("127.0.0.1", 0), "taken", serve, peers=1)
    listener.start()
    accepting = next(one for one in threading.enumerate() if one.name == "taken")
    with connected(listener):
        assert here.wait(PATIENCE_S)
        listener.stop()
        accepting.join(PATIENCE_S)
        assert not accepting.is_alive()
