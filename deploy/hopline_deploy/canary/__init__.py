"""The canary: one known trace a minute through the real door, read back in every way that a user may ask for it."""
