"""The table of metric families, and how one target's sample lines are written.

Names, labels and meanings are a public contract; docs/metrics.md is held against the
tables of this room by a test.
"""
