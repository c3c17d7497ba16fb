"""The machine code of :mod:`firmware_agent.device.add`: MicroPython's viper emitter compiles it.

Only that module imports this one; elsewhere the import fails, and it takes its other way.
"""

import micropython

# Names of viper's own types, read by the compiler and never looked up; memoryview is what a type checker may see.
ptr8 = memoryview


@micropython.viper  # type: ignore[untyped-decorator, unused-ignore]
def add_native(target: ptr8, source: ptr8, start: int, count: int) -> None:
    """Add ``count`` bytes of ``source`` from ``start`` to the first bytes of ``target``, each modulo 256."""
    i = 0
    while i < count:
        target[i] = target[i] + source[start + i]
        i += 1
