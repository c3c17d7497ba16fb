"""When the station was last heard. What follows from its silence others decide; the chip's watchdog is the board's."""

SILENT_MS = 5000


class HostWatch:
    """Counts from the start: a controller that was reset gives its station the time to be heard again."""

    def __init__(self, now_ms: int) -> None:
        self._heard_ms = now_ms
        self.is_silent = False

    def heard(self, now_ms: int) -> None:
        """A sound frame came; noise is no sign of life."""
        self._heard_ms = now_ms
        self.is_silent = False

    def tick(self, now_ms: int) -> None:
        """Look at the clock."""
        if now_ms - self._heard_ms >= SILENT_MS:
            self.is_silent = True
