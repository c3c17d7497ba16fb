"""Patches for the update agent: makes them on the host and proves each with the device's own decoder."""
