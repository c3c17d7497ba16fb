"""Frozen in the place of the port's own: mounts nothing, the flash is the controller's memory."""
