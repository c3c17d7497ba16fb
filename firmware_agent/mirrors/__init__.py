"""Which mirror to ask: the list, what was measured, the order. It fetches nothing."""
