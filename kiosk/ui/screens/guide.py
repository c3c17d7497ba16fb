# mypy: disallow-subclassing-any=False
"""What the customer does with the phone: connect, unlock, hold keys, plug back; and the short waits between."""

from __future__ import annotations

from kivy.animation import Animation
from kivy.app import App
from kivy.properties import NumericProperty

from kiosk.flow.view import JobView
from kiosk.ui.parts.page import Page
from kiosk.ui.theme import MOTION_EASE, MOTION_S

PLUG_REST_S = 1.6


class PlugPage(Page):
    """A page whose picture plugs the cable in now and then: a short, eased move, then rest."""

    gap = NumericProperty(1.0)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        move = {"d": MOTION_S, "t": MOTION_EASE}
        self._motion = (
            Animation(d=PLUG_REST_S)
            + Animation(gap=0, **move)
            + Animation(d=PLUG_REST_S)
            + Animation(gap=1, **move)
        )
        self._motion.repeat = True
        self.fbind("parent", self._rest_when_gone)

    def _rest_when_gone(self, *_: object) -> None:
        if self.parent is None:
            self._motion.stop(self)
        elif App.get_running_app().moving:
            self._motion.start(self)


class ConnectPage(PlugPage):
    """Plug the phone into bay n."""


class RecognisingPage(Page):
    """Reading the model."""


class UnlockPage(Page):
    """Unlock the screen, allow file transfer."""


class UnlockAgainPage(Page):
    """After the restart."""


class InventoryPage(Page):
    """Counting the owner's files before: the count once there is one, else the bytes read so far."""

    def figure(self, job: JobView) -> str:
        data = job.user_data
        if data.before:
            return f"{data.before:,}"
        return str(App.get_running_app().say.size(data.bytes_before)) if data.bytes_before else ""

    def caption(self, job: JobView) -> str:
        data = job.user_data
        key = "files" if data.before else "read" if data.bytes_before else "listing"
        return str(App.get_running_app().say(f"inventory.{key}"))


class CheckingPage(Page):
    """And after."""


class HoldKeysPage(Page):
    """Names the keys of the model at hand."""

    def key_labels(self, job: JobView) -> list[str]:
        say = App.get_running_app().say
        return [say.either(f"keys.name.{key}", "keys.name.other") for key in job.keys]

    def steps(self, job: JobView) -> list[str]:
        say = App.get_running_app().say
        names = say("keys.and").join(self.key_labels(job))
        return [say("keys.step1"), say("keys.step2", keys=names), say("keys.step3")]


class KeysPage(HoldKeysPage):
    """Power off, hold these keys."""


class KeysAgainPage(HoldKeysPage):
    """One last look at the version."""


class IdentifyingPage(Page):
    """Asking the bootloader."""


class AwaitPhonePage(PlugPage):
    """The cable came out in the middle."""

    def left(self, job: JobView) -> str:
        """Time left as m:ss; nothing while unknown."""
        if job.deadline_s is None:
            return ""
        return f"{max(0, job.deadline_s) // 60}:{max(0, job.deadline_s) % 60:02d}"
