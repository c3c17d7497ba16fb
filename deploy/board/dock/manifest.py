"""What is frozen into the firmware of a dock's Pico: FROZEN_MANIFEST of the build, see docs/dock.md."""

# the port's own modules but its _boot.py, which would make a file system of the controller's memory
freeze("$(PORT_DIR)/modules", ("rp2.py",))  # type: ignore[name-defined]  # noqa: F821
require("usb-device-cdc")  # type: ignore[name-defined]  # noqa: F821
freeze(".", ("_boot.py", "boot.py", "main.py", "board_facts.py"))  # type: ignore[name-defined]  # noqa: F821
package("firmware_agent")  # type: ignore[name-defined]  # noqa: F821
