"""The command line: the only room that sees both the kiosk and headquarters."""

__version__ = "0.1.0"
