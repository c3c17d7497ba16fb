"""Everything a wire can raise, each with whose fault it is and one line for people. Holds no logic."""

from __future__ import annotations

from typing import ClassVar, Literal

FaultOf = Literal["link", "timeout", "phone", "ours", "swapped", "foreign"]
"""Whose fault: the cable, nobody answering, the phone refused or lied, ours, another phone, not a phone."""

_DETAIL_CHARS = 240


class HwError(Exception):
    """Base of this room. ``fault`` decides what is done next.

    ``detail`` is one line without an owner's file names; ``written`` is True once a command that changes the
    phone's flash had been sent before the error.
    """

    fault: ClassVar[FaultOf] = "ours"
    written: bool = False

    def __init__(self, detail: str) -> None:
        self.detail = " ".join(detail.split())[:_DETAIL_CHARS]
        super().__init__(self.detail)


class LinkLost(HwError):
    """The cable, the bus or the connection went away; the phone itself may be fine."""

    fault = "link"


class BayBusy(HwError):
    """Somebody else (another process, another client of the bus) holds what is in the bay."""

    fault = "link"


class PhoneTimeout(HwError):
    """Connected, but no answer within the time the step is given."""

    fault = "timeout"


class PhoneRefused(HwError):
    """The phone understood and said no (fastboot FAIL, an MTP response other than OK)."""

    fault = "phone"


class CannotSee(HwError):
    """This way to the phone cannot show what was asked for (user data over a fastboot connection)."""

    fault = "phone"


class RemoteProtocolError(HwError):
    """The phone sent what its protocol does not allow. Never retried blindly."""

    fault = "phone"


class Stalled(RemoteProtocolError):
    """The phone stalled an endpoint (USB 2.0, 8.4.5): it aborted the transfer."""


class LocalProtocolError(HwError):
    """We were about to break the protocol. Nothing was sent."""

    fault = "ours"


class Forbidden(LocalProtocolError):
    """The command could destroy the owner's data, or is not on the allow-list. Nothing was sent."""


class SwappedPhone(HwError):
    """What answers is not the phone this visit is about: product or serialno differ. Nothing was written."""

    fault = "swapped"


class ForeignDevice(HwError):
    """What is in the bay is not a phone we serve, or is not in the mode this step needs."""

    fault = "foreign"


class AccessDenied(HwError):
    """The operating system does not let us open the device."""

    fault = "ours"


class BadWhere(HwError):
    """A WHERE that names no place a phone can be."""

    fault = "ours"
    exit_code: ClassVar[int] = 2


class BadTranscript(HwError):
    """A recorded transcript is malformed, or the replay left its path."""

    fault = "ours"
