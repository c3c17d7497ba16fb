"""Pure domain of trade-in and recycling. It does no I/O and knows no screen."""
