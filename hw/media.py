"""A conversation with a phone in normal mode: pumps the MTP core over a link, read side only.

It lists and reads; what is read and why is ``inventory``'s business.
"""

from __future__ import annotations

import array
import contextlib
import struct
import time
from collections.abc import Callable

from hw.errors import HwError, PhoneRefused, PhoneTimeout, RemoteProtocolError
from hw.facts import Timeouts
from hw.link.base import UsbLink
from hw.proto import mtp, mtp_data
from hw.proto.mtp import Code, Op

_LARGE_READ_BYTES = 1 << 20
_SMALL_READ_BYTES = 512
_BUSY_TRIES, _BUSY_WAIT_S = 5, 0.1
_EVENT_EVERY = 64  # transactions; some responders stop answering when nobody takes their events
_SIZE_SLACK_BYTES = 64 << 20  # a file may have grown since it was listed
_PROP_BATTERY = 0x5001
_DRAIN_S, _CANCEL_S = 0.2, 3.0
_MAX_LARGE_OBJECT = 1 << 62


class MtpRefused(PhoneRefused):
    """A response other than OK. ``code`` is MTP's (appendix F)."""

    def __init__(self, operation: Op, code: int) -> None:
        super().__init__(f"the phone answered {operation.name.lower()} with 0x{code:04x}")
        self.code = code


