"""What the virtual phone raises. ``detail`` is one line for people; ``fault`` says whose it is."""

from __future__ import annotations

from typing import ClassVar

from hw.errors import HwError


class VirtualPhoneError(HwError):
    """Base of everything ``hw.virtual`` raises on purpose."""


class BadState(VirtualPhoneError):
    """A state directory, model, release or fault specification that cannot be used."""

    exit_code: ClassVar[int] = 2


class Refused(VirtualPhoneError):
    """The phone answers FAIL; ``detail`` is what it says to the host."""

    fault = "phone"


class LinkGone(VirtualPhoneError):
    """The cable was cut, the socket closed or the port vanished under a transfer."""

    fault = "link"


class PowerLost(VirtualPhoneError):
    """The phone lost its power in the middle of what it did."""


class TransferCancelled(VirtualPhoneError):
    """The host cancelled the MTP transaction under way (class request 0x64)."""


class NoAnswer(VirtualPhoneError):
    """The phone's control address refused a request or did not answer in time."""

    fault = "timeout"
