"""What happens before a station may talk: finish what a cut interrupted, choose an image, try it, keep or leave it.

Writes only the record (and what install.py finishes). The image it hands over is always one whose hash is right.
"""

from firmware_agent.device.control import APPLYING, CONFIRMED, FELL_BACK, NO_JOB, TRIAL, UNFIT, Image
from firmware_agent.device.device import Device
from firmware_agent.device.errors import AgentError
from firmware_agent.device.install import Installation
from firmware_agent.wire import HEALTH_IMAGE, HEALTH_SELF_TEST, IMAGE_HASH, INTERNAL, SELF_TEST, WHOLE

STAY = 0
RESET = 1
"""What :func:`boot` wants: go on and talk, or a reset because an image on trial failed."""


def boot(device: Device) -> int:
    """Bring the device to a state it can be talked to in. STAY or RESET; only a flash that cannot be read gets out.

    Where the record cannot be written, an image that was confirmed is launched all the same; one on trial is not,
    for nobody could count how often.
    """
    record = device.control.record
    record.boots += 1
    if record.job == APPLYING and not _finish(device):
        _forget_difference(device)
        _save(device)
        device.booted = True
        return STAY
    if record.boot_state == UNFIT and record.tries_left:
        record.boot_state = TRIAL  # nobody has seen it fail: power may have gone in each of its boots
    if record.boot_state == TRIAL:
        _forget(device)
        _count_try(device)
    wanted = STAY
    device.running = record.active
    is_saved = _save(device)
    if not device.is_whole():
        _leave(device, IMAGE_HASH)
        _forget_difference(device)
    if (
        device.health & HEALTH_IMAGE == 0
        and record.boot_state != UNFIT
        and (is_saved or record.boot_state != TRIAL)
    ):
        wanted = _try(device)
    device.booted = True
    device.last_code = record.last_code
    return wanted


def _save(device: Device) -> bool:
    """Write the record. Where that fails it is again what flash says, but for the code."""
    try:
        device.control.write()
    except AgentError as problem:
        device.control.record.last_code = problem.code
        device.board.log(f"the record cannot be written: code {problem.code}")
        return False
    return True


def _forget(device: Device) -> None:
    """What is on trial was installed: the cut came before its order was forgotten."""
    if device.staging.order is not None:
        try:
            device.staging.forget()
        except AgentError as problem:
            device.board.log(f"the order is not forgotten: code {problem.code}")


def _forget_difference(device: Device) -> None:
    """Without an image and without a job a difference has no base: a station must not take it for one begun."""
    order = device.staging.order
    if (
        device.image.size == 0
        and device.control.record.job == NO_JOB
        and order is not None
        and order.method != WHOLE
    ):
        _forget(device)


def _finish(device: Device) -> bool:
    """Finish an in-place job without a station. False: there is no image; the agent stays reachable."""
    record = device.control.record
    try:
        Installation(device, _nobody).resume()
    except AgentError as problem:
        code = problem.code
        device.board.log(f"in-place job not finished: code {code}")
    except Exception as problem:  # noqa: BLE001 - whatever our mistake is, the station must find an agent
        code = INTERNAL
        device.board.log("in-place job not finished: " + repr(problem))
    else:
        return True
    device.last_code = code
    if record.job == APPLYING:
        if not device.is_whole():
            device.job_is_stuck = True
            return False
        record.job = NO_JOB  # nothing of it was written: what runs is the old image
        record.last_code = code
    elif record.images[record.active].size == 0:
        device.health |= HEALTH_IMAGE
        return False
    return True


def _nobody(done: int, total: int) -> None:
    """No station watches a boot."""


def _count_try(device: Device) -> None:
    """A boot of an image on trial costs one of its tries before it is launched; without one left it is left."""
    record = device.control.record
    if record.tries_left > 0:
        record.tries_left -= 1
    elif device.layout.in_place:
        record.boot_state = UNFIT
        record.tries_left = 1  # at the next boot: this one is for a station that brings another image
        record.last_code = SELF_TEST
    else:
        record.images[record.active] = Image()  # never again, also if the other one is no better
        _back(device, SELF_TEST)


def _leave(device: Device, code: int) -> None:
    """The active image is not what its record says: the other slot's, if that one is, else none."""
    record = device.control.record
    if not device.layout.in_place:
        _back(device, code)
        device.running = record.active
        if device.is_whole():
            _save(device)
            return
        record.active = 1 - record.active
        device.running = record.active
    record.boot_state = UNFIT
    record.tries_left = 0
    record.last_code = code
    device.health |= HEALTH_IMAGE
    _save(device)


def _back(device: Device, code: int) -> None:
    record = device.control.record
    record.active = 1 - record.active
    record.boot_state = FELL_BACK
    record.tries_left = 0
    record.last_code = code


def _try(device: Device) -> int:
    """Launch and test; an image on trial that passes is confirmed, one that does not is tried again or left."""
    record = device.control.record
    if _works(device):
        if record.boot_state == TRIAL:
            record.boot_state = CONFIRMED
            record.tries_left = 0
            record.last_code = 0
            record.rollback_index = max(record.rollback_index, device.image.rollback_index)
            _save(device)
        return STAY
    device.health |= HEALTH_SELF_TEST
    if record.boot_state == TRIAL and not device.layout.in_place:
        return RESET
    if record.boot_state == TRIAL:
        record.boot_state = UNFIT
        record.tries_left = 0
        record.last_code = SELF_TEST
        _save(device)
    return STAY


def _works(device: Device) -> bool:
    try:
        image = device.control.record.images[device.running]
        device.board.launch(device.image_region(device.running), image.size, image.version)
        return device.board.self_test()
    except Exception as problem:  # noqa: BLE001 - an image's own mistakes are what the trial is for
        device.board.log("the image does not start: " + repr(problem))
        return False
