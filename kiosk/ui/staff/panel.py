"""A staff page as plain values: blocks to show and touches to offer. Knows no widget; screens/staff draws it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Touch:
    """What a touch asks of :class:`kiosk.ui.staff_front.StaffFront`: a method's name and its values."""

    action: str
    values: tuple[object, ...] = ()


def touch(action: str, *values: object) -> Touch:
    return Touch(action, values)


@dataclass(frozen=True, slots=True)
class Block:
    """Base of all that stands on a page. ``mood``: plain, next, safe, do, stop."""


@dataclass(frozen=True, slots=True)
class Head(Block):
    """The page's heading, what is under it, and a figure at its right."""

    words: str
    more: str = ""
    large: bool = False  # on pages that customers read


@dataclass(frozen=True, slots=True)
class Strip(Block):
    """One tinted line that must be seen: what happened, and the next step."""

    words: str
    more: str = ""
    mood: str = "do"
    icon: str = "alert"


@dataclass(frozen=True, slots=True)
class Plain(Block):
    """A sentence or two."""

    words: str
    quiet: bool = True
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Numbered(Block):
    """What to do, in order."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slot(Block):
    """A field. ``active``: keys and scans go there."""

    key: str
    label: str
    value: str = ""
    active: bool = False
    hint: str = ""
    act: str = "focus"


@dataclass(frozen=True, slots=True)
class Slots(Block):
    """Fields side by side, as many as fit."""

    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Keypad(Block):
    """``letters``: A to Z beside the digits."""

    letters: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """One of several equal choices."""

    key: str
    words: str
    touch: Touch
    more: str = ""
    icon: str = ""
    chosen: bool = False
    mood: str = "plain"
    open: bool = True


@dataclass(frozen=True, slots=True)
class Tiles(Block):
    """Choices in a grid, under their question."""

    tiles: tuple[Tile, ...]
    label: str = ""
    columns: int = 3
    small: bool = False  # of one character each


@dataclass(frozen=True, slots=True)
class Segment(Block):
    """A question with its answers in one row."""

    key: str
    label: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Pairs(Block):
    """Questions with two answers, two of them side by side."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Tick(Block):
    """A sentence to agree to."""

    key: str
    words: str
    touch: Touch
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Of a bill or a list of facts."""

    words: str
    value: str
    strong: bool = False
    mood: str = "plain"
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Bill(Block):
    """Names and figures, the figures aligned at the right."""

    lines: tuple[Line, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list. Without a touch it only tells."""

    key: str
    words: str
    more: str = ""
    figure: str = ""  # at the right
    figure_more: str = ""
    icon: str = ""
    mood: str = "plain"
    touch: Touch | None = None
    percent: int | None = None  # a bar under it
    badge: int = 0  # the number painted on the flap


@dataclass(frozen=True, slots=True)
class Rows(Block):
    """A list with a title; ``empty`` is said when there is nothing in it."""

    rows: tuple[Row, ...]
    title: str = ""
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Sum(Block):
    """The one huge figure of a page, with its name."""

    figure: str
    words: str = ""
    mood: str = "plain"


@dataclass(frozen=True, slots=True)
class Dial(Block):
    """Progress as a ring; ``percent`` -1 while nobody knows."""

    percent: int
    figure: str = ""
    words: str = ""
    mood: str = "next"


@dataclass(frozen=True, slots=True)
class Ink(Block):
    """The field for a signature."""

    strokes: tuple[tuple[tuple[int, int], ...], ...]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Code(Block):
    """A QR code and what it says."""

    data: str
    words: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """A button at the bottom."""

    key: str
    words: str
    touch: Touch
    icon: str = ""
    main: bool = False
    open: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """A whole page. ``side`` stands beside ``lead`` where there is width; ``pad`` lies at the bottom."""

    lead: tuple[Block, ...] = ()
    side: tuple[Block, ...] = ()
    pad: tuple[Block, ...] = ()
    deeds: tuple[Deed, ...] = ()
    under: str = "right"  # the half that the deeds lie under, where there are two
