"""The five byte streams of a segment's blob, each stored, LZMA2 or zstd; read piece by piece in bounded memory.

Format: docs/delta-format.md, section "Blob".
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from backports import zstd

from firmware_agent.delta.format import bad

PLAN, COVERS, CONTROL, CODE, LITERALS = range(5)
STORED, LZMA2, ZSTD = 0, 1, 2

_HEAD = struct.Struct("<BBII")
HEAD_BYTES = 5 * _HEAD.size
_PIECE_BYTES = 64 * 1024
_MIN_DICT_LOG2 = 12
MAX_DICT_LOG2 = (20, 20, 23, 23, 23)
"""A decoder may take the whole dictionary's memory before the first byte; so each stream has its limit."""
MAX_RAW_BYTES = (1 << 20, 128 << 20, 128 << 20, 128 << 20, 64 << 20)

Read = Callable[[int, int], bytes]
"""``(length, offset in the blob)``: at most length bytes of it; empty at its end."""

_NUMBERS: dict[str, Any] = {"preset": 6, "nice_len": 24, "depth": 4}
_TUNED: tuple[dict[str, Any], ...] = (
    _NUMBERS,
    _NUMBERS,
    {**_NUMBERS, "lc": 4, "pb": 0},
    _NUMBERS,
    {"preset": 6, "nice_len": 32, "depth": 4},
)
"""Of LZMA2: within 2.5 % of preset 6 at 60 % of its time, on the streams of system images."""
_ZSTD_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 19,
    zstd.CompressionParameter.strategy: zstd.Strategy.btultra,
    zstd.CompressionParameter.search_log: 3,
    zstd.CompressionParameter.target_length: 32,
    zstd.CompressionParameter.min_match: 3,
}
_PROBE_BYTES = 128 * 1024
_ZSTD_WORTH = 1.06
"""zstd decodes ten times as fast: taken where it is at most this much longer than LZMA2, as RLE code always is."""


class Decoder(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def needs_input(self) -> bool:
        """Nothing more comes without more input."""

    @property
    def eof(self) -> bool:
        """The stream said that it has ended."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """At most ``max_length`` bytes more."""


class Stream:
    """One stream, from its start to its end; never more than asked for in memory, plus the dictionary."""

    def __init__(
        self, read: Read, offset: int, coded_bytes: int, raw_bytes: int, decoder: Decoder | None
    ) -> None:
        self._read = read
        self._offset = offset
        self._coded_left = coded_bytes
        self.raw_left = raw_bytes
        self._decoder = decoder

    def take(self, size_bytes: int) -> bytes:
        """Exactly that many bytes; ``DeltaRefused("bad_delta")`` when the stream has no more or is damaged."""
        if size_bytes > self.raw_left:
            raise bad("a stream is shorter than its segment needs")
        self.raw_left -= size_bytes
        if self._decoder is None:
            return self._coded(size_bytes)
        parts: list[bytes] = []
        while size_bytes:
            part = self._decode(self._decoder, size_bytes)
            parts.append(part)
            size_bytes -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _decode(self, decoder: Decoder, most: int) -> bytes:
        while True:
            coded = b""
            if decoder.needs_input:
                coded = self._coded(min(_PIECE_BYTES, self._coded_left))
            try:
                part = decoder.decompress(coded, most)
            except (lzma.LZMAError, zstd.ZstdError, EOFError) as exc:
                raise bad("a stream is damaged") from exc
            if part:
                return part
            if decoder.eof or (decoder.needs_input and not self._coded_left):
                raise bad("a stream ends early")

    def _coded(self, size_bytes: int) -> bytes:
        if size_bytes > self._coded_left:
            raise bad("a stream is cut short")
        raw = self._read(size_bytes, self._offset)
        if len(raw) != size_bytes:
            raise bad("the package is cut short")
        self._offset += size_bytes
        self._coded_left -= size_bytes
        return raw


def open_streams(read: Read, blob_bytes: int) -> tuple[Stream, ...]:
    """The streams of a blob, nothing decoded yet; ``DeltaRefused("bad_delta")``."""
    head = read(HEAD_BYTES, 0)
    if len(head) != HEAD_BYTES:
        raise bad("a segment has no streams")
    streams = []
    offset = HEAD_BYTES
    for which, (coder, dict_log2, coded_bytes, raw_bytes) in enumerate(_HEAD.iter_unpack(head)):
        if raw_bytes > MAX_RAW_BYTES[which] or coded_bytes > blob_bytes - offset:
            raise bad("a stream's size is out of bounds")
        if coder == STORED and dict_log2 == 0 and coded_bytes == raw_bytes:
            decoder = None
        elif coder in (LZMA2, ZSTD) and _MIN_DICT_LOG2 <= dict_log2 <= MAX_DICT_LOG2[which]:
            decoder = _decoder(coder, dict_log2)
        else:
            raise bad("a stream is coded in an unknown way")
        streams.append(Stream(read, offset, coded_bytes, raw_bytes, decoder))
        offset += coded_bytes
    if offset != blob_bytes:
        raise bad("a segment's streams do not fill it")
    return tuple(streams)


def _decoder(coder: int, dict_log2: int) -> Decoder:
    if coder == ZSTD:
        return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: dict_log2})
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << dict_log2}]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def write_streams(raws: Sequence[bytes]) -> bytes:
    """The blob of five raw streams, each coded in the way that suits it."""
    heads, bodies = [], []
    for which, raw in enumerate(raws):
        dict_log2 = min(max(_MIN_DICT_LOG2, (len(raw) - 1).bit_length()), MAX_DICT_LOG2[which])
        coder = _chosen(which, raw, dict_log2)
        coded = _coded(coder, which, raw, dict_log2)
        if len(coded) < len(raw):
            heads.append(_HEAD.pack(coder, dict_log2, len(coded), len(raw)))
            bodies.append(coded)
        else:
            heads.append(_HEAD.pack(STORED, 0, len(raw), len(raw)))
            bodies.append(raw)
    return b"".join(heads + bodies)


def _chosen(which: int, raw: bytes, dict_log2: int) -> int:
    """LZMA2 or zstd: known for the streams that are alike in every image, tried on a piece of the literals."""
    if which != LITERALS:
        return ZSTD if which == CODE else LZMA2
    first = max(0, len(raw) - _PROBE_BYTES) // 2
    piece = raw[first : first + _PROBE_BYTES]
    log2 = min(dict_log2, _PROBE_BYTES.bit_length())
    zstd_bytes, lzma_bytes = (len(_coded(coder, which, piece, log2)) for coder in (ZSTD, LZMA2))
    return ZSTD if zstd_bytes <= lzma_bytes * _ZSTD_WORTH else LZMA2


def _coded(coder: int, which: int, raw: bytes, dict_log2: int) -> bytes:
    if coder == ZSTD:
        return zstd.compress(raw, options={**_ZSTD_OPTIONS, zstd.CompressionParameter.window_log: dict_log2})
    options = {**_TUNED[which], "dict_size": 1 << dict_log2}
    return lzma.compress(raw, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, **options}])
