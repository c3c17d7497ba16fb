"""One count of bytes over all the files of a release; it only rises, to a total said once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_agent.routes import Step
from firmware_agent.watch import Watch


@dataclass(slots=True)
class Tally:
    """What the customer's screen shows of a download."""

    watch: Watch
    total_bytes: int
    fetched_bytes: int = 0
    _shown: int = 0
    _before: int = 0

    def of(self, step: Step) -> Watch:
        """A watch for one file's download."""
        base = self._before
        self._before += step.size_bytes

        def on_bytes(done: int, _total: int) -> None:
            self._show(base + done)

        return replace(self.watch, on_bytes=on_bytes)

    def alive(self) -> Watch:
        """A watch for work that fetches nothing: says the same count again, as a sign of life."""
        return replace(self.watch, on_bytes=lambda _done, _total: self._show(self._shown))

    def skip(self, size_bytes: int) -> None:
        """That file was not needed after all."""
        self._before += size_bytes
        self._show(self._before)

    def whole(self) -> None:
        """Everything is here."""
        self._shown = self.total_bytes
        self.watch.on_bytes(self._shown, self.total_bytes)

    def _show(self, done: int) -> None:
        # A second route may fetch more than was said: the end is only said at the end.
        self._shown = max(self._shown, min(done, self.total_bytes - 1), 0)
        self.watch.on_bytes(self._shown, self.total_bytes)
