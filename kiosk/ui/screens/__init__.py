"""The screens: one page class per moment of a visit, looks in the .kv beside it."""
