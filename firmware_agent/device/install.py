"""Turns a staged patch into an image that may boot: in the other slot, or in place under the journal.

Decides nothing about who may order it and launches nothing. After a cut anywhere: a slot is written again from
the beginning when the station says so, an image that is changed in place is finished at boot.
"""

import gc
from hashlib import sha256

from firmware_agent.device.block_order import BlockOrder
from firmware_agent.device.control import APPLYING, NO_JOB, TRIAL, UNFIT, Image
from firmware_agent.device.errors import AgentError
from firmware_agent.device.inflate import Inflater, Packed
from firmware_agent.device.journal import Journal
from firmware_agent.device.lite import LiteReader
from firmware_agent.device.slots import BlockWriter, image_hash, write_image
from firmware_agent.order import ZLIB, Order
from firmware_agent.wire import (
    BAD_PATCH,
    HEALTH_IMAGE,
    IMAGE_HASH,
    IN_PLACE_DELTA,
    INCOMPLETE,
    INTERNAL,
    NO_ORDER,
    NOT_CONFIRMED,
    PATCH_HASH,
    SLOT_DELTA,
    WHOLE,
    WRONG_BASE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware_agent.device.device import Device

TRIES = 3
"""How often an image is booted before it counts as one that does not confirm itself."""
_REPORT_BYTES = 65536
_REPORTS = 64
"""Of an image that is larger than as many reports: they must not weigh more than a small patch."""


class Installation:
    """One commit of the order that is staged. ``report(done, total)`` in bytes of the new image."""

    def __init__(self, device: "Device", report: "Callable[[int, int], None]") -> None:
        self._device = device
        self._report = report
        self._reported = 0
        self._done = 0
        if hasattr(gc, "threshold"):  # MicroPython: the window of the unpacker is one piece of 32 KiB
            gc.collect()
        self._writer = BlockWriter(device.image_region(0))
        self._reader: LiteReader | None = None
        self._sequence: BlockOrder | None = None

    def commit(self) -> None:
        """Install what is staged. AgentError says why not; until an in-place job begins the image is as it was."""
        device, staging, record = self._device, self._device.staging, self._device.control.record
        device.control.reload()
        if record.boot_state == TRIAL:  # the other slot is the only way back
            raise AgentError(NOT_CONFIRMED)
        order = staging.order
        if order is None:
            raise AgentError(NO_ORDER)
        if staging.durable != order.patch_size:
            raise AgentError(INCOMPLETE, staging.durable)
        try:
            if record.job == APPLYING and record.job_order == staging.order_id:
                self.resume()  # a cut or a flash error came between: the journal says how far it is
                return
            check_base(device, order)  # an order that was not forgotten in time is for another image
            self._check_patch(order)
            if device.layout.in_place:
                self._begin_in_place(order)
                self.resume()
            else:
                self._write_slot(order, 1 - device.running)
        except AgentError as problem:
            if problem.code in {PATCH_HASH, BAD_PATCH, IMAGE_HASH}:
                staging.drop()
            raise

    def resume(self) -> None:
        """Finish the in-place job that the record speaks of.

        What cannot be finished is given up; without harm where the old image is still whole.
        """
        device = self._device
        record, order = device.control.record, device.staging.order
        try:
            if order is None or device.staging.order_id != record.job_order:
                raise AgentError(INTERNAL)  # noqa: TRY301 - given up below, as everything else that is final
            if device.staging.durable != order.patch_size:  # bytes that rotted can be sent again
                raise AgentError(INCOMPLETE, device.staging.durable)  # noqa: TRY301
            if order.method == WHOLE:
                self._write_whole(order)
            else:
                self._write_in_place(order)
            self._check_image(order, 0)
        except AgentError as problem:
            if problem.code in {BAD_PATCH, IMAGE_HASH, INTERNAL}:  # a flash error may pass: the job stays
                give_up(device, problem.code)
            raise
        self._switch(order, 0)

    def _check_patch(self, order: Order) -> None:
        digest, done, scratch = sha256(), 0, self._writer.view
        while done < order.patch_size:
            got = self._device.staging.read(done, scratch)
            digest.update(scratch[:got])
            done += got
            self._device.board.feed()
        if digest.digest() != order.patch_sha256:
            raise AgentError(PATCH_HASH)

    # -- slots

    def _write_slot(self, order: Order, slot: int) -> None:
        region = self._device.image_region(slot)
        self._writer.aim(region)
        old = self._device.image_region(1 - slot)
        source = self._unpacked(order, 0)
        reader = (
            source
            if order.method == WHOLE
            else LiteReader(source, old.read, order.base_size, order.image_size)
        )
        write_image(reader, self._writer, order.image_size, self._progress)
        reader.finish()
        self._check_image(order, slot)
        self._switch(order, slot)

    # -- in place

    def _begin_in_place(self, order: Order) -> None:
        """Everything that can be known to be wrong is found here, while the old image still stands."""
        device = self._device
        if order.method == WHOLE:
            self._prove_whole(order)
        else:
            self._open_delta(order)  # what takes memory is made here, where a lack of it does no harm
        self._journal().clear()
        record = device.control.record
        record.job = APPLYING
        record.job_order = device.staging.order_id
        device.control.write()

    def _open_delta(self, order: Order) -> "tuple[BlockOrder, LiteReader]":
        if self._sequence is None or self._reader is None:
            staging, image = self._device.staging, self._device.image_region(0)
            self._sequence = BlockOrder(staging.read, self._blocks(order))
            source = self._unpacked(order, self._sequence.size)
            self._reader = LiteReader(source, image.read, order.base_size, order.image_size)
        return self._sequence, self._reader

    def _prove_whole(self, order: Order) -> None:
        """A whole image needs no old one: it is unpacked once without a write, and must be the one signed for."""
        source, digest, left, view = self._unpacked(order, 0), sha256(), order.image_size, self._writer.view
        while left:
            count = min(left, len(view))
            self._writer.fill(source, count)
            digest.update(view[:count])
            left -= count
            self._device.board.feed()
        source.finish()
        if digest.digest() != order.image_sha256:
            raise AgentError(IMAGE_HASH)

    def _write_whole(self, order: Order) -> None:
        write_image(self._unpacked(order, 0), self._writer, order.image_size, self._progress)

    def _write_in_place(self, order: Order) -> None:
        device = self._device
        image, scratch = device.image_region(0), self._writer.view
        blocks, block_bytes, group = self._blocks(order), image.block_bytes, device.layout.group_blocks
        sequence, reader = self._open_delta(order)
        journal = self._journal()
        start = journal.recover(scratch) * group
        for place, target in enumerate(sequence):
            count = min(block_bytes, order.image_size - target * block_bytes)
            if place < start:
                reader.skip(count)
            else:
                self._writer.fill(reader, count)
                journal.add(place // group, target, count, self._writer.padded(count))
                if place % group == group - 1 or place == blocks - 1:
                    journal.commit(place // group, scratch)
            self._done += count
            self._progress(self._done)
        reader.finish()

    def _journal(self) -> Journal:
        device = self._device
        return Journal(
            device.journal_region(),
            device.image_region(0),
            device.layout.group_blocks,
            device.staging.order_id,
            device.board.feed,
        )

    def _blocks(self, order: Order) -> int:
        return (order.image_size + self._device.layout.block_bytes - 1) // self._device.layout.block_bytes

    # -- both

    def _unpacked(self, order: Order, start: int) -> "Inflater | Packed":
        read = self._device.staging.read
        if order.packing == ZLIB:
            return Inflater(read, order.patch_size, order.window_log2, start)
        return Packed(read, order.patch_size, start)

    def _check_image(self, order: Order, slot: int) -> None:
        region = self._device.image_region(slot)
        if (
            image_hash(region, order.image_size, self._writer.view, self._device.board.feed)
            != order.image_sha256
        ):
            raise AgentError(IMAGE_HASH)

    def _switch(self, order: Order, slot: int) -> None:
        """One page of flash decides: from here on the new image boots, on trial."""
        device = self._device
        record = device.control.record
        record.images[slot] = image_of(order)
        record.active = slot
        record.boot_state = TRIAL
        record.tries_left = TRIES
        record.job = NO_JOB
        record.last_code = 0
        device.control.write()
        try:
            device.staging.forget()
        except AgentError as problem:  # it is installed all the same; boot() forgets it again
            device.board.log(f"the order is not forgotten: code {problem.code}")
        self._report(order.image_size, order.image_size)

    def _progress(self, done: int) -> None:
        device = self._device
        device.board.feed()
        order = device.staging.order
        if order is not None and done - self._reported >= max(_REPORT_BYTES, order.image_size // _REPORTS):
            self._reported = done
            if done < order.image_size:
                self._report(done, order.image_size)
        device.note_memory()


def image_of(order: Order) -> Image:
    """What the record says of the image an order makes."""
    image = Image()
    image.size = order.image_size
    image.rollback_index = order.rollback_index
    image.sha256 = order.image_sha256
    image.version = order.version
    return image


def check_base(device: "Device", order: Order) -> None:
    """AgentError(WRONG_BASE) for a difference from another image than the one that runs."""
    image = device.image
    if order.method != WHOLE and (order.base_sha256, order.base_size) != (image.sha256, image.size):
        raise AgentError(WRONG_BASE)


def give_up(device: "Device", code: int) -> None:
    """The in-place job cannot be finished. The old image goes on if it is whole: nothing was written yet.

    Else there is no image any more, and a whole one must come.
    """
    record = device.control.record
    if not device.is_whole():
        device.health |= HEALTH_IMAGE
        record.images[0] = Image()
        record.boot_state = UNFIT
        record.tries_left = 0
    record.job = NO_JOB
    record.last_code = code
    device.control.write()


METHODS_SLOTS = 1 << WHOLE | 1 << SLOT_DELTA
METHODS_IN_PLACE = 1 << WHOLE | 1 << IN_PLACE_DELTA
