"""Octets that nobody thought of: long runs, on demand (see tests/README.md)."""
