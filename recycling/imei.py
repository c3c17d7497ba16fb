"""IMEIs as people scan and type them: which are whole, and which two mean one phone. It asks no register.

python-stdnum knows the check digit; it also passes 14 and 16 digits and all zeros, which are no phone's number.
"""

from __future__ import annotations

import stdnum.exceptions
import stdnum.imei

from recycling.errors import Refused

DIGITS = 15
TAC_DIGITS = 8
SEPARATORS = frozenset(" -./")
MAX_TEXT = 40
REPORTING_BODIES = frozenset(
    {"01", "30", "33", "35", "44", "45", "49", "50", "51", "52", "53", "54", "86", "91", "98", "99"}
)
"""First two digits of a TAC: bodies that allocated them to mobile phones (GSMA TS.06). 00 and 02-09 are test numbers,
10 are cordless handsets.
"""

_NUMBER = 14  # without the check digit, or the two digits of the software version


def imei(text: str) -> str:
    """The 15 digits. :class:`Refused` "imei_digits", "imei_length", "imei_zero", "imei_check", "imei_tac"."""
    digits = _digits(text)
    if len(digits) != DIGITS:
        raise Refused(
            "imei_length", f"an IMEI has {DIGITS} digits, not {len(digits)}", {"digits": len(digits)}
        )
    _not_zero(digits)
    try:
        stdnum.imei.validate(digits)
    except stdnum.exceptions.ValidationError as exc:
        raise Refused("imei_check", "the IMEI's check digit does not match: read it again") from exc
    _allocated(digits)
    return digits


def well_formed(text: str) -> str:
    """The digits of what stands on a label: an IMEI, or the 16 of an IMEISV. Refuses in the words of :func:`imei`.

    The last two of an IMEISV are the version of its software: no check digit is among them (3GPP TS 23.003, 6.2.2).
    """
    digits = _digits(text)
    if len(digits) != DIGITS + 1:
        return imei(text)
    _not_zero(digits[:_NUMBER])
    _allocated(digits)
    return digits


def _not_zero(digits: str) -> None:
    if not digits.strip("0"):
        raise Refused("imei_zero", "an IMEI of zeros belongs to no phone")


def _allocated(digits: str) -> None:
    if digits[:2] not in REPORTING_BODIES or not digits[2:TAC_DIGITS].strip("0"):
        raise Refused("imei_tac", "nobody allocates phones with such an IMEI", {"tac": digits[:TAC_DIGITS]})


def same(one: str, other: str) -> bool:
    """Whether both mean one phone; a label may leave out the check digit or give the software version (14, 16)."""
    try:
        first, second = _digits(one), _digits(other)
    except Refused:
        return False
    lengths = (_NUMBER, DIGITS, DIGITS + 1)
    if len(first) not in lengths or len(second) not in lengths:
        return False
    if len(first) == len(second) == DIGITS:
        return first == second
    return first[:_NUMBER] == second[:_NUMBER]


def _digits(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Refused("imei_length", f"an IMEI has {DIGITS} digits", {"digits": len(text)})
    digits = "".join(one for one in text.strip() if one not in SEPARATORS)
    if not digits.isascii() or not digits.isdigit():
        raise Refused("imei_digits", "an IMEI has digits only")
    return digits
