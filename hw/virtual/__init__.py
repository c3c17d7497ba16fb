"""A virtual phone: flash in files, USB/IP and fastboot-TCP on loopback. Shares no parser with the host."""
