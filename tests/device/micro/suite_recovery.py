"""Flash that fails once and goes on, power that goes in every trial, images that hang: old or new, and reachable."""

import struct
from binascii import crc32

try:
    import vfs
except ImportError:  # CPython
    vfs = None

from firmware_agent import wire
from firmware_agent.device import user_files
from firmware_agent.device.boot import RESET, boot
from firmware_agent.device.control import APPLYING, CONFIRMED, NO_JOB, TRIAL, UNFIT
from firmware_agent.device.device import Device, Layout
from firmware_agent.device.errors import AgentError
from firmware_agent.device.first_format import FirstFormat
from firmware_agent.device.flash import Region
from firmware_agent.device.lite import LiteReader
from firmware_agent.order import Order
from tests.device.micro.agent_bench import (
    BLOCK,
    NEW,
    OLD,
    PAGE,
    SIGNATURE,
    BenchBoard,
    MemoryFlash,
    PowerCut,
    Station,
    board,
    in_place_delta,
    layout,
    running,
    slot_delta,
    update,
    whole,
)

HEAP_KIB = 1024


class WeakFlash(MemoryFlash):
    """Fails the operation ``fail`` once: before it is done, or after. ``spoil``: a program there does not take."""

    fail = -1
    is_late = False
    spoil = -1
    dead_below = 0

    def _do(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        if offset < self.dead_below:
            raise OSError(5)
        fails = self.count == self.fail
        if fails:
            self.fail = -1
        if not fails or self.is_late:
            super()._do(offset, data)
        if fails:
            raise OSError(5)

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        super().program(offset, data)
        if offset == self.spoil:
            self.spoil = -1
            self.data[offset + 40] ^= 2


def weak(mode: str) -> "tuple[BenchBoard, WeakFlash]":
    made = board(mode)
    flash = WeakFlash(len(made.flash.data))
    flash.data[:] = made.flash.data
    return board(mode, flash), flash


def ready(bench: BenchBoard, order: Order, patch: bytes) -> "tuple[Device, Station]":
    """Booted, and everything is sent."""
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    assert station.send(order, patch) == 0
    bench.flash.count = 0
    return device, station


def committed(mode: str, order: Order, patch: bytes) -> BenchBoard:
    bench = board(mode)
    assert ready(bench, order, patch)[1].refused(wire.COMMIT) == (0, 0)
    return bench


def commit_again_with_a_cut(
    mode: str, order: Order, patch: bytes, fail: int, is_late: bool, cut: int
) -> bool:
    """The operation ``fail`` of a commit fails, the next commit is cut at ``cut``; False: it ended before that."""
    bench, flash = weak(mode)
    _, station = ready(bench, order, patch)
    flash.fail, flash.is_late = fail, is_late
    station.refused(wire.COMMIT)
    flash.count, flash.fail, flash.cut, flash.part = 0, -1, cut, 50
    was_cut = False
    try:
        station.refused(wire.COMMIT)
    except PowerCut:
        was_cut = True
    flash.cut = -1
    device, image = running(bench)
    where = (mode, fail, is_late, cut)
    assert image in {OLD, NEW}, where
    assert device.control.record.boot_state == CONFIRMED, where
    return was_cut


def test_a_write_that_fails_once_a_second_commit_and_a_cut_leave_old_or_new() -> None:
    for mode, job in (("slots", slot_delta), ("in_place", in_place_delta), ("in_place", whole)):
        order, patch = job()
        bench = committed(mode, order, patch)
        last = bench.flash.count
        for is_late in (False, True):
            for fail in sorted({0, 1, 2, 3, last // 2, last - 3, last - 2, last - 1}):
                cut = 0
                while commit_again_with_a_cut(mode, order, patch, fail, is_late, cut):
                    cut += 4


def test_a_commit_that_comes_twice_never_touches_the_way_back() -> None:
    order, patch = slot_delta()
    bench, flash = weak("slots")
    _, station = ready(bench, order, patch)
    last = committed("slots", order, patch).flash.count - 1
    flash.fail = last  # forgetting the order, when the new image is on record already
    assert station.refused(wire.COMMIT) == (0, 0)
    assert station.refused(wire.COMMIT) == (wire.NOT_CONFIRMED, 0)
    bench.bad = ["2.0.0"]
    assert running(bench)[1] == OLD


def test_a_record_that_could_not_be_written_has_decided_nothing() -> None:
    for mode, job in (("slots", slot_delta), ("in_place", whole)):
        order, patch = job()
        bench, flash = weak(mode)
        device, station = ready(bench, order, patch)
        flash.fail = committed(mode, order, patch).flash.count - 2  # the switch
        assert station.refused(wire.COMMIT)[0] == wire.FLASH_FAILED
        assert (device.control.record.boot_state, station.hello().state) == (CONFIRMED, wire.READY)
        assert station.refused(wire.COMMIT) == (0, 0)
        assert running(bench)[1] == NEW


def test_an_order_that_could_not_be_forgotten_is_not_applied_to_its_own_result() -> None:
    for mode, job in (("slots", slot_delta), ("in_place", in_place_delta)):
        order, patch = job()
        bench, flash = weak(mode)
        _, station = ready(bench, order, patch)
        staged = bytes(flash.data[bench.layout.staging_at : bench.layout.journal_at])
        assert station.refused(wire.COMMIT) == (0, 0)
        assert running(bench)[1] == NEW
        flash.data[bench.layout.staging_at : bench.layout.journal_at] = staged
        device, _ = running(bench)
        station = Station(device)
        assert station.hello().state == wire.READY
        assert station.refused(wire.COMMIT) == (wire.WRONG_BASE, 0)
        assert running(bench)[1] == NEW


def test_an_image_that_hangs_is_never_launched_again_also_if_the_old_one_has_rotted() -> None:
    bench = committed("slots", *slot_delta())
    bench.flash.data[bench.layout.image_at + 5] ^= 1

    def hang(image, size_bytes: int, version: str) -> None:  # type: ignore[no-untyped-def]
        raise PowerCut  # the watchdog

    bench.launch = hang  # type: ignore[method-assign]
    for _ in range(3):
        try:
            boot(Device(bench))
            raise AssertionError("it did not hang")
        except PowerCut:
            pass
    for _ in range(3):
        device = Device(bench)
        assert boot(device) != RESET
        welcome = Station(device).hello()
        assert (welcome.state, welcome.health & wire.HEALTH_IMAGE) == (wire.UNFIT, wire.HEALTH_IMAGE)


def cut_in_the_test() -> bool:
    raise PowerCut


def test_in_place_cuts_in_every_trial_cost_a_good_image_nothing_once_power_stays() -> None:
    for cuts in range(1, 9):
        bench = committed("in_place", *in_place_delta())
        test = bench.self_test
        bench.self_test = cut_in_the_test  # type: ignore[method-assign]
        reached = 0
        for _ in range(cuts):
            try:
                device = Device(bench)
                boot(device)
                assert device.state() == wire.UNFIT
                reached += 1
            except PowerCut:
                pass
        assert reached == max(0, cuts - 2) // 2  # a hanging image: every second start is the station's
        bench.self_test = test  # type: ignore[method-assign]
        boot(Device(bench))
        device, image = running(bench)
        assert (image, device.state(), device.control.record.rollback_index) == (NEW, wire.IDLE, 2)


def test_in_place_an_image_that_failed_its_test_is_not_tried_again() -> None:
    bench = committed("in_place", *in_place_delta())
    bench.bad = ["2.0.0"]
    boot(Device(bench))
    for _ in range(3):
        bench.launched = ""
        device = Device(bench)
        boot(device)
        assert (device.state(), bench.launched) == (wire.UNFIT, "")


def test_in_place_too_little_memory_is_found_before_anything_is_written() -> None:
    bench = board("in_place")
    order, patch = in_place_delta()
    device, station = ready(bench, order, patch)
    real = LiteReader._open

    def full(reader: LiteReader) -> None:
        raise MemoryError

    LiteReader._open = full  # type: ignore[method-assign]
    try:
        assert station.refused(wire.COMMIT) == (wire.INTERNAL, 0)
        assert (device.control.record.job, bench.flash.count) == (NO_JOB, 0)
        device.control.record.job = (
            APPLYING  # as if it had been recorded, and memory were short at every start
        )
        device.control.record.job_order = device.staging.order_id
        device.control.write()
        device, image = running(bench)
        assert (image, bench.launched, device.control.record.job) == (OLD, "1.0.0", NO_JOB)
    finally:
        LiteReader._open = real  # type: ignore[method-assign]
    assert station.refused(wire.COMMIT) == (0, 0)
    assert running(bench)[1] == NEW


def test_in_place_a_job_whose_order_is_gone_leaves_the_old_image_if_it_is_whole() -> None:
    bench = board("in_place")
    device, _ = ready(bench, *in_place_delta())
    device.control.record.job = APPLYING
    device.control.record.job_order = device.staging.order_id
    device.control.write()
    device.staging.forget()
    device, image = running(bench)
    assert (image, device.control.record.job, device.state()) == (OLD, NO_JOB, wire.IDLE)


def test_in_place_a_job_lost_on_an_image_that_had_no_verdict_yet_leaves_it_its_next_try() -> None:
    bench = committed("in_place", *in_place_delta())
    device = Device(bench)
    record = device.control.record
    record.boot_state, record.tries_left, record.job, record.job_order = UNFIT, 1, APPLYING, b"x" * 32
    device.control.write()
    device, image = running(bench)
    assert (image, device.state(), device.health) == (NEW, wire.IDLE, 0)


def interrupted() -> "tuple[BenchBoard, WeakFlash, Station]":
    """In place, a flash error in the middle of the job."""
    bench, flash = weak("in_place")
    _, station = ready(bench, *in_place_delta())
    flash.fail = 20
    assert station.refused(wire.COMMIT)[0] == wire.FLASH_FAILED
    return bench, flash, station


def test_in_place_a_job_that_was_interrupted_goes_on_in_the_same_talk() -> None:
    bench, _, station = interrupted()
    welcome = station.hello()
    assert (welcome.state, welcome.health & wire.HEALTH_IMAGE) == (wire.READY, wire.HEALTH_IMAGE)
    assert (welcome.image_size, welcome.image_sha256) == (0, bytes(32))
    order, patch = in_place_delta()
    other, _ = whole()
    assert station.refused(wire.ORDER, other.pack() + SIGNATURE) == (wire.BUSY, 0)
    assert station.refused(wire.ABORT) == (wire.BUSY, 0)
    kind, payload = station.ask(wire.ORDER, order.pack() + SIGNATURE)
    assert (kind, wire.unpack_counts(payload)) == (wire.ORDERED, (len(patch), len(patch)))
    assert station.refused(wire.COMMIT) == (0, 0)
    assert station.hello().health & wire.HEALTH_IMAGE == 0
    assert running(bench)[1] == NEW


def test_in_place_a_difference_is_forgotten_when_its_job_and_its_base_are_lost() -> None:
    """A station that still saw the order would send it again and again, and never the whole image."""
    bench = board("in_place")
    _, station = ready(bench, *in_place_delta())
    flash = bench.flash
    assert isinstance(flash, MemoryFlash)
    flash.count, flash.cut, flash.part = 0, 10, 50
    try:
        station.refused(wire.COMMIT)
    except PowerCut:
        pass
    flash.cut = -1
    snapshot = bytes(flash.data)
    lost = 0
    for at in range(len(OLD) - 1, 0, -97):
        flash.data[:] = snapshot
        flash.data[bench.layout.image_at + at] ^= 1  # it rotted while the power was off
        device = Device(bench)
        boot(device)
        if device.control.record.job != NO_JOB or device.image.size:
            continue
        lost += 1
        station = Station(device)
        welcome = station.hello()
        assert (welcome.state, welcome.order_id) == (wire.UNFIT, bytes(32))
        assert welcome.health & wire.HEALTH_IMAGE
        order, patch = whole()
        assert station.send(order, patch) == 0
        assert station.refused(wire.COMMIT) == (0, 0)
        assert running(bench)[1] == NEW
    assert lost


def test_in_place_a_commit_that_leaves_no_image_says_so_in_the_same_talk() -> None:
    bench = board("in_place")
    order, patch = in_place_delta()
    order.image_sha256 = bytes(range(32))
    _, station = ready(bench, order, patch)
    assert station.refused(wire.COMMIT)[0] == wire.IMAGE_HASH
    welcome = station.hello()
    assert (welcome.image_size, welcome.health & wire.HEALTH_IMAGE) == (0, wire.HEALTH_IMAGE)


def test_an_order_is_dropped_by_what_flash_says_and_not_by_what_memory_says() -> None:
    bench, flash = weak("in_place")
    device, station = ready(bench, *in_place_delta())
    flash.fail = 20
    assert station.refused(wire.COMMIT)[0] == wire.FLASH_FAILED
    device.control.record.job = NO_JOB  # as after a record whose reading back failed, too
    assert station.refused(wire.ABORT) == (wire.BUSY, 0)
    assert station.refused(wire.COMMIT) == (0, 0)
    assert running(bench)[1] == NEW


def test_in_place_a_whole_image_takes_the_place_of_a_job_that_a_start_could_not_finish() -> None:
    bench, flash, _ = interrupted()
    journal = flash.dead_below
    flash.dead_below = flash.size_bytes
    device = Device(bench)
    assert boot(device) != RESET
    flash.dead_below = journal
    station = Station(device)
    welcome = station.hello()
    assert (welcome.state, welcome.health & wire.HEALTH_IMAGE, bench.launched) == (wire.READY, 1, "1.0.0")
    order, patch = whole()
    assert station.send(order, patch) == 0
    assert device.control.record.job == APPLYING  # given up by the commit, not by the order
    assert station.refused(wire.COMMIT) == (0, 0)
    assert running(bench)[1] == NEW


def test_an_order_that_flash_does_not_keep_is_not_taken() -> None:
    bench, flash = weak("in_place")
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    flash.spoil = bench.layout.staging_at
    order, patch = in_place_delta()
    assert station.send(order, patch) == wire.FLASH_FAILED
    assert station.refused(wire.COMMIT) == (wire.NO_ORDER, 0)
    assert station.send(order, patch) == 0
    assert station.refused(wire.COMMIT) == (0, 0)
    assert running(bench)[1] == NEW


def test_data_that_flash_does_not_take_can_be_sent_again_in_the_same_talk() -> None:
    bench, flash = weak("slots")
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    order, patch = slot_delta()
    assert station.send(order, patch[:0]) == 0
    flash.fail = flash.count
    assert station.refused(wire.DATA, wire.pack_data(0, patch[:1500]))[0] == wire.FLASH_FAILED
    assert station.refused(wire.DATA, wire.pack_data(1500, patch[1500:1600])) == (wire.WRONG_OFFSET, 0)
    assert station.send(order, patch) == 0
    assert station.refused(wire.COMMIT) == (0, 0)


def test_a_record_that_cannot_be_written_any_more_leaves_a_device_that_works() -> None:
    for mode in ("slots", "in_place"):
        bench, flash = weak(mode)
        flash.dead_below = 2 * BLOCK
        device, image = running(bench)
        assert (image, bench.launched, device.last_code) == (OLD, "1.0.0", wire.FLASH_FAILED)


def test_an_image_on_trial_is_not_launched_where_its_try_cannot_be_counted() -> None:
    for mode, job in (("slots", slot_delta), ("in_place", in_place_delta)):
        bench, flash = weak(mode)
        ready(bench, *job())[1].refused(wire.COMMIT)
        flash.dead_below = 2 * BLOCK
        bench.launched = ""
        device = Device(bench)
        assert boot(device) != RESET
        assert (bench.launched, device.control.record.boot_state) == ("", TRIAL)
        assert Station(device).hello().last_code == wire.FLASH_FAILED
        flash.dead_below = 0
        assert running(bench)[1] == NEW


class Meter(BenchBoard):
    """The most blocks that were erased between two feeds of the watchdog."""

    seen = worst = 0

    def feed(self) -> None:
        self.worst = max(self.worst, self.flash.erases - self.seen)  # type: ignore[attr-defined]
        self.seen = self.flash.erases  # type: ignore[attr-defined]


class Erases(MemoryFlash):
    erases = 0

    def erase(self, offset: int) -> None:
        self.erases += 1
        super().erase(offset)


def test_the_watchdog_is_fed_between_any_few_erases() -> None:
    for mode, job in (("slots", slot_delta), ("in_place", in_place_delta)):
        made = board(mode)
        flash = Erases(len(made.flash.data))
        flash.data[:] = made.flash.data
        bench = Meter(flash, layout(mode))
        order, patch = job()
        _, station = ready(bench, order, patch)
        bench.feed()
        bench.worst = 0
        assert station.ask(wire.ABORT)[0] == wire.ABORTED
        bench.feed()
        assert bench.worst <= 2, mode
        update(bench, order, patch)
        bench.feed()
        assert bench.worst <= 4, mode


def test_blocks_that_need_more_memory_than_a_board_has_are_refused() -> None:
    for mode in ("slots", "in_place"):
        sizes = (mode, 16384, 256, 65536, 65536, 3, 16384)
        code = 0
        try:
            Layout(*sizes)
        except AgentError as problem:
            code = problem.code
        assert code == wire.FLASH_BOUNDS
        assert Layout(*sizes, 16384).block_bytes == 16384


def formats(flash: MemoryFlash, region: Region) -> bool:
    """As a board does on its first start; formatting is writing the first two blocks. False: hands off."""
    root = bytearray(b"r" * PAGE)
    if not (region.holds(0, root) and region.holds(BLOCK, root)):
        try:
            FirstFormat(region).begin()
        except AgentError:
            return False
        for at in (0, BLOCK):
            region.erase(at)
            region.program(at, root)
    FirstFormat(region).end()
    return True


def test_a_cut_anywhere_in_the_first_formatting_does_not_lose_the_owners_part() -> None:
    number = 0
    while True:
        for part in (0, 1, 50, 99, 100):
            flash = MemoryFlash(8 * BLOCK)
            region = Region(flash, 2 * BLOCK, 6 * BLOCK)
            flash.cut, flash.part = number, part
            try:
                assert formats(flash, region)
            except PowerCut:
                flash.cut = -1
            else:
                assert number >= 6
                return
            assert formats(flash, region), (number, part)
            # a cut while the mark goes leaves part of it in a block that the file system has not used
            assert region.is_erased(2 * BLOCK, (3 if number == 6 else 4) * BLOCK), (number, part)
        number += 1


class Blocks:
    """A region as a block device."""

    def __init__(self, region: Region) -> None:
        self._region = region

    def readblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        self._region.read(number * BLOCK + offset, buffer)

    def writeblocks(self, number: int, buffer: bytearray, offset: int = 0) -> None:
        self._region.program(number * BLOCK + offset, bytes(buffer))

    def ioctl(self, operation: int, number: int) -> int:
        if operation == 6:
            self._region.erase(number * BLOCK)
        return {4: self._region.size_bytes // BLOCK, 5: BLOCK}.get(operation, 0)


def mounts(region: Region) -> bool:
    """As board/rp2.py does, with the interpreter's own littlefs."""
    blocks, first = Blocks(region), FirstFormat(region)
    try:
        files = vfs.VfsLfs2(blocks, progsize=PAGE)  # type: ignore[union-attr]
    except OSError:
        try:
            first.begin()
        except AgentError:
            return False
        vfs.VfsLfs2.mkfs(blocks, progsize=PAGE)  # type: ignore[union-attr]
        files = vfs.VfsLfs2(blocks, progsize=PAGE)  # type: ignore[union-attr]
    assert list(files.ilistdir("/")) == []
    first.end()
    return True


def test_littlefs_itself_cut_anywhere_in_its_first_formatting_is_mounted_in_the_end() -> None:
    if vfs is None:
        return  # CPython has no littlefs: MicroPython's run of this suite has
    for number in range(12):
        for part in (0, 1, 50, 99, 100):
            flash = MemoryFlash(8 * BLOCK)
            flash.cut, flash.part = number, part
            try:
                assert mounts(Region(flash, 0, 8 * BLOCK))
            except PowerCut:
                flash.cut = -1
            else:
                assert number >= 6
                return
            assert mounts(Region(flash, 0, 8 * BLOCK)), (number, part)
    raise AssertionError("it is never formatted without a cut")


def test_a_frame_that_begins_within_a_header_that_promises_too_much_is_found() -> None:
    real = wire.frame(wire.STATUS, 77)
    for sequence in range(65536):
        head = wire.MAGIC + struct.pack("<BBHH", wire.DATA, 0, sequence, 60000)
        if crc32(head) & 0xFFFF == wire.MAGIC[0] | wire.MAGIC[1] << 8:
            break
    else:
        for kind in range(65536):
            head = wire.MAGIC + struct.pack("<HHH", kind, 0, 60000)
            if crc32(head) & 0xFFFF == wire.MAGIC[0] | wire.MAGIC[1] << 8:
                break
    deframer = wire.Deframer()
    deframer.feed(head + real)  # its check is the real one's magic
    code = 0
    try:
        deframer.next()
    except wire.WireError as problem:
        code = problem.code
    assert code == wire.OVERSIZE
    got = deframer.next()
    assert got is not None
    assert (got.kind, got.sequence) == (wire.STATUS, 77)


class ManyFiles:
    """What ``os`` is for a folder of so many files; their names are made one by one."""

    def __init__(self, count: int) -> None:
        self._count = count

    def ilistdir(self, folder: str):  # type: ignore[no-untyped-def]
        for number in range(self._count):
            yield (f"a photo with a name of 30 {number:05}", 0x8000, 0, number)


def test_any_number_of_files_is_listed_in_the_memory_of_one_page() -> None:
    bench = board("slots")
    bench.user_root = lambda: ""  # type: ignore[method-assign]
    real, user_files.os = user_files.os, ManyFiles(20000)  # type: ignore[attr-defined, assignment]
    try:
        device = Device(bench)
        boot(device)
        station = Station(device)
        station.hello()
        for first in (0, 64, 19990):
            kind, payload = station.ask(wire.USER_FILES, wire.pack_user_question(first, False))
            assert kind == wire.USER_PAGE
            total, files = wire.unpack_user_page(payload)
            assert (total, len(files)) == (20000, min(64, 20000 - first))
            assert files[0] == (f"a photo with a name of 30 {first:05}", first, b"")
    finally:
        user_files.os = real  # type: ignore[attr-defined]


def test_what_may_be_an_owners_data_is_never_formatted() -> None:
    for at in (0, PAGE, BLOCK, 2 * BLOCK, 4 * BLOCK + 7, 5 * BLOCK, 6 * BLOCK - 1):
        flash = MemoryFlash(6 * BLOCK)
        flash.data[at] = 0
        before = bytes(flash.data)
        assert not formats(flash, Region(flash, 0, 6 * BLOCK)), at
        assert bytes(flash.data) == before
    flash = MemoryFlash(6 * BLOCK)
    FirstFormat(Region(flash, 0, 6 * BLOCK)).begin()
    flash.data[3 * BLOCK] = 0
    assert not formats(flash, Region(flash, 0, 6 * BLOCK))
