"""One device put together: where its regions lie, what its board can do, and the agent's parts on top.

Decides nothing: boot.py chooses what runs, session.py talks, install.py writes.
"""

from hashlib import sha256

from firmware_agent.device.control import APPLYING, BLOCKS, TRIAL, Control, Image
from firmware_agent.device.control import FELL_BACK as RECORD_FELL_BACK
from firmware_agent.device.control import UNFIT as RECORD_UNFIT
from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Flash, Region
from firmware_agent.device.journal import journal_blocks
from firmware_agent.device.slots import BlockWriter, image_hash
from firmware_agent.device.staging import Staging
from firmware_agent.wire import (
    FELL_BACK,
    FLASH_BOUNDS,
    HEALTH_IMAGE,
    IDLE,
    INSTALLED,
    ON_TRIAL,
    READY,
    RECEIVING,
    UNFIT,
    UNKNOWN_BATTERY,
)

AGENT_VERSION = 1
MIN_BLOCK_BYTES = 512
LARGEST_BLOCK_BYTES = 8192
"""More memory than a block of this size needs has a board only if it says so (docs/board-bringup.md)."""


class Layout:
    """Where everything lies; sizes in bytes, each rounded up to whole blocks.

    control, staging, then two slots or a journal and the image, then what belongs to the owner. ``mode`` is
    "slots" or "in_place". ``group_blocks`` (in place) is how many blocks a step of the journal has.
    ``largest_block_bytes`` is what the board's memory is enough for. AgentError(FLASH_BOUNDS) for what cannot be.
    """

    def __init__(
        self,
        mode: str,
        block_bytes: int,
        page_bytes: int,
        image_bytes: int,
        staging_bytes: int,
        group_blocks: int,
        user_bytes: int,
        largest_block_bytes: int = LARGEST_BLOCK_BYTES,
    ) -> None:
        if (
            mode not in {"slots", "in_place"}
            or block_bytes & (block_bytes - 1)
            or not MIN_BLOCK_BYTES <= block_bytes <= largest_block_bytes
        ):
            raise AgentError(FLASH_BOUNDS)
        if (
            page_bytes < 256
            or block_bytes % page_bytes
            or (mode == "in_place" and not 0 < group_blocks <= 255)
        ):
            raise AgentError(FLASH_BOUNDS)
        if mode == "in_place" and 52 + 12 * group_blocks > block_bytes:  # a step's header is one block
            raise AgentError(FLASH_BOUNDS)
        self.in_place = mode == "in_place"
        self.block_bytes = block_bytes
        self.page_bytes = page_bytes
        self.group_blocks = group_blocks if self.in_place else 0
        self.image_bytes = self._whole(image_bytes)
        self.control_at = 0
        self.staging_at = BLOCKS * block_bytes
        self.staging_bytes = self._whole(staging_bytes)
        self.journal_at = self.staging_at + self.staging_bytes
        self.journal_bytes = journal_blocks(group_blocks) * block_bytes if self.in_place else 0
        self.image_at = self.journal_at + self.journal_bytes
        self.images = 1 if self.in_place else 2
        self.user_at = self.image_at + self.images * self.image_bytes
        self.user_bytes = self._whole(user_bytes)
        self.total_bytes = self.user_at + self.user_bytes

    def _whole(self, count: int) -> int:
        return (count + self.block_bytes - 1) // self.block_bytes * self.block_bytes


class Board:
    """What the agent needs of a board; a port overrides what it can do."""

    model = ""
    variant = ""
    serial = ""
    public_key = b""
    min_battery_percent = 0

    def __init__(self, flash: Flash, layout: Layout) -> None:
        self.flash = flash
        self.layout = layout

    def battery_percent(self) -> int:
        """0 to 100, or UNKNOWN_BATTERY."""
        return UNKNOWN_BATTERY

    def self_test(self) -> bool:
        """Whether the image that was launched works."""
        return True

    def launch(self, image: Region, size_bytes: int, version: str) -> None:
        """Start the image, which was checked; returns while it runs. Any exception: it does not start."""

    def user_root(self) -> str:
        """The owner's files, mounted read-only. AgentError(USER_DATA) where they cannot be."""
        raise NotImplementedError

    def feed(self) -> None:
        """Called at least once for every block of work: the watchdog."""

    def note_memory(self) -> None:
        """Called where memory is fullest."""

    def log(self, text: str) -> None:
        """A line for whoever watches the board's console."""


class Device:
    """The agent's state. Everything durable is in ``control`` and ``staging``."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.layout = board.layout
        self.control = Control(Region(board.flash, self.layout.control_at, BLOCKS * self.layout.block_bytes))
        self.staging = Staging(
            Region(board.flash, self.layout.staging_at, self.layout.staging_bytes), board.feed
        )
        self.last_code = self.control.record.last_code
        self.health = 0
        self.booted = False  # boot() is over: a trial that is on record now was installed since
        self.running = self.control.record.active  # the slot whose image runs
        self.job_is_stuck = (
            False  # boot() could not finish the job on record: a whole image may take its place
        )

    @property
    def image(self) -> Image:
        """The image that runs; size 0: none, or one that is not what its record says."""
        if self.health & HEALTH_IMAGE or self.control.record.job == APPLYING:
            return Image()
        return self.control.record.images[self.running]

    def is_whole(self) -> bool:
        """Whether what lies where the running image is to be is what the record says."""
        image = self.control.record.images[self.running]
        if not 0 < image.size <= self.layout.image_bytes:
            return False
        region, scratch = self.image_region(self.running), self.board.flash.scratch
        return image_hash(region, image.size, scratch, self.board.feed) == image.sha256

    def image_region(self, slot: int) -> Region:
        """Where the image of a slot lies; in place there is only slot 0."""
        at = self.layout.image_at + (0 if self.layout.in_place else slot) * self.layout.image_bytes
        return Region(self.board.flash, at, self.layout.image_bytes)

    def journal_region(self) -> Region:
        """The journal of an in-place device."""
        return Region(self.board.flash, self.layout.journal_at, self.layout.journal_bytes)

    def state(self) -> int:
        """One of wire's states."""
        record, staging = self.control.record, self.staging
        if record.boot_state == TRIAL:
            return INSTALLED if self.booted else ON_TRIAL
        if staging.order is not None:
            return READY if staging.durable == staging.order.patch_size else RECEIVING
        if record.boot_state == RECORD_UNFIT:
            return UNFIT
        return FELL_BACK if record.boot_state == RECORD_FELL_BACK else IDLE

    def battery_is_low(self) -> bool:
        """Whether the battery is known and below what a write needs."""
        percent = self.board.battery_percent()
        return percent != UNKNOWN_BATTERY and percent < self.board.min_battery_percent

    def note_memory(self) -> None:
        """Let the board measure."""
        self.board.note_memory()


def install_factory(flash: Flash, layout: Layout, image: bytes, version: str, rollback_index: int) -> None:
    """Lay out an erased flash with ``image`` as what runs, confirmed. What belongs to the owner is not touched."""
    region = Region(flash, layout.image_at, layout.image_bytes)
    writer = BlockWriter(region)
    for at in range(0, len(image), layout.block_bytes):
        part = image[at : at + layout.block_bytes]
        writer.view[: len(part)] = part
        writer.put(at // layout.block_bytes, len(part))
    control = Control(Region(flash, layout.control_at, BLOCKS * layout.block_bytes))
    record = control.record
    record.rollback_index = rollback_index
    record.images[0].size = len(image)
    record.images[0].rollback_index = rollback_index
    record.images[0].sha256 = sha256(image).digest()
    record.images[0].version = version
    control.write()
