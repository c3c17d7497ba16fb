"""Transcripts: every transfer of a link as one JSON line, and a link that replays them in strict order.

Bounded, and blind to meaning. What is recorded of an owner's phone is personal data: record in the lab only.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from hw import errors
from hw.errors import BadTranscript, HwError
from hw.link.base import Bytes, OnSent, PacketLink, UsbLink

MAX_TRANSCRIPT_BYTES = 64 << 20
MAX_TRANSFER_BYTES = 16 << 20
_INLINE_BYTES = 512  # a longer write is kept as its size and hash: the replay has its own bytes to compare
_READABLE_BYTES = 64  # a longer read is compressed
_FORMAT = 1


def _came(data: Bytes) -> dict[str, Any]:
    if len(data) <= _READABLE_BYTES:
        return {"hex": bytes(data).hex()}
    return {"z": base64.b64encode(zlib.compress(bytes(data), 6)).decode("ascii")}


def _unpacked(line: dict[str, Any]) -> bytes:
    if "hex" in line:
        return bytes.fromhex(line["hex"])
    inflate = zlib.decompressobj()
    data = inflate.decompress(base64.b64decode(line["z"], validate=True), MAX_TRANSFER_BYTES)
    if inflate.unconsumed_tail or not inflate.eof:
        raise ValueError("a transfer is too long or cut short")
    return data


def _written(data: Bytes) -> dict[str, Any]:
    if len(data) <= _INLINE_BYTES:
        return {"hex": bytes(data).hex()}
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class _Tape:
    """The file being recorded. Says ``full`` once when the limit is reached, and records no more."""

    def __init__(self, path: Path, max_packet_bytes: int) -> None:
        self._file: TextIO | None = path.open("a", encoding="ascii")
        self._left = MAX_TRANSCRIPT_BYTES - self._file.tell()
        self.note({"op": "open", "format": _FORMAT, "max_packet": max_packet_bytes})

    def note(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        text = json.dumps(line, separators=(",", ":")) + "\n"
        self._left -= len(text)
        if self._left < 64:
            self._file.write('{"op":"full"}\n')
            self.close()
            return
        self._file.write(text)

    @contextlib.contextmanager
    def guarded(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Record the line with what the transfer adds to it, or with the error it ended in."""
        try:
            yield line
        except HwError as exc:
            line["error"], line["detail"] = type(exc).__name__, exc.detail
            raise
        finally:
            self.note(line)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class PacketRecorder:
    """A packet link that records what passes through it."""

    def __init__(self, link: PacketLink, path: Path, max_packet_bytes: int = 0) -> None:
        self._link = link
        self._tape = _Tape(path, max_packet_bytes)

    @property
    def transfer_bytes(self) -> int:
        """As the link's."""
        return self._link.transfer_bytes

    def write(self, packet: Bytes, timeout_s: float) -> None:
        """As the link's."""
        with self._tape.guarded({"op": "write", **_written(packet)}):
            self._link.write(packet, timeout_s)

    def write_all(self, chunks: Iterable[Bytes], timeout_s: float, on_sent: OnSent) -> int:
        """As the link's; the data phase is kept as its size and hash."""
        digest = hashlib.sha256()

        def hashed() -> Iterator[Bytes]:
            for chunk in chunks:
                digest.update(chunk)
                yield chunk

        with self._tape.guarded({"op": "data"}) as line:
            line["size"] = self._link.write_all(hashed(), timeout_s, on_sent)
            line["sha256"] = digest.hexdigest()
            size: int = line["size"]
            return size

    def read(self, size_bytes: int, timeout_s: float) -> bytes:
        """As the link's."""
        with self._tape.guarded({"op": "read"}) as line:
            data = self._link.read(size_bytes, timeout_s)
            line.update(_came(data))
            return data

    def close(self) -> None:
        """Close both."""
        self._tape.close()
        self._link.close()


class UsbRecorder(PacketRecorder):
    """A USB link that records what passes through it."""

    def __init__(self, link: UsbLink, path: Path) -> None:
        super().__init__(link, path, link.max_packet_bytes)
        self._usb = link

    @property
    def max_packet_bytes(self) -> int:
        """As the link's."""
        return self._usb.max_packet_bytes

    def read_into(self, buffer: memoryview, timeout_s: float) -> int:
        """As the link's."""
        with self._tape.guarded({"op": "read"}) as line:
            count = self._usb.read_into(buffer, timeout_s)
            line.update(_came(buffer[:count]))
            return count

    def read_event(self, timeout_s: float) -> bytes | None:
        """As the link's."""
        with self._tape.guarded({"op": "event"}) as line:
            data = self._usb.read_event(timeout_s)
            if data is not None:
                line["hex"] = data.hex()
            return data

    def control_out(self, request: int, value: int, data: bytes, timeout_s: float) -> None:
        """As the link's."""
        with self._tape.guarded({"op": "out", "request": request, "value": value, **_written(data)}):
            self._usb.control_out(request, value, data, timeout_s)

    def control_in(self, request: int, value: int, size_bytes: int, timeout_s: float) -> bytes:
        """As the link's."""
        with self._tape.guarded({"op": "in", "request": request, "value": value}) as line:
            data = self._usb.control_in(request, value, size_bytes, timeout_s)
            line.update(_came(data))
            return data


