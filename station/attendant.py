"""Who stands in for the screen of ``station update``: says each step on standard error, answers where told to."""

from __future__ import annotations

import sys
import threading

from kiosk.flow.events import BackupAnswered, Consent, Decline
from kiosk.flow.runner import Runner
from kiosk.flow.view import FetchView, JobView, Screen

CONSENT_TEXT = "cli-1"
_KEY_WORDS = {"power": "power", "volume_down": "volume down", "volume_up": "volume up", "home": "home"}


class Attendant:
    """Says on standard error what the customer's screen would say, and answers for them where told to."""

    def __init__(self, runner: Runner, yes: bool) -> None:
        self._runner = runner
        self._yes = yes
        self._screen: Screen | None = None
        self._percent = -1
        self._fetched = -1

    def see(self, view: JobView) -> None:
        """One new view."""
        if view.percent != self._percent and view.percent:
            self._percent = view.percent
            say(f"progress {view.percent}")
        if view.screen is Screen.FETCHING:
            self._tell_download(view.fetch)
        if view.screen is self._screen:
            return
        self._screen = view.screen
        say(f"screen {view.screen}")
        line = _line_of(view)
        if line:
            say(line)
        if view.screen is Screen.PLAN:
            self._ask_consent()
        elif view.screen is Screen.BACKUP:
            self._runner.post(BackupAnswered("without"))

    def _tell_download(self, fetch: FetchView) -> None:
        """Once for every twentieth of it."""
        share = 20 * fetch.done_bytes // fetch.bytes if fetch.bytes else -1
        if share > self._fetched:
            self._fetched = share
            say(f"downloaded {fetch.done_bytes} of {fetch.bytes} bytes")

    def _ask_consent(self) -> None:
        if self._yes:
            self._runner.post(Consent(CONSENT_TEXT, "en"))
        elif not sys.stdin.isatty():
            say("nobody is here to consent (--yes consents): refused")
            self._runner.post(Decline())
        else:
            threading.Thread(target=self._read_answer, daemon=True).start()

    def _read_answer(self) -> None:
        say("Install it? Nothing has been written yet. Type yes to go on:")
        answer = sys.stdin.readline().strip().lower()
        self._runner.post(Consent(CONSENT_TEXT, "en") if answer in ("yes", "y") else Decline())


def _line_of(view: JobView) -> str:
    keys = " + ".join(_KEY_WORDS.get(key, key) for key in view.keys)
    name = view.model_names.get("en", view.model)
    data = view.user_data
    lines = {
        Screen.CONNECT: f"plug the phone into {view.bay}",
        Screen.UNLOCK: "please unlock the screen and allow file transfer",
        Screen.INVENTORY: "counting and reading the owner's files",
        Screen.KEYS: f"{data.before} files; switch the phone off, then hold {keys}",
        Screen.IDENTIFYING: "asking the phone",
        Screen.PLAN: f"{name}: {view.version_from or '?'} -> {view.version_to}, {view.bytes_to_send} bytes; "
        + _download(view.fetch),
        Screen.FETCHING: f"nothing is written yet; {_download(view.fetch)}",
        Screen.PROGRESS: "do not unplug the phone",
        Screen.AWAIT_PHONE: f"the phone is away: plug it in at {view.bay}"
        + (f"; if it has started, hold {keys}" if keys else ""),
        Screen.UNLOCK_AGAIN: "please unlock the screen again and allow file transfer",
        Screen.CHECKING: "counting the owner's files again",
        Screen.KEYS_AGAIN: f"one last look: once the phone has started, switch it off, then hold {keys}",
    }
    return lines.get(view.screen, "")


def _download(fetch: FetchView) -> str:
    """What comes over the shop's line, and why."""
    if fetch.method == "cached":
        return "everything is here, nothing to download"
    whole = f"{fetch.full_bytes} bytes of images"
    if fetch.method == "delta":
        return (
            f"to download: {fetch.bytes} bytes, the difference from {fetch.base_version} (instead of {whole})"
        )
    return f"to download: {fetch.bytes} bytes, the whole of {whole} ({fetch.why})"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
