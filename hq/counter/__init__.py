"""What stations tell of trade-in, drop-off and their bins, and what they ask about it."""