class Replay:
    """One recorded link played back: what is written must be what was written, in the same order."""

    transfer_bytes = 1 << 20

    def __init__(self, lines: Iterable[str], name: str = "transcript") -> None:
        self._name = name
        self._lines = list(lines)
        self._at = 0
        self.max_packet_bytes = int(self._next("open").get("max_packet") or 512)

    @classmethod
    def load(cls, path: Path) -> Replay:
        """Read a transcript of at most 64 MiB. Raises BadTranscript."""
        if path.stat().st_size > MAX_TRANSCRIPT_BYTES:
            raise BadTranscript(f"{path.name} is larger than a transcript may be")
        return cls(path.read_text("ascii", "replace").splitlines(), path.name)

    @property
    def finished(self) -> bool:
        """Whether every line was used."""
        return self._at == len(self._lines)

    def write(self, packet: Bytes, timeout_s: float) -> None:  # noqa: ARG002
        """Must be the recorded packet."""
        self._same(self._next("write"), _written(packet))

    def write_all(self, chunks: Iterable[Bytes], timeout_s: float, on_sent: OnSent) -> int:  # noqa: ARG002
        """Must hash to the recorded data phase."""
        line = self._next("data")
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            on_sent(size)
        self._same(line, {"size": size, "sha256": digest.hexdigest()})
        return size

    def read(self, size_bytes: int, timeout_s: float) -> bytes:  # noqa: ARG002
        """The recorded transfer."""
        return self._data(self._next("read"))

    def read_into(self, buffer: memoryview, timeout_s: float) -> int:  # noqa: ARG002
        """The recorded transfer."""
        data = self._data(self._next("read"))
        if len(data) > len(buffer):
            raise BadTranscript(f"{self._name}:{self._at}: the transfer does not fit the buffer")
        buffer[: len(data)] = data
        return len(data)

    def read_event(self, timeout_s: float) -> bytes | None:  # noqa: ARG002
        """The recorded event."""
        text = self._next("event").get("hex")
        return bytes.fromhex(text) if text is not None else None

    def control_out(self, request: int, value: int, data: bytes, timeout_s: float) -> None:  # noqa: ARG002
        """Must be the recorded request."""
        self._same(self._next("out"), {"request": request, "value": value, **_written(data)})

    def control_in(self, request: int, value: int, size_bytes: int, timeout_s: float) -> bytes:  # noqa: ARG002
        """Must be the recorded request; its recorded answer."""
        line = self._next("in")
        self._same(line, {"request": request, "value": value})
        return self._data(line)

    def close(self) -> None:
        """Nothing to let go of."""

    def _next(self, op: str) -> dict[str, Any]:
        try:
            line = json.loads(self._lines[self._at])
        except (IndexError, ValueError) as exc:
            raise BadTranscript(f"{self._name}:{self._at + 1}: no {op} was recorded here") from exc
        self._at += 1
        if not isinstance(line, dict) or line.get("op") != op or line.get("format", _FORMAT) != _FORMAT:
            raise BadTranscript(f"{self._name}:{self._at}: {op} happens, something else was recorded")
        if "error" in line and op != "data":
            raise self._error(line)
        return line

    def _same(self, line: dict[str, Any], now: dict[str, Any]) -> None:
        if "error" in line:
            raise self._error(line)
        if any(line.get(key) != value for key, value in now.items()):
            raise BadTranscript(f"{self._name}:{self._at}: the {line['op']} differs from the recorded one")

    def _data(self, line: dict[str, Any]) -> bytes:
        try:
            return _unpacked(line)
        except (KeyError, TypeError, ValueError, zlib.error) as exc:
            raise BadTranscript(f"{self._name}:{self._at}: the recorded transfer is malformed") from exc

    @staticmethod
    def _error(line: dict[str, Any]) -> HwError:
        kind = getattr(errors, str(line["error"]), HwError)
        known = isinstance(kind, type) and issubclass(kind, HwError)
        return (kind if known else HwError)(str(line.get("detail", "")))
