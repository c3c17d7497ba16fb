"""The owner's side of a phone: file system and key in flash, account, set-up assistant, resets thorough and lazy.

Flash is the truth: a file system that is gone, or whose key is gone, takes the owner's files with it at the next
start. What is only deleted stays in flash, as on every phone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hw.virtual import user_data
from hw.virtual.errors import Refused
from hw.virtual.flash import Flash
from hw.virtual.state import Nameplate

_FILE_SYSTEM = b"LUMENFS1"
_KEY = b"LUMENKEY"
_BLOCK_BYTES = 4096
_SAMPLE_BYTES = 2048  # of each file: enough to be found again, cheap to keep
_NEW_FOLDERS = ("Alarms", "Android", "DCIM", "Download", "Movies", "Music", "Pictures")


class Owner:
    """What is the owner's, in flash, in ``folder`` and on the nameplate. The caller saves the nameplate."""

    def __init__(self, plate: Nameplate, folder: Path, flash: Flash) -> None:
        self._plate, self._folder, self._flash = plate, folder, flash

    # -- in flash -------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """A file system in userdata, with beginnings of the owner's files all over it; its key in metadata."""
        files = user_data.files(self._folder)
        size_bytes = self._flash.size_bytes("userdata") or 0
        blocks = size_bytes // _BLOCK_BYTES - 1
        with self._flash.path("userdata").open("r+b") as file:
            file.write(_FILE_SYSTEM + secrets.token_bytes(16))
            for number, path in enumerate(files):
                file.seek((1 + number * blocks // len(files)) * _BLOCK_BYTES)
                name = str(path.relative_to(self._folder)).encode()
                with path.open("rb") as source:
                    file.write((name + b"\0" + source.read(_SAMPLE_BYTES))[:_BLOCK_BYTES])
        with self._flash.path("metadata").open("r+b") as file:
            file.write(_KEY + secrets.token_bytes(32))
        self._plate.laid_out = True

    def mount(self) -> None:
        """At every start: a file system that cannot be read is made anew, and the phone is a new phone."""
        if self._begins("userdata", _FILE_SYSTEM) and self._begins("metadata", _KEY):
            return
        self.forget()
        self.lay_out()

    def _begins(self, partition: str, magic: bytes) -> bool:
        with self._flash.path(partition).open("rb") as file:
            return file.read(len(magic)) == magic

    def forget(self) -> None:
        """The owner's files are gone, and the phone shows its set-up assistant."""
        user_data.wipe(self._folder)
        for name in _NEW_FOLDERS:
            (self._folder / name).mkdir()
        plate = self._plate
        plate.mtp_id = secrets.token_hex(16)
        plate.wizard, plate.frp, plate.account = True, plate.frp or plate.account, False

    def reset(self, keeps_account: bool) -> None:
        """The phone's own factory reset; with ``keeps_account`` it asks for the owner's account afterwards."""
        if not keeps_account:
            self._plate.account = self._plate.frp = False
        for name in ("userdata", "metadata"):
            self._flash.erase(name)
        self.forget()

    # -- by hand --------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """For the phone's status."""
        plate = self._plate
        return {"wizard": plate.wizard, "account": plate.account, "frp": plate.frp}

    def actions(
        self,
        argument: Mapping[str, Any],
        screen: Callable[[], None],
        restart: Callable[[Callable[[], None]], None],
    ) -> dict[str, Callable[[], None]]:
        """What its owner can do. ``screen`` raises :class:`Refused` where it cannot be used; ``restart`` does
        something while the phone is off.
        """

        def on_screen(action: Callable[[], None]) -> Callable[[], None]:
            def acted() -> None:
                screen()
                action()

            return acted

        return {
            "delete_files": on_screen(lambda: self._delete(argument.get("count"))),
            "sign_in": on_screen(lambda: self._sign(is_in=True)),
            "sign_out": on_screen(lambda: self._sign(is_in=False)),
            "set_up": on_screen(self._set_up),
            "factory_reset": lambda: self._factory_reset(argument.get("by"), screen, restart),
        }

    def _factory_reset(
        self, by: object, screen: Callable[[], None], restart: Callable[[Callable[[], None]], None]
    ) -> None:
        if by not in ("settings", "recovery"):
            raise Refused("factory_reset takes by: settings or recovery")
        if by == "settings":
            screen()
        restart(lambda: self.reset(keeps_account=by == "recovery"))

    def _delete(self, count: object) -> None:
        if not isinstance(count, int) or count < 1:
            raise Refused("delete_files takes count, 1 or more")
        for path in user_data.files(self._folder)[:count]:
            path.unlink()

    def _sign(self, *, is_in: bool) -> None:
        if self._plate.wizard:
            raise Refused("the set-up assistant comes first")
        self._plate.account = is_in

    def _set_up(self) -> None:
        if not self._plate.wizard:
            raise Refused("it is set up already")
        if self._plate.frp:
            raise Refused("it asks for the account of its earlier owner")
        self._plate.wizard = False
