"""Fills a report with what the controller's parts say now. Sends nothing."""

import firmware_agent.dock_wire as dock_wire  # noqa: PLR0402 - in full: a board gets what is named here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_agent.dock.controller import Controller


def fill_report(report: dock_wire.Report, controller: "Controller") -> None:
    """Everything but the sequence and the uptime."""
    memory, hardware, scale = controller.memory, controller.hardware, controller.scale
    if len(report.bins) != len(controller.flaps) or len(report.bays) != len(controller.bays):
        report.bins = [dock_wire.Bin() for _ in controller.flaps]
        report.bays = [dock_wire.Bay() for _ in controller.bays]
    report.boots, report.tampers = memory.boots, memory.tampers
    report.flags = (
        (dock_wire.TAMPER_NOW if controller.housing_is_open else 0)
        | (dock_wire.TAMPER_UNREAD if memory.tampers != memory.tampers_read else 0)
        | (dock_wire.STOP if controller.is_stopped else 0)
        | (dock_wire.HOST_SILENT if controller.watch.is_silent else 0)
        | (dock_wire.MEMORY_LOST if memory.is_lost else 0)
    )
    report.drawer_lock, report.drawer = controller.drawer.bolt.state, controller.drawer.leaf
    report.drawer_full = hardware.drawer_full()
    report.mass_g, report.is_stable = scale.mass_g, scale.is_stable
    report.scale = scale.trouble()
    for number, one in enumerate(report.bins, 1):
        flap, door = controller.flaps[number - 1], controller.doors[number - 1]
        one.lock, one.flap = flap.bolt.state, flap.leaf
        one.door_lock, one.door = door.bolt.state, door.leaf
        one.fill_percent = max(0, min(100, hardware.fill_percent(number)))
        one.falls = hardware.falls(number) & 0xFFFF
    for bay, found in zip(report.bays, controller.bays):  # noqa: B905 - MicroPython's zip has no strict
        bay.bits, bay.temperature_c, bay.light = found.bits, found.temperature_c, found.light
