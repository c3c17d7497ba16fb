"""The MTP responder: operations and their answers, over a read-only view of the owner's files. Knows no USB.

Written from USB-IF MTP 1.1, appendix D. The storage is empty until its owner unlocks, and after a reboot.
"""

from __future__ import annotations

import random
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hw.virtual import mtp_dataset as mtp
from hw.virtual.errors import VirtualPhoneError
from hw.virtual.mtp_dataset import Code, Op, Prop
from hw.virtual.mtp_objects import ROOT, STORAGE_ID, MtpObject, ObjectTable

_PROP_LIST_OPS = frozenset(
    {
        Op.GET_OBJECT_PROPS_SUPPORTED,
        Op.GET_OBJECT_PROP_DESC,
        Op.GET_OBJECT_PROP_VALUE,
        Op.GET_OBJECT_PROP_LIST,
    }
)
_ALL_LEVELS = 0xFFFFFFFF
_CAPACITY_BYTES = 128 << 30


class MtpRefused(VirtualPhoneError):
    """An operation is answered with ``code`` instead of OK."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True, slots=True)
class FileRange:
    """Bytes of an object, to be sent as they are asked for."""

    path: Path
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows a command: data or none, then OK with parameters."""

    data: bytes | FileRange | None = None
    parameters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What DeviceInfo says."""

    manufacturer: str
    model: str
    serial: str
    property_lists: bool
    setup_property: int = 0  # 0 = it does not say


class MtpDevice:
    """One stay in normal mode. ``unlocked`` is the owner's doing; sessions are the host's."""

    def __init__(
        self,
        about: About,
        folder: Path,
        battery_percent: Callable[[], int],
        seed: int,
        wizard: Callable[[], bool] = lambda: False,
    ) -> None:
        self._about = about
        self._wizard = wizard
        self._folder = folder
        self._battery_percent = battery_percent
        self._random = random.Random(seed)  # noqa: S311 - handles, not secrets
        self._session: int | None = None
        self._table: ObjectTable | None = None
        self._lock = threading.Lock()
        self._unlocked = False
        self.on_event: Callable[[int, int], None] = lambda _code, _parameter: None

    # -- the owner's side -----------------------------------------------------------------------

    def set_unlocked(self, unlocked: bool) -> None:
        """The owner unlocks the screen and allows file transfer, or takes it back."""
        with self._lock:
            if unlocked == self._unlocked:
                return
            self._unlocked = unlocked
            self._table = None
        self.on_event(mtp.STORE_ADDED if unlocked else mtp.STORE_REMOVED, STORAGE_ID)

    def drop_session(self) -> None:
        """The cable was pulled: sessions do not survive that."""
        with self._lock:
            self._session = self._table = None

    # -- the host's side ------------------------------------------------------------------------

    def operation(self, code: int, parameters: Sequence[int]) -> Answer:
        """Perform one operation without a data-out phase; :class:`MtpRefused` carries any other response."""
        given = [*parameters, *([0] * mtp.MAX_PARAMETERS)][: mtp.MAX_PARAMETERS]
        if code == Op.GET_DEVICE_INFO:
            return Answer(self._device_info())
        if code == Op.OPEN_SESSION:
            return self._open(given[0])
        if self._session is None:
            raise MtpRefused(Code.SESSION_NOT_OPEN)
        if code in mtp.WRITES_WITHOUT_DATA or code in mtp.WRITES_WITH_DATA:
            raise MtpRefused(Code.STORE_READ_ONLY)
        if code not in self.operations():
            raise MtpRefused(Code.OPERATION_NOT_SUPPORTED)
        if code == Op.CLOSE_SESSION:
            self.drop_session()
            return Answer()
        return self._handlers()[Op(code)](given)

    def operations(self) -> list[int]:
        """Every operation DeviceInfo lists."""
        return [op for op in Op if self._about.property_lists or op not in _PROP_LIST_OPS]

    def _handlers(self) -> dict[Op, Callable[[list[int]], Answer]]:
        return {
            Op.GET_STORAGE_IDS: lambda _: Answer(mtp.array32([STORAGE_ID] if self._unlocked else [])),
            Op.GET_STORAGE_INFO: self._storage_info,
            Op.GET_NUM_OBJECTS: lambda given: Answer(parameters=(len(self._listed(given)),)),
            Op.GET_OBJECT_HANDLES: self._object_handles,
            Op.GET_OBJECT_INFO: lambda given: Answer(self._object(given[0]).info()),
            Op.GET_OBJECT: self._get_object,
            Op.GET_PARTIAL_OBJECT: lambda given: self._partial(given[0], given[1], given[2]),
            Op.GET_PARTIAL_OBJECT_64: lambda given: self._partial(
                given[0], given[1] | given[2] << 32, given[3]
            ),
            Op.GET_DEVICE_PROP_DESC: lambda given: Answer(self._device_prop(given[0], described=True)),
            Op.GET_DEVICE_PROP_VALUE: lambda given: Answer(self._device_prop(given[0], described=False)),
            Op.GET_OBJECT_PROPS_SUPPORTED: lambda _: Answer(mtp.array16(Prop)),
            Op.GET_OBJECT_PROP_DESC: lambda given: Answer(_prop_description(given[0])),
            Op.GET_OBJECT_PROP_VALUE: self._prop_value,
            Op.GET_OBJECT_PROP_LIST: self._prop_list,
        }

    def _device_info(self) -> bytes:
        extensions = "microsoft.com: 1.0; android.com: 1.0;"
        return (
            struct.pack("<HIH", 100, 6, 100) + mtp.string(extensions) + struct.pack("<H", 0)
            + mtp.array16(self.operations())
            + mtp.array16([mtp.STORE_ADDED, mtp.STORE_REMOVED])
            + mtp.array16([mtp.BATTERY_LEVEL, mtp.FRIENDLY_NAME, *filter(None, [self._about.setup_property])])
            + mtp.array16([])
            + mtp.array16([mtp.FORMAT_UNDEFINED, mtp.FORMAT_ASSOCIATION, mtp.FORMAT_TEXT, mtp.FORMAT_WAV,
                           mtp.FORMAT_PNG, mtp.FORMAT_VCARD])
            + mtp.string(self._about.manufacturer) + mtp.string(self._about.model)
            + mtp.string("1.0") + mtp.string(self._about.serial)
        )  # fmt: skip

    def _open(self, session: int) -> Answer:
        if session == 0:
            raise MtpRefused(Code.INVALID_PARAMETER)
        with self._lock:
            if self._session is not None:
                raise MtpRefused(Code.SESSION_ALREADY_OPEN)
            self._session = session
            self._table = None
        return Answer()

    def _objects(self) -> ObjectTable:
        with self._lock:
            if not self._unlocked:
                raise MtpRefused(Code.STORE_NOT_AVAILABLE)
            if self._table is None:
                self._table = ObjectTable(self._folder, self._random.randrange(1, 1 << 20))
            return self._table

    def _object(self, handle: int) -> MtpObject:
        found = self._objects().get(handle)
        if found is None:
            raise MtpRefused(Code.INVALID_OBJECT_HANDLE)
        return found

    def _storage_info(self, given: list[int]) -> Answer:
        if given[0] != STORAGE_ID or not self._unlocked:
            raise MtpRefused(Code.INVALID_STORAGE_ID)
        used = sum(item.size_bytes for item in self._objects().all())
        fixed_ram, hierarchical, read_only = 0x0003, 0x0002, 0x0001
        head = struct.pack("<HHHQQI", fixed_ram, hierarchical, read_only, _CAPACITY_BYTES,
                           _CAPACITY_BYTES - used, 0xFFFFFFFF)  # fmt: skip
        return Answer(head + mtp.string("内部存储") + mtp.string(""))

    def _listed(self, given: list[int]) -> list[MtpObject]:
        storage, wanted_format, parent = given[:3]
        if storage not in (STORAGE_ID, 0xFFFFFFFF):
            raise MtpRefused(Code.INVALID_STORAGE_ID)
        if not self._unlocked:
            return []
        table = self._objects()
        if parent == 0:
            found = list(table.all())
        else:
            folder = None if parent == ROOT else self._object(parent)
            if folder is not None and not folder.is_folder:
                raise MtpRefused(Code.INVALID_PARENT)
            found = list(table.children(0 if folder is None else parent))
        return [item for item in found if wanted_format in (0, item.format)]

    def _object_handles(self, given: list[int]) -> Answer:
        return Answer(mtp.array32(item.handle for item in self._listed(given)))

    def _get_object(self, given: list[int]) -> Answer:
        found = self._object(given[0])
        if found.is_folder:
            raise MtpRefused(Code.INVALID_OBJECT_HANDLE)
        return Answer(FileRange(found.path, 0, found.size_bytes))

    def _partial(self, handle: int, offset: int, size_bytes: int) -> Answer:
        found = self._object(handle)
        if found.is_folder or offset > found.size_bytes:
            raise MtpRefused(Code.INVALID_PARAMETER)
        sent = min(size_bytes, found.size_bytes - offset)
        return Answer(FileRange(found.path, offset, sent), parameters=(sent & 0xFFFFFFFF,))

    def _device_prop(self, code: int, described: bool) -> bytes:
        if code == self._about.setup_property and code:
            showing = int(self._wizard())
            if not described:
                return bytes([showing])
            return struct.pack("<HHB BB B", code, mtp.UINT8, 0, 0, showing, 0)
        if code == mtp.BATTERY_LEVEL:
            percent = self._battery_percent()
            if not described:
                return bytes([percent])
            range_form = 1
            return struct.pack("<HHB BB B BBB", code, mtp.UINT8, 0, 100, percent, range_form, 0, 100, 1)
        if code == mtp.FRIENDLY_NAME:
            name = mtp.string(self._about.model)
            return struct.pack("<HHB", code, mtp.STRING, 0) + name + name + b"\0" if described else name
        raise MtpRefused(Code.DEVICE_PROP_NOT_SUPPORTED)

    def _prop_value(self, given: list[int]) -> Answer:
        found = self._object(given[0])
        code = _known_prop(given[1])
        return Answer(mtp.value(mtp.PROP_TYPES[code], found.property(code)))

    def _prop_list(self, given: list[int]) -> Answer:
        handle, wanted_format, code, group, depth = given
        if code == 0:
            raise MtpRefused(Code.GROUP_UNSUPPORTED if group else Code.PARAMETER_NOT_SUPPORTED)
        props = list(Prop) if code == 0xFFFFFFFF else [_known_prop(code)]
        items = [item for item in self._reached(handle, depth) if wanted_format in (0, item.format)]
        out = bytearray(struct.pack("<I", len(items) * len(props)))
        for item in items:
            for prop in props:
                kind = mtp.PROP_TYPES[prop]
                out += struct.pack("<IHH", item.handle, prop, kind) + mtp.value(kind, item.property(prop))
        return Answer(bytes(out))

    def _reached(self, handle: int, depth: int) -> list[MtpObject]:
        if depth not in (0, 1, _ALL_LEVELS):
            raise MtpRefused(Code.DEPTH_UNSUPPORTED)
        table = self._objects()
        if handle == ROOT or (handle == 0 and depth in (0, _ALL_LEVELS)):
            return list(table.all())
        found = [] if handle == 0 else [self._object(handle)]
        level = [handle] if depth else []
        while level:
            children = [child for parent in level for child in table.children(parent)]
            found += children
            level = [child.handle for child in children if child.is_folder] if depth == _ALL_LEVELS else []
        return found


def _known_prop(code: int) -> Prop:
    try:
        return Prop(code)
    except ValueError as exc:
        raise MtpRefused(Code.OBJECT_PROP_NOT_SUPPORTED) from exc


def _prop_description(code: int) -> bytes:
    # ObjectPropDesc (5.3.2.3): code, type, read only, default, group, no form.
    prop = _known_prop(code)
    kind = mtp.PROP_TYPES[prop]
    default = mtp.value(kind, "" if kind == mtp.STRING else 0)
    return struct.pack("<HHB", prop, kind, 0) + default + struct.pack("<IB", 0, 0)
