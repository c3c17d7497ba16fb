"""Byte-wise addition modulo 256, a patch's inner loop: machine code where MicroPython has a viper emitter.

Knows no format. Where the interpreter has no emitter (CPython, ports without native code) numbers are added wide.
"""

__all__ = ("add",)

try:
    from firmware_agent.device.add_viper import add_native as add
except (ImportError, SyntaxError):  # no micropython at all (CPython), or one without an emitter
    _WIDE_BYTES = 256
    _LOW = int.from_bytes(b"\x7f" * _WIDE_BYTES, "little")
    _HIGH = int.from_bytes(b"\x80" * _WIDE_BYTES, "little")

    def add(target: memoryview, source: memoryview, start: int, count: int) -> None:
        """Add ``count`` bytes of ``source`` from ``start`` to the first bytes of ``target``, each modulo 256.

        The caller keeps within both: the machine code does not check.
        """
        done = 0
        while done < count:
            step = min(count - done, _WIDE_BYTES)
            a = int.from_bytes(target[done : done + step], "little")
            b = int.from_bytes(source[start + done : start + done + step], "little")
            # seven bits cannot carry into the next byte; the eighth is added without a carry
            total = ((a & _LOW) + (b & _LOW)) ^ ((a ^ b) & _HIGH)
            target[done : done + step] = total.to_bytes(step, "little")
            done += step
