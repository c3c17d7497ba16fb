"""The owner's files: a reproducible tree of pictures, music, contacts, documents; and what may befall it.

Real formats where a person would open them (PNG, WAV, vCard 3.0, text); content from a seeded generator.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hw.virtual.faults import UserDataFault

_EPOCH_S = 1_735_689_600  # 2025-01-01T00:00:00Z
_STEP_S = 61_237  # between two files: every one has a time of its own
DEFAULT_SIZE_BYTES = 24 << 20

_NAMES = [
    "张伟",
    "李娜",
    "王芳",
    "刘洋",
    "陈静",
    "杨磊",
    "赵敏",
    "Ada Lovelace",
    "周杰",
    "吴婷",
    "徐强",
    "孙丽",
]
_CAMERA = 18
_PLACES = ["西湖日落", "外滩夜景", "长城", "妈妈做的菜", "小猫", "毕业照", "生日快乐🎂", "故宫雪景"]
_SONGS = ["茉莉花", "梁祝", "二泉映月", "Nocturne in E-flat", "月光", "高山流水"]
_NOTES = ["购物清单", "会议记录", "旅行计划", "Wi-Fi 说明"]


def _png(width: int, height: int, noise: random.Random) -> bytes:
    rows = b"".join(b"\0" + noise.randbytes(width * 3) for _ in range(height))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


def _picture(size_bytes: int, noise: random.Random) -> bytes:
    height = max(1, int((size_bytes / 4) ** 0.5))
    return _png(max(1, size_bytes // (3 * height)), height, noise)


def _sound(size_bytes: int, noise: random.Random) -> bytes:
    samples = noise.randbytes(max(2, size_bytes - 44) & ~1)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, 44100,
                       88200, 2, 16, b"data", len(samples))  # fmt: skip
    return head + samples


def _contact(name: str, noise: random.Random) -> bytes:
    phone = f"+86 1{noise.randrange(30, 99)} {noise.randrange(10_000):04d} {noise.randrange(10_000):04d}"
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"FN:{name}",
        f"N:{name};;;;",
        f"TEL;TYPE=CELL:{phone}",
        "END:VCARD",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _note(title: str, noise: random.Random) -> bytes:
    lines = [f"{title} {number}: {noise.randrange(10**6)}" for number in range(noise.randrange(3, 60))]
    return "\n".join(lines).encode() + b"\n"


def _plan(size_bytes: int, noise: random.Random) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Every file's path and maker; pictures and music share what ``size_bytes`` leaves, unevenly."""
    weights = [noise.uniform(0.15, 3.0) for _ in range(_CAMERA + len(_PLACES) + len(_SONGS))]
    unit = size_bytes / sum(weights)
    sizes = iter([max(200, min(int(unit * weight), 64 << 20)) for weight in weights])
    for number in range(_CAMERA):
        size = next(sizes)
        yield (
            f"DCIM/Camera/IMG_2025{number % 12 + 1:02d}03_{number:06d}.png",
            partial(_picture, size, noise),
        )
    for place in _PLACES:
        size = next(sizes)
        yield f"Pictures/相册/{place}.png", partial(_picture, size, noise)
    for song in _SONGS:
        size = next(sizes)
        yield f"Music/{song}.wav", partial(_sound, size, noise)
    for name in _NAMES:
        yield f"Contacts/{name}.vcf", partial(_contact, name, noise)
    for title in _NOTES:
        yield f"Documents/备忘录/{title}.txt", partial(_note, title, noise)
    yield "Download/空文件.txt", lambda: b""
    yield "Download/exactly-512.bin", lambda: noise.randbytes(512)
    yield "Download/" + "很长的文件名" * 12 + ".txt", lambda: _note("长", noise)
    yield "Download/a/b/c/d/deep.txt", lambda: _note("deep", noise)


def generate(folder: Path, seed: str, size_bytes: int = DEFAULT_SIZE_BYTES) -> None:
    """Fill ``folder`` with the files of ``seed``: same seed and size, same bytes, names and times."""
    noise = random.Random(f"user data {seed}")  # noqa: S311 - reproducible, not secret
    for index, (path, make) in enumerate(_plan(size_bytes, noise)):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(make())
        moment_s = _EPOCH_S + index * _STEP_S
        os.utime(target, (moment_s, moment_s))


def files(folder: Path) -> list[Path]:
    """Every file of the owner's, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def count(folder: Path) -> int:
    """How many files the owner has."""
    return sum(len(names) for _, _, names in os.walk(folder))


def wipe(folder: Path) -> None:
    """Destroy the owner's data, as an erase of userdata does."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def strike(folder: Path, fault: UserDataFault, seed: int) -> None:
    """Alter, lose and touch that many different files. Altered ones keep size and time: only a hash tells."""
    candidates = [path for path in files(folder) if path.stat().st_size]
    random.Random(seed).shuffle(candidates)  # noqa: S311 - reproducible, not secret
    for path in candidates[: fault.alter]:
        _alter(path)
    for path in candidates[fault.alter : fault.alter + fault.lose]:
        path.unlink()
    for path in candidates[fault.alter + fault.lose :][: fault.touch]:
        moment_s = int(path.stat().st_mtime) + 3600
        os.utime(path, (moment_s, moment_s))


def _alter(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte[0] ^ 0xFF]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
