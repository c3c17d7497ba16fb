"""Small files that must be whole or as before, whoever writes them at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

from firmware_agent import durable


def test_threads_that_write_one_file_at_once_leave_one_of_their_contents(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    contents = [bytes([number]) * 3000 for number in range(6)]
    failures: list[BaseException] = []

    def write(raw: bytes) -> None:
        try:
            for _ in range(30):
                durable.write_file(path, raw)
        except OSError as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(raw,)) for raw in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert path.read_bytes() in contents
    assert [entry.name for entry in tmp_path.iterdir()] == ["clock.json"], "nothing is left lying about"


def test_a_disk_that_takes_a_write_in_bits_still_gets_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "part"
    with path.open("w+b") as file:
        durable.disk().write(file.fileno(), memoryview(b"0123456789")[2:8], 3)
    assert path.read_bytes() == b"\0\0\x00234567"
