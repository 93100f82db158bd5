"""Measurements of the exporter on this machine; none of them is a test."""
