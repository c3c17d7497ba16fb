"""Answers a station's frames one by one: who may order what, and what the device says of itself.

Opens no port: frames come in, answers go out through ``send``. docs/agent-protocol.md has every field.
"""

from hashlib import sha256

from firmware_agent.device.control import APPLYING, TRIAL
from firmware_agent.device.device import AGENT_VERSION, Device
from firmware_agent.device.errors import AgentError
from firmware_agent.device.install import METHODS_IN_PLACE, METHODS_SLOTS, Installation, check_base
from firmware_agent.device.lms import verify
from firmware_agent.device.user_files import page, readable
from firmware_agent.order import ORDER_BYTES, Order, OrderError, parse
from firmware_agent.wire import (
    ABORT,
    ABORTED,
    BAD_ORDER,
    BAD_PAYLOAD,
    BAD_SIGNATURE,
    BATTERY_LOW,
    BUSY,
    COMMIT,
    DATA,
    DUPLICATE,
    FLASH_FAILED,
    HEALTH_BATTERY,
    HEALTH_IMAGE,
    HEALTH_USER_DATA,
    HELLO,
    IN_PLACE_DELTA,
    INTERNAL,
    MAX_PAYLOAD_BYTES,
    NO_HELLO,
    NO_ORDER,
    NO_VERSION,
    NOT_CONFIRMED,
    OLDEST_VERSION,
    ORDER,
    ORDERED,
    OUT_OF_ORDER,
    REBOOT,
    REBOOTING,
    REFUSED,
    ROLLBACK,
    STATE,
    STATUS,
    TAKEN,
    TOO_LARGE,
    TOO_MUCH,
    UNKNOWN_KIND,
    USER_FILES,
    USER_PAGE,
    VERSION,
    WELCOME,
    WORKING,
    WRONG_METHOD,
    WRONG_MODEL,
    WRONG_OFFSET,
    Frame,
    Welcome,
    WireError,
    frame,
    pack_counts,
    pack_refused,
    pack_user_page,
    pack_welcome,
    unpack_data,
    unpack_hello,
    unpack_user_question,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_BYTES = 8192
WINDOW_LOG2 = 15


class Session:
    """One station's talk. ``send(bytes)`` takes whole frames; it must not raise."""

    def __init__(self, device: Device, send: "Callable[[bytes], None]") -> None:
        self._device = device
        self._send = send
        self._sequence = -1  # the last one that was taken; -1 before HELLO
        self._max_payload = MAX_PAYLOAD_BYTES
        self.reset_wanted = False
        self._answers: dict[int, Callable[[Frame], None]] = {
            ORDER: self._order,
            DATA: self._data,
            COMMIT: self._commit,
            ABORT: self._abort,
            REBOOT: self._reboot,
            USER_FILES: self._user_files,
            STATUS: self._status,
        }

    def broken(self, problem: WireError) -> None:
        """Bytes came that are no frame."""
        self._send(frame(REFUSED, 0, pack_refused(problem.code, problem.detail)))

    def handle(self, got: Frame) -> None:
        """Answer one frame. Whatever it is, the session goes on."""
        try:
            self._handle(got)
        except WireError as problem:
            self._refuse(got, problem.code, problem.detail)
        except AgentError as problem:
            self._device.last_code = problem.code
            self._refuse(got, problem.code, problem.detail)
        except OSError:
            self._device.last_code = FLASH_FAILED
            self._refuse(got, FLASH_FAILED, 0)
        except Exception as problem:  # noqa: BLE001 - our own mistake must not take the agent off the bus
            self._device.board.log(repr(problem))
            self._device.last_code = INTERNAL
            self._refuse(got, INTERNAL, 0)
        self._device.note_memory()

    def _handle(self, got: Frame) -> None:
        if got.kind == HELLO:
            self._hello(got)
            return
        if self._sequence < 0:
            raise WireError(NO_HELLO)
        if got.sequence == self._sequence:
            raise WireError(DUPLICATE, got.sequence)
        if got.sequence != (self._sequence + 1) & 0xFFFF:
            raise WireError(OUT_OF_ORDER, (self._sequence + 1) & 0xFFFF)
        self._sequence = got.sequence
        answer = self._answers.get(got.kind)
        if answer is None:
            raise WireError(UNKNOWN_KIND, got.kind)
        answer(got)

    def _refuse(self, got: Frame, code: int, detail: int) -> None:
        self._answer(got, REFUSED, pack_refused(code, detail))

    def _answer(self, got: Frame, kind: int, payload: bytes = b"") -> None:
        self._send(frame(kind, got.sequence, payload))

    # -- the questions

    def _hello(self, got: Frame) -> None:
        oldest, newest, max_payload = unpack_hello(got.payload)
        if oldest > VERSION or newest < OLDEST_VERSION:
            raise WireError(NO_VERSION, VERSION)
        if max_payload < 512:  # too small for a welcome
            raise WireError(BAD_PAYLOAD)
        self._sequence = got.sequence
        self._max_payload = min(max_payload, MAX_PAYLOAD_BYTES)
        self._device.staging.rewind()
        self._answer(got, WELCOME, pack_welcome(self._welcome(min(newest, VERSION))))

    def _welcome(self, version: int) -> Welcome:
        device, welcome = self._device, Welcome()
        board, layout, record, image = device.board, device.layout, device.control.record, device.image
        welcome.version = version
        welcome.state = device.state()
        welcome.window = WINDOW_BYTES
        welcome.max_image = layout.image_bytes
        welcome.max_patch = device.staging.max_patch
        welcome.methods = METHODS_IN_PLACE if layout.in_place else METHODS_SLOTS
        welcome.block_log2 = _log2(layout.block_bytes)
        welcome.group_blocks = layout.group_blocks
        welcome.window_log2 = WINDOW_LOG2
        welcome.battery = board.battery_percent()
        welcome.health = device.health | (HEALTH_BATTERY if device.battery_is_low() else 0)
        if record.job == APPLYING:
            welcome.health |= HEALTH_IMAGE  # some of it is the new one already
        if not readable(board):
            welcome.health |= HEALTH_USER_DATA
        welcome.last_code = device.last_code
        welcome.slot = device.running
        welcome.rollback_index = record.rollback_index
        welcome.image_size = image.size
        welcome.durable = device.staging.durable
        welcome.boots = record.boots
        welcome.agent_version = AGENT_VERSION
        welcome.image_sha256 = image.sha256
        welcome.order_id = device.staging.order_id
        welcome.model = board.model
        welcome.variant = board.variant
        welcome.serial = board.serial
        welcome.image_version = image.version
        return welcome

    def _order(self, got: Frame) -> None:
        device = self._device
        device.control.reload()
        raw = got.payload[:ORDER_BYTES]
        try:
            order = parse(raw)
        except OrderError:
            raise AgentError(BAD_ORDER)  # noqa: B904 - MicroPython chains no exceptions
        if order.model != device.board.model:
            raise AgentError(WRONG_MODEL)
        if not verify(device.board.public_key, raw, memoryview(got.payload)[ORDER_BYTES:]):
            raise AgentError(BAD_SIGNATURE)
        if not _is_job(device, sha256(raw).digest()):
            check(device, order)
        device.staging.open(order, got.payload)
        self._answer(got, ORDERED, pack_counts(device.staging.received, device.staging.durable))

    def _data(self, got: Frame) -> None:
        staging = self._device.staging
        order = staging.order
        if order is None:
            raise AgentError(NO_ORDER)
        offset, data = unpack_data(got.payload)
        if offset != staging.received:
            raise AgentError(WRONG_OFFSET, staging.received)
        if offset + len(data) > order.patch_size:
            raise AgentError(TOO_MUCH, order.patch_size)
        staging.add(data)
        self._answer(got, TAKEN, pack_counts(staging.received, staging.durable))

    def _commit(self, got: Frame) -> None:
        device = self._device
        if device.staging.order is not None and device.battery_is_low():
            raise AgentError(BATTERY_LOW, device.board.min_battery_percent)

        def report(done: int, total: int) -> None:
            self._answer(got, WORKING, pack_counts(done, total))

        Installation(device, report).commit()
        device.last_code = 0

    def _abort(self, got: Frame) -> None:
        self._device.control.reload()
        if _is_job(self._device, self._device.staging.order_id):
            raise AgentError(BUSY)
        self._device.staging.drop()
        self._answer(got, ABORTED)

    def _reboot(self, got: Frame) -> None:
        self._answer(got, REBOOTING)
        self.reset_wanted = True

    def _user_files(self, got: Frame) -> None:
        first, with_hash = unpack_user_question(got.payload)
        total, files = page(self._device.board, first, with_hash, self._max_payload)
        self._answer(got, USER_PAGE, pack_user_page(total, files))

    def _status(self, got: Frame) -> None:
        self._answer(got, STATE, pack_counts(self._device.state(), self._device.last_code))


def check(device: Device, order: Order) -> None:
    """Whether this device may take an order that is signed. AgentError says why not."""
    layout, record = device.layout, device.control.record
    if order.rollback_index < record.rollback_index:
        raise AgentError(ROLLBACK, record.rollback_index)
    methods = METHODS_IN_PLACE if layout.in_place else METHODS_SLOTS
    if not methods >> order.method & 1 or order.window_log2 > WINDOW_LOG2:
        raise AgentError(WRONG_METHOD)
    if order.method == IN_PLACE_DELTA and (
        order.block != layout.block_bytes or order.group != layout.group_blocks
    ):
        raise AgentError(WRONG_METHOD)
    check_base(device, order)
    if order.image_size > layout.image_bytes:
        raise AgentError(TOO_LARGE, layout.image_bytes)
    if order.patch_size > device.staging.max_patch:
        raise AgentError(TOO_LARGE, device.staging.max_patch)
    if record.boot_state == TRIAL:
        raise AgentError(NOT_CONFIRMED)
    if device.battery_is_low():
        raise AgentError(BATTERY_LOW, device.board.min_battery_percent)
    # There is room for one order: a job's own stays until a start has failed to finish it.
    if record.job == APPLYING and not device.job_is_stuck:
        raise AgentError(BUSY)


def _is_job(device: Device, order_id: bytes) -> bool:
    """Whether this is the order of a job that was begun in place: its sender may go on with it."""
    record = device.control.record
    return record.job == APPLYING and record.job_order == order_id


def _log2(number: int) -> int:
    count = 0
    while number > 1:
        number >>= 1
        count += 1
    return count
