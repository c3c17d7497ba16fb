# mypy: disallow-subclassing-any=False
"""A QR code (segno) as crisp squares, with its quiet zone. Knows nothing of what it says."""

from __future__ import annotations

import segno
from kivy.graphics import Color, Rectangle
from kivy.graphics.texture import Texture
from kivy.properties import StringProperty
from kivy.uix.widget import Widget

QUIET_MODULES = 4  # ISO/IEC 18004, 9.1


class QrCode(Widget):
    """Draws ``data`` as large as whole pixels per module allow; empty data draws nothing."""

    data = StringProperty("")

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        for name in ("data", "pos", "size"):
            self.fbind(name, self._draw)
        self._draw()

    def _draw(self, *_: object) -> None:
        self.canvas.clear()
        if not self.data:
            return
        rows = [bytes(row) for row in segno.make_qr(self.data, error="m").matrix_iter(border=QUIET_MODULES)]
        modules = len(rows)
        texture = Texture.create(size=(modules, modules), colorfmt="luminance")
        texture.mag_filter = texture.min_filter = "nearest"
        dark = b"".join(bytes(0 if dot else 255 for dot in row) for row in reversed(rows))
        texture.blit_buffer(dark, colorfmt="luminance", bufferfmt="ubyte")
        side = max(1, int(min(self.width, self.height) // modules)) * modules
        with self.canvas:
            Color(1, 1, 1, 1)
            Rectangle(
                texture=texture,
                pos=(int(self.center_x - side / 2), int(self.center_y - side / 2)),
                size=(side, side),
            )
