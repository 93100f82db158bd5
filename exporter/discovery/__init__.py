"""Where targets come from when they are not written down: found again and again."""
