"""A printer's line over USB or network, carried by python-escpos. It knows no slip; the library is met here alone."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Final

STATUS_S: Final = 2.0
CHUNK_BYTES: Final = 4096
_PRINTER_CLASS: Final = 7  # USB base class
TROUBLES: Final = (OSError, AssertionError, NotImplementedError, ValueError)
"""What the libraries below python-escpos raise for a line that is not there; its own errors become OSError."""


@functools.cache
def _library() -> Any:
    """python-escpos's lines, loaded with the first printer: it reads every printer's profile, which takes a while.

    Loading sets up logging for the whole process and leaves a folder behind; both are put back.
    """
    handlers = logging.root.handlers[:]
    import escpos.capabilities
    import escpos.printer

    logging.root.handlers[:] = handlers
    if "ESCPOS_CAPABILITIES_PICKLE_DIR" not in os.environ:
        shutil.rmtree(escpos.capabilities.pickle_dir, ignore_errors=True)
    return escpos.printer


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    from escpos.exceptions import Error

    try:
        yield
    except Error as exc:
        raise OSError(str(exc)) from exc


class LibraryLine:
    """A line of python-escpos, opened by ``make`` of its printer module."""

    def __init__(self, make: Callable[[Any], Any], lasting: bool) -> None:
        self._make, self.lasting = make, lasting
        self._printer: Any = None

    def open(self) -> None:
        if self._printer is None:
            library = _library()
            with _translated():
                printer = self._make(library)
                printer.open()
                find_endpoints(printer)
            self._printer = printer

    def close(self) -> None:
        printer, self._printer = self._printer, None
        if printer is not None:
            with contextlib.suppress(*TROUBLES), _translated():
                printer.close()

    def send(self, data: bytes) -> None:
        with _translated():
            for start in range(0, len(data), CHUNK_BYTES):
                self._printer._raw(data[start : start + CHUNK_BYTES])

    def answer(self) -> bytes:
        try:
            with _translated():
                return bytes(self._printer._read())
        except TimeoutError:
            return b""
        except OSError as exc:
            if "timeout" in type(exc).__name__.lower():  # pyusb's own
                return b""
            raise


def find_endpoints(printer: Any) -> None:
    """Printers differ in their endpoints' numbers; the library would assume one pair for all."""
    if not isinstance(printer, _library().Usb):
        return
    for interface in (each for configuration in printer.device for each in configuration):
        if interface.bInterfaceClass == _PRINTER_CLASS:
            for endpoint in interface:
                if endpoint.bEndpointAddress & 0x80:
                    printer.in_ep = endpoint.bEndpointAddress
                else:
                    printer.out_ep = endpoint.bEndpointAddress
            return
    raise OSError("that USB device has no printer's interface")


def has_serial(device: Any, serial: str) -> bool:
    """Whether a device on the bus says that it is ``serial``; one that may not be read is another."""
    try:
        return bool(device.serial_number == serial)
    except (*TROUBLES, AttributeError):
        return False


def usb(vendor: str, product: str = "", serial: str = "") -> Callable[[Any], Any]:
    """For :class:`LibraryLine`: the printer with these numbers in hex. ``ValueError`` where they are none."""
    found: dict[str, Any] = {"idVendor": int(vendor, 16), "idProduct": int(product, 16)}
    if serial:
        found["custom_match"] = lambda device: has_serial(device, serial)
    timeout_ms = int(STATUS_S * 1000)
    return lambda library: library.Usb(usb_args=dict(found), timeout=timeout_ms)
