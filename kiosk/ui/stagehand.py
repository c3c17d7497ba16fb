"""Brings an app to any sample moment and lets it settle, by the same steps a customer takes. For gallery and tests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from kivy.base import EventLoop
from kivy.clock import Clock
from kivy.core.window import Window
from kivy.input.motionevent import MotionEvent
from kivy.lang import Builder
from kivy.uix.widget import Widget

from kiosk.flow.counter.view import Counter
from kiosk.flow.view import Desk, DeskView
from kiosk.ui.app import KioskApp
from kiosk.ui.attention import COUNTDOWN_S, IDLE_S
from kiosk.ui.parts.page import Reader
from kiosk.ui.parts.signature import Signature
from kiosk.ui.parts.tap import Tap
from kiosk.ui.parts.text import Text
from kiosk.ui.sample import Sample
from kiosk.ui.samples import SampleDesk
from kiosk.ui.samples_counter import SampleCounter
from kiosk.ui.theme import guess_dpi

LEAST_FRAMES: Final = 5
QUIET_FRAMES: Final = 3
SCROLL_DECIDES_S: Final = 0.4  # where a page scrolls, Kivy passes a tap on only after it was not a drag
MOST_FRAMES: Final = 200
ENTER: Final = 13  # Kivy's key code


class StageClock:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Finger(MotionEvent):  # type: ignore[misc]
    """A real touch through the window, as an input provider would send it."""

    def __init__(self, x_px: float, y_px: float) -> None:
        spot = (x_px / max(1, Window.width - 1), y_px / max(1, Window.height - 1))
        super().__init__("finger", 1, {"x": spot[0], "y": spot[1]}, is_touch=True, type_id="touch")

    def depack(self, args: Any) -> None:
        self.sx, self.sy = args["x"], args["y"]
        self.profile = ["pos"]
        super().depack(args)

    def press(self) -> None:
        EventLoop.post_dispatch_input("begin", self)

    def lift(self) -> None:
        EventLoop.post_dispatch_input("end", self)


class Stagehand:
    """One app over one :class:`SampleDesk`, without Kivy's blocking main loop."""

    def __init__(self, dpi: float, paints: bool = False) -> None:
        self._paints = paints  # for pictures; in software it takes most of the time
        self.desk = SampleDesk(DeskView())
        self.counter = SampleCounter()
        self.clock = StageClock()
        self.app = KioskApp(self.desk, dpi=dpi, now_s=self.clock, moving=False, counter=self.counter)
        self.app._run_prepare()
        Clock._max_fps = 0  # nobody is watching

    def reset(self, size: tuple[int, int], dpi: float | None = None) -> None:
        """A window of ``size``, everyone gone, nothing asked of the desk yet."""
        if (int(Window.width), int(Window.height)) != size:
            Window.size = size
        self.app.set_dpi(dpi or guess_dpi(*size))
        self.desk.shown, self.desk.asked = DeskView(), []
        self.app.front.reset()
        self.app.front.staff.forget()
        self.counter.clear()
        self.clock.now_s += 1000
        self.settle()

    def settle(self) -> None:
        """Lets layout, text and animations come to rest: several frames in which no text or place changes."""
        quiet, before = 0, ""
        for frame in range(MOST_FRAMES):
            self.tick()
            now = self._picture()
            quiet = quiet + 1 if now == before else 0
            before = now
            if frame >= LEAST_FRAMES and quiet >= QUIET_FRAMES:
                break
        if self._paints:
            EventLoop.idle()

    @staticmethod
    def tick() -> None:
        """A frame without its painting, which is what takes the time in software."""
        Clock.tick()
        Builder.sync()
        Clock.tick_draw()
        Builder.sync()

    def _picture(self) -> str:
        return repr([(w.x, w.y, w.width, w.height) for w in self.widgets() if w.opacity])

    def widgets(self) -> Iterator[Widget]:
        """Every widget on the screen."""
        yield from self.app.room.walk()

    def show(self, sample: Sample, language: str, percent: int = 100, low: bool = False) -> None:
        """The moment of ``sample``, by the customer's own steps."""
        front = self.app.front
        front.reset()
        if self.app.shown is not None and self.app.shown.call:  # a call made a moment ago takes no room here
            self.desk.shown = DeskView()
            self.app.refresh()
            self.settle()
        self.desk.shown = sample.view
        self.counter.show(sample.counter)
        front.look()  # the front alone: the screen is built once, at the end
        self.clock.now_s += 1
        if sample.place != "asleep":
            front.admit()
            self.clock.now_s += 1
        if sample.place not in ("asleep", "attract"):
            front.choose_language(language)
        front.set_text(percent)
        front.set_reach(low)
        self._enter(sample)
        front.look()
        if sample.place in ("cover", "forgotten"):
            self.clock.now_s += IDLE_S + 1
        if sample.sheet == "idle":
            self.clock.now_s += IDLE_S + COUNTDOWN_S - 12.5
        elif sample.sheet:
            front.open_sheet(sample.sheet)
        self.app.refresh()
        self.settle()
        if sample.sheet:  # it is laid above the footer, whose height is known only now
            self.app.refresh()
            self.settle()

    def _enter(self, sample: Sample) -> None:
        """The sample's place, and the touches made there."""
        front = self.app.front
        if sample.place in ("visit", "forgotten", "cover") and sample.view.jobs:
            front.open_visit(sample.view.jobs[0].visit)
        parts = {"drop": front.at_counter.drop, "estimate": front.at_counter.estimate, "staff": front.staff}
        begin = {"drop": front.begin_drop, "estimate": front.begin_estimate, "staff": front.enter_staff}
        if sample.place == "staff":  # who is logged in when the screen was the customers' has to show a PIN
            shown = self.counter.shown
            self.counter.shown = replace(shown, staff=None)
            begin["staff"]()
            front.look()
            self.counter.shown = shown
        elif sample.place in begin:
            begin[sample.place]()
        for part, action, *values in sample.steps:
            front.look()
            getattr(parts[str(part)], str(action))(*values)

    def tap(self, x_px: float, y_px: float, rest_s: float = 0.5) -> None:
        """One whole touch, the frames it takes to answer, and ``rest_s`` on the clock until the next."""
        finger = Finger(x_px, y_px)
        finger.press()
        for _ in range(4):
            EventLoop.dispatch_input()
            self.tick()
        finger.lift()
        if self._may_drag(x_px, y_px):
            ends_s = time.monotonic() + SCROLL_DECIDES_S
            while time.monotonic() < ends_s:
                self.tick()
        self.clock.now_s += rest_s
        self.settle()

    def _may_drag(self, x_px: float, y_px: float) -> bool:
        """The place lies on a part of the page that scrolls."""
        return any(
            isinstance(one, Reader)
            and one.do_scroll_y
            and one.collide_point(*one.parent.to_widget(x_px, y_px))
            for one in self.widgets()
        )

    # -- over a real station

    @contextlib.contextmanager
    def over(self, desk: Desk, counter: Counter) -> Iterator[None]:
        """The same app over a real desk and counter; the samples are back afterwards."""
        real = ((self.desk, desk, Desk), (self.counter, counter, Counter))
        names = {kind: [name for name in vars(kind) if not name.startswith("_")] for *_, kind in real}
        for sample, one, kind in real:
            vars(sample).update({name: getattr(one, name) for name in names[kind]})
        try:
            yield
        finally:
            for sample, _, kind in real:
                for name in names[kind]:
                    vars(sample).pop(name, None)

    def taps(self) -> list[Tap]:
        """Everything on the screen that a finger may press now."""
        return [one for one in self.widgets() if isinstance(one, Tap) and _seen(one) and not one.shut]

    def words(self) -> list[str]:
        """Everything that stands on the screen to be read, from the top of the tree."""
        return [one.words for one in self.widgets() if isinstance(one, Text) and one.words and _seen(one)]

    def press(self, tap: Tap) -> Finger:
        """A finger lies on the middle of ``tap``; its caller lifts it."""
        left, bottom = tap.to_window(tap.x, tap.y)
        right, top = tap.to_window(tap.right, tap.top)
        finger = Finger((left + right) / 2, (bottom + top) / 2)
        finger.press()
        EventLoop.dispatch_input()
        return finger

    @staticmethod
    def lift(finger: Finger) -> None:
        """The finger is gone."""
        finger.lift()
        EventLoop.dispatch_input()

    @staticmethod
    def scan(code: str) -> None:
        """The scanner's keys through the window, as quick as they come."""
        for char in code:
            Window.dispatch("on_textinput", char)
        Window.dispatch("on_key_down", ENTER, 40, None, [])

    def draw(self, strokes: Sequence[Sequence[tuple[float, float]]]) -> None:
        """A finger's strokes in the signature's field; points are parts of its width and height."""
        field = next(one for one in self.widgets() if isinstance(one, Signature))
        left, bottom = field.to_window(field.x, field.y)
        for stroke in strokes:
            spots = [(left + x * field.width, bottom + y * field.height) for x, y in stroke]
            finger = Finger(*spots[0])
            finger.press()
            for x, y in spots[1:]:
                finger.move({"x": x / max(1, Window.width - 1), "y": y / max(1, Window.height - 1)})
                EventLoop.post_dispatch_input("update", finger)
                self.tick()
            finger.lift()
            EventLoop.dispatch_input()

    def picture(self, wanted: Path) -> None:
        """The screen as it is, painted into a PNG."""
        EventLoop.idle()
        Path(Window.screenshot(name=str(wanted))).replace(wanted)

    def close(self) -> None:
        """Ends the app and its window."""
        self.app.stop()


def _seen(widget: Widget) -> bool:
    """Not hidden by itself or by anything it is in."""
    while widget is not None and widget.parent is not widget:
        if widget.opacity <= 0 or widget.height <= 1:
            return False
        widget = widget.parent
    return True
