"""Code 128 as bars, for the virtual printer. Source: ISO/IEC 15417 (the table of patterns, the check character)."""

from __future__ import annotations

from typing import Final

from hw.virtual.errors import Refused

_WIDTHS: Final = (  # of bars and gaps in turn, six a sign
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222"
    "123122123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321"
    "232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121"
    "313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111111224"
    "111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111"
    "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113"
    "114311411113411311113141114131311141411131211412211214211232"
)
_STOP: Final = "2331112"
_START: Final = {"B": 104, "C": 105}
_SWITCH: Final = {"B": 100, "C": 99}


def modules(data: bytes) -> tuple[str, str]:
    """Dark and light modules ("1" and "0") of what GS k 73 carries, and the text below them.

    :raises Refused: a code set that is not B or C, or a sign it does not have.
    """
    values, text, current, at = [], "", "", 0
    while at < len(data):
        if data[at : at + 1] == b"{" and data[at + 1 : at + 2] in (b"B", b"C"):
            wanted = chr(data[at + 1])
            values.append(_SWITCH[wanted] if current else _START[wanted])
            current, at = wanted, at + 2
        elif data[at : at + 2] == b"{{" and current == "B":
            values.append(ord("{") - 32)
            text, at = text + "{", at + 2
        elif current == "B" and 0x20 <= data[at] <= 0x7E and data[at] != 0x7B:
            values.append(data[at] - 32)
            text, at = text + chr(data[at]), at + 1
        elif current == "C" and data[at] <= 99:
            values.append(data[at])
            text, at = text + f"{data[at]:02d}", at + 1
        else:
            raise Refused("a barcode with a sign that its code set lacks")
    if not text:
        raise Refused("an empty barcode")
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], 1))) % 103
    widths = "".join(_WIDTHS[value * 6 : value * 6 + 6] for value in (*values, check)) + _STOP
    return "".join(("1", "0")[place % 2] * int(width) for place, width in enumerate(widths)), text
