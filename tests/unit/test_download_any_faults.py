"""Cut at any byte, over mirrors with any faults in any order: in the end the bytes are the same ones."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent.download.downloader import Downloader, Limits, Wanted
from firmware_agent.errors import Stopped, Unreachable
from firmware_agent.mirrors.book import Mirror, MirrorBook
from firmware_agent.wanted import pieces_of
from firmware_agent.watch import Watch
from station.mirror_server import MirrorServer

PIECE = 64 * 1024
SIZE = 5 * PIECE + 999
CONTENT = hashlib.shake_128(b"any faults").digest(SIZE)
PATH = "targets/a.img"
LIMITS = Limits(connect_s=10, first_byte_s=10, silence_s=10, window_s=10, pause_s=0.001, give_up_s=0.15)

OFFSETS = st.integers(0, SIZE - 1)
FAULTS = st.one_of(
    st.just(()),
    st.builds(lambda at: (f"wrong:{at}",), OFFSETS),
    st.builds(lambda at: (f"short:{at}",), OFFSETS),
    st.builds(lambda at: ("no-range", f"short:{at}"), OFFSETS),
    st.builds(lambda at, end: (f"wrong:{at}", f"short:{end}"), OFFSETS, OFFSETS),
    st.sampled_from(
        (
            ("no-range",),
            ("status:503",),
            ("endless",),
            ("wrong-range",),
            ("gzip",),
            ("redirect:http://127.0.0.1:9/",),
        )
    ),
)
ROUNDS = st.lists(
    st.tuples(
        FAULTS,
        FAULTS,
        st.none() | OFFSETS,  # where the process is stopped
        st.none() | st.tuples(OFFSETS, st.integers(0, 255)),  # a byte that the disk spoils meanwhile
        st.none() | OFFSETS,  # what a power cut leaves
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def servers() -> Iterator[list[MirrorServer]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PATH
        file.parent.mkdir()
        file.write_bytes(CONTENT)
        with MirrorServer(Path(folder)) as one, MirrorServer(Path(folder)) as two:
            yield [one, two]


def fetch(book: MirrorBook, wanted: Wanted, part: Path, stop_at: int | None) -> str:
    watch = Watch(lambda done, _total: watch.stop.set() if stop_at is not None and done > stop_at else None)
    try:
        Downloader(book, limits=LIMITS).fetch(wanted, part, watch)
    except Stopped:
        return "stopped"
    except Unreachable as exc:
        return exc.reason
    return "whole"


@settings(max_examples=30)
@given(ROUNDS, st.booleans())
def test_identical_bytes_after_any_faults(
    servers: list[MirrorServer],
    rounds: list[tuple[tuple[str, ...], tuple[str, ...], int | None, tuple[int, int] | None, int | None]],
    in_pieces: bool,
) -> None:
    pieces = pieces_of(CONTENT, PIECE) if in_pieces else None
    wanted = Wanted(PATH, SIZE, hashlib.sha256(CONTENT).hexdigest(), pieces)
    book = MirrorBook([Mirror(server.url) for server in servers])
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part"
        for first, second, stop_at, spoilt, left in rounds:
            servers[0].suffer(*first)
            servers[1].suffer(*second)
            if fetch(book, wanted, part, stop_at) == "whole":
                assert part.read_bytes() == CONTENT
            if spoilt is not None:
                with part.open("r+b") as file:
                    file.seek(spoilt[0])
                    file.write(bytes([spoilt[1]]))  # behind the end it leaves zeros, as a cut can
            if left is not None:
                os.truncate(part, left)
        for server in servers:
            server.suffer()
        assert fetch(book, wanted, part, None) == "whole"
        assert part.read_bytes() == CONTENT