class MediaSession:
    """One open MTP session. Handles are only good within it."""

    def __init__(self, link: UsbLink, timeouts: Timeouts) -> None:
        self._link = link
        self._timeouts = timeouts
        self._core = mtp.Initiator()
        small = max(_SMALL_READ_BYTES, link.max_packet_bytes)
        self._small = array.array("B", bytes(small))
        self._large = array.array("B", bytes(_LARGE_READ_BYTES))
        self._transactions = 0
        self.info = mtp_data.device_info(self._dataset(Op.GET_DEVICE_INFO))
        self._open()

    def _open(self) -> None:
        try:
            self._transact(Op.OPEN_SESSION, (1,), 0, None)
        except MtpRefused as exc:
            if exc.code != Code.SESSION_ALREADY_OPEN:
                raise
            # Left over from a station that was killed: end it, its handles are not ours.
            with contextlib.suppress(MtpRefused):
                self._transact(Op.CLOSE_SESSION, (), 0, None)
            self._core.session_closed()
            self._transact(Op.OPEN_SESSION, (1,), 0, None)
        self._core.session_opened()

    def battery_percent(self) -> int | None:
        """BatteryLevel (appendix C.2.2); None where the phone does not offer it."""
        percent = self.small_property(_PROP_BATTERY)
        return percent if percent is not None and percent <= 100 else None

    def small_property(self, code: int) -> int | None:
        """A device property of one byte (UINT8); None where the phone does not offer it, or not as one byte."""
        if code not in self.info.device_properties:
            return None
        try:
            raw = self._dataset(Op.GET_DEVICE_PROP_VALUE, (code,))
        except MtpRefused:
            return None
        return raw[0] if len(raw) == 1 else None

    def storages(self) -> tuple[int, ...]:
        """Ids of the storages that are there. Empty: locked, or file transfer not allowed."""
        ids = mtp_data.handles(self._dataset(Op.GET_STORAGE_IDS))
        return tuple(storage for storage in ids if storage & 0xFFFF)  # 5.2.1: 0 below = no medium in it

    def storage_info(self, storage: int) -> mtp_data.StorageInfo:
        """One storage."""
        return mtp_data.storage_info(self._dataset(Op.GET_STORAGE_INFO, (storage,)))

    def children(self, storage: int, folder: int) -> tuple[int, ...]:
        """Handles directly in ``folder`` (``mtp.ROOT``: at the top)."""
        return mtp_data.handles(self._dataset(Op.GET_OBJECT_HANDLES, (storage, 0, folder)))

    @property
    def lists_properties(self) -> bool:
        """Whether the phone offers GetObjectPropList."""
        return Op.GET_OBJECT_PROP_LIST in self.info.operations

    def listed_children(self, folder: int) -> dict[int, mtp_data.ObjectInfo]:
        """What one property list says of a folder's children, in every storage; may be incomplete."""
        handle = 0 if folder == mtp.ROOT else folder
        raw = self._dataset(Op.GET_OBJECT_PROP_LIST, (handle, 0, mtp.ALL, 0, 1))
        return mtp_data.objects(raw)

    def object_info(self, handle: int) -> mtp_data.ObjectInfo:
        """One object; its size is asked for again where 32 bits cannot tell it."""
        info = mtp_data.object_info(self._dataset(Op.GET_OBJECT_INFO, (handle,)))
        if info.size_bytes is None:
            raw = self._dataset(Op.GET_OBJECT_PROP_VALUE, (handle, mtp_data.PROP_SIZE))
            if len(raw) != 8:
                raise RemoteProtocolError("the phone's object size is malformed")
            size: int = struct.unpack("<Q", raw)[0]
            info = mtp_data.ObjectInfo(info.name, info.format, size, info.modified)
        return info

    def read_object(
        self,
        handle: int,
        size_bytes: int,
        on_piece: Callable[[memoryview], None],
        give_up: Callable[[], bool],
    ) -> bool:
        """Stream one object to ``on_piece``; False when ``give_up`` said so on the way: it was cancelled."""
        command = self._core.request(
            Op.GET_OBJECT,
            (handle,),
            min(2 * size_bytes + _SIZE_SLACK_BYTES, _MAX_LARGE_OBJECT),
            size_bytes if size_bytes >= mtp.UNKNOWN_LENGTH - mtp.HEADER_BYTES else None,
        )
        self._link.write(command, self._timeouts.command_s)
        response: mtp.Response | None = None
        while response is None:
            for event in self._read():
                if isinstance(event, mtp.Data):
                    on_piece(event.piece)
                elif isinstance(event, mtp.Response):
                    response = event
            if response is None and self._core.in_data and give_up():
                self._cancel()
                return False
        self._count()
        if not response.ok:
            raise MtpRefused(Op.GET_OBJECT, response.code)
        return True

    def wait_event(self, timeout_s: float) -> int | None:
        """The code of the next event, None when there was none in time."""
        raw = self._link.read_event(timeout_s)
        return mtp.event_code(raw) if raw else None

    def close(self) -> None:
        """End the session if the phone still answers. Never raises."""
        with contextlib.suppress(HwError):
            if self._core.state is mtp.State.IDLE:
                self._transact(Op.CLOSE_SESSION, (), 0, None, timeout_s=1.0)

    def _dataset(self, operation: Op, parameters: tuple[int, ...] = ()) -> bytes:
        """A whole dataset. A busy phone is asked again a few times."""
        for attempt in range(_BUSY_TRIES):
            try:
                data = self._transact(operation, parameters, mtp.MAX_DATASET_BYTES, None)
            except MtpRefused as exc:
                if exc.code != Code.DEVICE_BUSY or attempt == _BUSY_TRIES - 1:
                    raise
                time.sleep(_BUSY_WAIT_S)
                continue
            if not data:
                raise RemoteProtocolError(f"the phone said yes to {operation.name.lower()} and sent nothing")
            return data
        raise AssertionError("unreachable")

    def _transact(
        self,
        operation: Op,
        parameters: tuple[int, ...],
        max_data_bytes: int,
        exact_bytes: int | None,
        timeout_s: float | None = None,
    ) -> bytes:
        self._link.write(
            self._core.request(operation, parameters, max_data_bytes, exact_bytes), self._timeouts.command_s
        )
        data = bytearray()
        while True:
            for event in self._read(timeout_s):
                if isinstance(event, mtp.Data):
                    data += event.piece
                elif isinstance(event, mtp.Response):
                    self._count()
                    if not event.ok:
                        raise MtpRefused(operation, event.code)
                    return bytes(data)

    def _read(self, timeout_s: float | None = None) -> list[mtp.Event]:
        """One transfer's events: small until the data header is known, then large."""
        buffer = self._large if self._core.in_data else self._small
        limit = timeout_s or (self._timeouts.transfer_s if self._core.in_data else self._timeouts.command_s)
        with memoryview(buffer) as view:
            count = self._link.read_into(view, limit)
        return list(self._core.receive(memoryview(buffer)[:count]))

    def _count(self) -> None:
        self._transactions += 1
        if self._transactions % _EVENT_EVERY == 0:
            self._link.read_event(0.001)

    def _cancel(self) -> None:
        """Cancel the transaction and drain the pipe (Still Image Capture 5.2.1-5.2.2)."""
        payload = mtp.cancel_payload(self._core.transaction)
        self._link.control_out(mtp.REQUEST_CANCEL, 0, payload, self._timeouts.command_s)
        deadline = time.monotonic() + _CANCEL_S
        while time.monotonic() < deadline:
            with contextlib.suppress(PhoneTimeout), memoryview(self._large) as view:
                while time.monotonic() < deadline:
                    self._link.read_into(view, _DRAIN_S)
            raw = self._link.control_in(mtp.REQUEST_STATUS, 0, 32, self._timeouts.command_s)
            if mtp.status_code(raw) == Code.OK:
                self._core.cancelled()
                return
        raise PhoneTimeout("the phone does not end a cancelled transfer")
