"""Figures held ready by target, joined at a scrape; and what a client accepts."""

from exporter.exposition.lines import Exposition, Page
from exporter.exposition.negotiation import Accepted, negotiate

__all__ = ["Accepted", "Exposition", "Page", "negotiate"]
