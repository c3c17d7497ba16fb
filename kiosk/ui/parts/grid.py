# mypy: disallow-subclassing-any=False
"""Equal cells in as many columns as their least width allows; every row as tall as its tallest cell. Places only."""

from __future__ import annotations

from kivy.clock import Clock
from kivy.properties import NumericProperty
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.widget import Widget

from kiosk.ui.parts.tap import Tap


class Grid(Widget):
    """``columns`` at most; ``least`` pixels wide a cell, ``gap`` pixels between them. Its height follows."""

    columns = NumericProperty(3)
    least = NumericProperty(80.0)
    gap = NumericProperty(16.0)

    def __init__(self, **kwargs: object) -> None:
        self._again = Clock.create_trigger(self._lay, -1)
        super().__init__(**kwargs)
        for name in ("pos", "width", "columns", "least", "gap"):
            self.fbind(name, self._again)

    def add_widget(self, widget: Widget, *args: object, **kwargs: object) -> None:
        """A cell: its ``need`` is the height it asks for."""
        super().add_widget(widget, *args, **kwargs)
        widget.fbind("need", self._again)
        self._again()

    def _lay(self, *_: object) -> None:
        cells = list(reversed(self.children))
        if not cells:
            self.height = 0
            return
        fitting = max(1, int((self.width + self.gap) // (self.least + self.gap)))
        columns = max(1, min(int(self.columns), fitting, len(cells)))
        if fitting < self.columns and len(cells) <= self.columns:
            columns = next(n for n in range(columns, 0, -1) if len(cells) % n == 0 or n == 1 or n < 3)
        width = (self.width - self.gap * (columns - 1)) / columns
        rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        heights = [max(cell.need for cell in row) for row in rows]
        self.height = sum(heights) + self.gap * (len(rows) - 1)
        top = self.top
        for row, height in zip(rows, heights, strict=True):
            for index, cell in enumerate(row):
                cell.size = (width, height)
                cell.pos = (self.x + index * (width + self.gap), top - height)
            top -= height + self.gap


class CellTap(Tap):
    """A button in a :class:`Grid`."""

    need = NumericProperty(0.0)


class Cell(BoxLayout):
    """Something in a :class:`Grid` that is not touched."""

    need = NumericProperty(0.0)
