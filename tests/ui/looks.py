"""What a careful eye finds wrong with a screen: text cut off or on other text, targets too small or too close."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

Box = tuple[float, float, float, float]  # left, bottom, right, top in window pixels


def box_of(widget: Any) -> Box:
    left, bottom = widget.to_window(widget.x, widget.y)
    right, top = widget.to_window(widget.right, widget.top)
    return left, bottom, right, top


def ancestors(widget: Any) -> Iterator[Any]:
    while widget is not None and widget.parent is not widget:
        yield widget
        widget = widget.parent


def seen(widget: Any) -> bool:
    """Not hidden by itself or by anything it is in."""
    return all(getattr(one, "opacity", 1) > 0 for one in ancestors(widget)) and widget.height > 1


def reader_of(widget: Any) -> Any:
    from kiosk.ui.parts.page import Reader

    return next((one for one in ancestors(widget.parent) if isinstance(one, Reader)), None)


def texts(hand: Stagehand) -> list[Any]:
    from kiosk.ui.parts.text import Text

    return [one for one in hand.widgets() if isinstance(one, Text) and one.words and seen(one)]


def taps(hand: Stagehand) -> list[Any]:
    from kiosk.ui.parts.tap import Tap

    return [one for one in hand.widgets() if isinstance(one, Tap) and seen(one)]


def squeeze(text: str) -> str:
    return "".join(text.split())


def inside(inner: Box, outer: Box, slack: float = 1.5) -> bool:
    return (
        inner[0] >= outer[0] - slack
        and inner[1] >= outer[1] - slack
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def overlap(one: Box, other: Box, slack: float = 3.0) -> bool:
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > slack
        and min(one[3], other[3]) - max(one[1], other[1]) > slack
    )


def window_box(hand: Stagehand) -> Box:
    return 0, 0, hand.app.theme.width_px, hand.app.theme.height_px


def text_faults(hand: Stagehand, may_scroll: bool) -> list[str]:
    """Every word is drawn whole, in its box, on the screen, and on no other word."""
    faults: list[str] = []
    boxes: list[tuple[str, Box, Any]] = []
    for text in texts(hand):
        box = box_of(text)
        reader = reader_of(text)
        scrolls = reader is not None and reader.do_scroll_y
        if squeeze(text.text) != squeeze(text.words):
            faults.append(f"{text.words!r} is drawn as {text.text!r}")
        if text.texture_size[0] > text.width + 1.5 or text.texture_size[1] > text.height + 1.5:
            faults.append(f"{text.words!r} needs {text.texture_size}, has {text.size}")
        if scrolls and not may_scroll:
            faults.append(f"{text.words!r} is in a part that scrolls")
        frame = box_of(reader) if reader is not None and not scrolls else window_box(hand)
        if not scrolls and not inside(box, frame):
            faults.append(f"{text.words!r} at {box} leaves {frame}")
        if scrolls and not (box[0] >= frame[0] - 1 and box[2] <= frame[2] + 1):
            faults.append(f"{text.words!r} leaves the screen sideways")
        if not scrolls:
            boxes.append(
                (text.words, ink_of(text, box), next((one for one in ancestors(text) if is_sheet(one)), None))
            )
    for (word, box, sheet), (word2, box2, sheet2) in combinations(boxes, 2):
        if sheet is sheet2 and overlap(box, box2):
            faults.append(f"{word!r} lies on {word2!r}")
    return faults


def ink_of(text: Any, box: Box) -> Box:
    """Where the strokes are: a line of Noto Sans CJK has a fifth of its size of air above and below."""
    air = text.font_size * 0.2
    return box[0], box[1] + air, box[2], box[3] - air


def is_sheet(widget: Any) -> bool:
    from kiosk.ui.parts.frame import SheetBox

    return isinstance(widget, SheetBox)


def scrolling(widget: Any) -> Any:
    """The part it scrolls in, or None: what scrolls under a fixed button is not beside it."""
    reader = reader_of(widget)
    return reader if reader is not None and reader.do_scroll_y else None


def tap_faults(hand: Stagehand) -> list[str]:
    """Every target is 20 mm each way, on the screen, 4 mm from the next."""
    mm = hand.app.theme.dpi / 25.4
    faults: list[str] = []
    found = [(tap.key, box_of(tap), tap) for tap in taps(hand)]
    for key, box, tap in found:
        if not key:
            faults.append(f"a button without a name: {tap.words!r}")
        if box[2] - box[0] < 20 * mm or box[3] - box[1] < 20 * mm:
            faults.append(f"{key} is {(box[2] - box[0]) / mm:.1f} x {(box[3] - box[1]) / mm:.1f} mm")
        reader = reader_of(tap)
        if not (reader is not None and reader.do_scroll_y) and not inside(box, window_box(hand)):
            faults.append(f"{key} at {box} leaves the screen")
    for (key, box, tap), (key2, box2, tap2) in combinations(found, 2):
        same_sheet = [one for one in ancestors(tap) if is_sheet(one)] == [
            one for one in ancestors(tap2) if is_sheet(one)
        ]
        apart = max(box2[0] - box[2], box[0] - box2[2], box2[1] - box[3], box[1] - box2[3])
        if same_sheet and scrolling(tap) is scrolling(tap2) and apart < 4 * mm:
            faults.append(f"{key} and {key2} are {apart / mm:.1f} mm apart")
    return faults
