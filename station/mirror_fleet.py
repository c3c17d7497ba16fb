"""Hundreds of mirrors in one process, each a listening socket with its own latency, rate and fault. Loopback only.

They serve one synthetic file. :mod:`station.mirror_server` is the mirror that serves real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import multiprocessing
import os
import random
import re
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Literal, Self

from firmware_agent.wanted import Pieces, Wanted

Kind = Literal["good", "refused", "silent", "busy", "wrong", "no_range", "cut", "crawling"]
_SHARES: tuple[tuple[Kind, float], ...] = (
    ("refused", 0.10),
    ("silent", 0.05),
    ("busy", 0.05),
    ("wrong", 0.05),
    ("no_range", 0.05),
    ("cut", 0.05),
    ("crawling", 0.10),
)
REGIONS = ("cn-east", "cn-north", "eu-west", "us-east")
"""The first is the station's own."""
_MOST_BYTES_S = 12e6  # the shop's line
_CRAWL_BYTES_S = 300e3
_TICK_S = 0.02
_PIECE_BYTES = 1 << 20
_RANGE = re.compile(rb"\r\nrange: bytes=(\d+)-(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One mirror's nature."""

    kind: Kind
    region: str
    first_byte_s: float
    bytes_s: float


def draw(count: int, seed: int) -> list[Behaviour]:
    """``count`` mirrors: own region nearer and faster on average, faults in fixed shares, in no order."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    kinds: list[Kind] = [kind for kind, share in _SHARES for _ in range(round(share * count))]
    kinds += ["good"] * (count - len(kinds))
    dice.shuffle(kinds)
    found = []
    for kind in kinds:
        number = dice.choices(range(len(REGIONS)), (2, 3, 3, 4))[0]
        latency_s = min(0.8, dice.lognormvariate(-3.2, 0.5) * (1, 1.5, 4, 5)[number])
        bytes_s = min(_MOST_BYTES_S, dice.lognormvariate(14.2, 1.0) * (1, 0.9, 0.4, 0.4)[number])
        found.append(
            Behaviour(kind, REGIONS[number], latency_s, _CRAWL_BYTES_S if kind == "crawling" else bytes_s)
        )
    return found


def wanted(size_bytes: int) -> Wanted:
    """The one file they all have; whole pieces of it only."""
    count = size_bytes // _PIECE_BYTES
    whole = hashlib.sha256()
    for _ in range(count):
        whole.update(_CONTENT)
    piece = hashlib.sha256(_CONTENT).digest()
    return Wanted(
        "targets/sample.bin", count * _PIECE_BYTES, whole.hexdigest(), Pieces(_PIECE_BYTES, (piece,) * count)
    )


_CONTENT = random.Random(6).randbytes(_PIECE_BYTES)  # noqa: S311 - content, not a secret


class Fleet:
    """The mirrors, in a process of their own while it is entered. ``ports`` are in the order of ``behaviours``."""

    def __init__(self, behaviours: list[Behaviour], size_bytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, behaviours, size_bytes), daemon=True)
        self._process.start()
        there.close()
        self.ports: list[int] = self._here.recv()

    def kill(self, number: int) -> None:
        """That one refuses from now on; its connections break."""
        self._here.send(number)
        self._here.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._here.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()


def _serve(pipe: Connection, behaviours: list[Behaviour], size_bytes: int) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_Serving(pipe, behaviours, size_bytes).run())


class _Serving:
    def __init__(self, pipe: Connection, behaviours: list[Behaviour], size_bytes: int) -> None:
        self._pipe = pipe
        self._behaviours = behaviours
        self._size_bytes = size_bytes
        self._dead: set[int] = set()
        self._open: dict[int, set[asyncio.StreamWriter]] = {}
        self._servers: list[asyncio.Server] = []
        self._over = asyncio.Event()

    async def run(self) -> None:
        for number, behaviour in enumerate(self._behaviours):

            async def meet(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int = number
            ) -> None:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                    await self._meet(number, reader, writer)
                writer.close()

            server = await asyncio.start_server(meet, "127.0.0.1", 0, backlog=16)
            self._servers.append(server)
            if behaviour.kind == "refused":
                server.close()
        ports = [server.sockets[0].getsockname()[1] if server.sockets else 0 for server in self._servers]
        self._pipe.send([port or _unused_port() for port in ports])
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._obey)
        await self._over.wait()
        os._exit(0)  # whatever still sleeps in a connection has nothing to clean up

    def _obey(self) -> None:
        try:
            number = self._pipe.recv()
        except EOFError:
            self._over.set()
            return
        self._servers[number].close()
        for writer in self._open.get(number, set()):
            writer.transport.abort()
        self._pipe.send("dead")

    async def _meet(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self._behaviours[number]
        self._open.setdefault(number, set()).add(writer)
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                if behaviour.kind == "silent":
                    await self._over.wait()
                await asyncio.sleep(behaviour.first_byte_s)
                if behaviour.kind == "busy":
                    writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
                    continue
                await self._answer(behaviour, asked, writer)
                if behaviour.kind == "cut":
                    return
        finally:
            self._open[number].discard(writer)

    async def _answer(self, behaviour: Behaviour, asked: bytes, writer: asyncio.StreamWriter) -> None:
        match = None if behaviour.kind == "no_range" else _RANGE.search(asked)
        begin, end = (int(match[1]), int(match[2]) + 1) if match else (0, self._size_bytes)
        heading = f"HTTP/1.1 {206 if match else 200} OK\r\nContent-Length: {end - begin}\r\n"
        heading += f"Content-Range: bytes {begin}-{end - 1}/{self._size_bytes}\r\n" if match else ""
        writer.write(f"{heading}\r\n".encode())
        if behaviour.kind == "cut":
            end = begin + (end - begin) // 3
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        step = max(1, int(behaviour.bytes_s * _TICK_S))
        while begin < end:
            size_bytes = min(step, end - begin, _PIECE_BYTES - begin % _PIECE_BYTES)
            at = begin % _PIECE_BYTES
            piece = _CONTENT[at : at + size_bytes]
            if behaviour.kind == "wrong" and at == 0:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            writer.write(piece)
            await writer.drain()
            begin += size_bytes
            due_s += size_bytes / behaviour.bytes_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))


def _unused_port() -> int:
    """One that refuses: bound for a moment, so that nobody else is there just now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
