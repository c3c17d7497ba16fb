"""The phone bays' power and light. A hot bay loses its power here, whatever a station orders."""

from firmware_agent.dock.hardware import Hardware
from firmware_agent.dock_wire import BAY_HOT, COOL_C, HOT_C, NO_TEMPERATURE, OFF, POWERED


class PhoneBay:
    """One bay; off until ordered on, also after a restart of the controller."""

    def __init__(self, hardware: Hardware, number: int) -> None:
        self._hardware = hardware
        self._number = number
        self.is_on = False
        self.is_hot = False
        self.light = OFF
        self.temperature_c = NO_TEMPERATURE
        hardware.set_bay_power(number, False)
        hardware.set_bay_light(number, OFF)
        self.tick(False)
        # Whether it was too hot before the reset nobody knows any more.
        self.is_hot = self.temperature_c >= COOL_C

    @property
    def bits(self) -> int:
        """POWERED and BAY_HOT of dock_wire."""
        return (POWERED if self.is_on else 0) | (BAY_HOT if self.is_hot else 0)

    def tick(self, is_stopped: bool) -> None:
        """Look at the thermometer; one that does not answer is taken for hot."""
        degrees = self._hardware.bay_temperature(self._number)
        self.temperature_c = (
            NO_TEMPERATURE if degrees is None else max(-127, min(NO_TEMPERATURE - 1, degrees))
        )
        if self.temperature_c >= HOT_C:
            self.is_hot = True
        if (self.is_hot or is_stopped) and self.is_on:
            self._set(False)

    @property
    def may_be_on(self) -> bool:
        """Not before it has cooled below COOL_C since it was too hot."""
        return not self.is_hot or self.temperature_c < COOL_C

    def power(self, is_on: bool) -> None:
        """Switch it; on only where it :attr:`may_be_on`."""
        if is_on and not self.may_be_on:
            return
        if is_on:
            self.is_hot = False
        self._set(is_on)

    def show(self, colour: int) -> None:
        """Its light."""
        self.light = colour
        self._hardware.set_bay_light(self._number, colour)

    def _set(self, is_on: bool) -> None:
        self.is_on = is_on
        self._hardware.set_bay_power(self._number, is_on)
