"""A pen for smooth line drawings in drawing units; used inside ``with canvas``. Knows no phones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kivy.graphics import Color, Mesh, SmoothEllipse, SmoothLine, SmoothRoundedRectangle

from kiosk.ui.theme import Colour

Point = tuple[float, float]


class Pen:
    """Drawing units to pixels: ``x * scale + left``. Line widths are given in units, too."""

    def __init__(self, left: float, bottom: float, scale: float) -> None:
        self.left, self.bottom, self.scale = left, bottom, scale

    def at(self, x: float, y: float) -> Point:
        return self.left + x * self.scale, self.bottom + y * self.scale

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        radius: float,
        fill: Colour,
        line: Colour | None = None,
        stroke: float = 0.0,
    ) -> None:
        """A rounded rectangle; its outline lies inside its bounds."""
        if line is not None and stroke > 0:
            self.box(x, y, width, height, radius, line)
            inner = max(0.1, radius - stroke)
            self.box(x + stroke, y + stroke, width - 2 * stroke, height - 2 * stroke, inner, fill)
            return
        Color(*fill)
        SmoothRoundedRectangle(
            pos=self.at(x, y),
            size=(max(0.0, width) * self.scale, max(0.0, height) * self.scale),
            radius=[max(0.01, min(radius, width / 2, height / 2)) * self.scale],
            segments=24,
        )

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        Color(*fill)
        size = 2 * radius * self.scale
        SmoothEllipse(pos=self.at(x - radius, y - radius), size=(size, size), segments=96)

    def path(self, points: Sequence[Point], colour: Colour, stroke: float, close: bool = False) -> None:
        """A polyline with round ends and joints."""
        Color(*colour)
        flat = [c for point in points for c in self.at(*point)]
        SmoothLine(points=flat, width=max(1.0, stroke * self.scale / 2), close=close, overdraw_width=1.2)
        if not close:
            for end in (points[0], points[-1]):
                self.disc(*end, stroke / 2, colour)

    def curve(self, start: Point, one: Point, two: Point, end: Point, colour: Colour, stroke: float) -> None:
        """A cubic Bézier curve."""
        points = []
        for step in range(41):
            t = step / 40
            u = 1 - t
            weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
            corners = (start, one, two, end)
            points.append(
                (
                    sum(w * c[0] for w, c in zip(weights, corners, strict=True)),
                    sum(w * c[1] for w, c in zip(weights, corners, strict=True)),
                )
            )
        self.path(points, colour, stroke)

    def arc(
        self,
        x: float,
        y: float,
        radius: float,
        start_deg: float,
        sweep_deg: float,
        colour: Colour,
        stroke: float,
    ) -> None:
        """Clockwise from the top; round ends."""
        if sweep_deg <= 0:
            return
        steps = max(2, int(abs(sweep_deg) / 2.5))
        angles = [math.radians(90 - start_deg - sweep_deg * i / steps) for i in range(steps + 1)]
        points = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
        self.path(points, colour, stroke)

    def polygon(self, points: Sequence[Point], fill: Colour, rounding: float) -> None:
        """A convex shape with corners rounded by ``rounding`` (which is added outside)."""
        Color(*fill)
        flat = [self.at(*point) for point in points]
        vertices = [c for x, y in flat for c in (x, y, 0, 0)]
        Mesh(vertices=vertices, indices=list(range(len(flat))), mode="triangle_fan")
        self.path(points, fill, rounding * 2, close=True)
        for point in points:
            self.disc(*point, rounding, fill)
