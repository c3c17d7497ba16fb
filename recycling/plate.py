"""Number plates of the vehicles that take parcels away: which can be one. It asks no authority whose it is."""

from __future__ import annotations

import re
from typing import Final

from recycling.errors import Refused

PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""What a plate of the mainland begins with."""
SEPARATORS: Final = frozenset(" ·•")
MAX_TEXT: Final = 16

_SIGN = "0-9A-HJ-NP-Z"  # I and O are not given out
_MAINLAND = re.compile(
    f"[{PROVINCES}][A-HJ-Z](?:[{_SIGN}]{{4}}[{_SIGN}挂学警港澳]|[A-HJK][{_SIGN}][0-9]{{4}}|[0-9]{{5}}[A-HJK])"
)
_OTHER = re.compile(r"[A-Z0-9](?:[A-Z0-9-]{0,10}[A-Z0-9])")


def plate(text: str) -> str:
    """As it is painted, without spaces and dots: 沪A12345, 粤BD12345, or another country's letters and digits.

    GA 36-2018: seven characters, eight on vehicles of new energy, whose letter tells the kind. :class:`Refused`
    "plate_unreadable".
    """
    found = "".join(one for one in text.strip()[: MAX_TEXT + 1].upper() if one not in SEPARATORS)
    if not _MAINLAND.fullmatch(found) and not _OTHER.fullmatch(found):
        raise Refused("plate_unreadable", "a plate is a province, a letter and five or six letters or digits")
    return found
