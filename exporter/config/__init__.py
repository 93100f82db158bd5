"""Configuration text -> frozen `Config`, or every complaint with its place, at once.

The way through: source reads the file, reader turns YAML into a tree that knows its
places, judge holds it against the model; relations, needs, sockets and on_demand hold
keys against each other; build fills in the defaults. Opens no socket, logs nothing, and
never guesses: a configuration with a doubt in it is refused with the remedy.
"""

from pathlib import Path

from exporter.config.build import to_config
from exporter.config.complaint import (
    Complaint,
    Complaints,
    ConfigError,
    Place,
    Refusal,
)
from exporter.config.config import Config, OnDemand
from exporter.config.json_schema import schema
from exporter.config.judge import sound_items, sound_sources, to_document
from exporter.config.needs import check_needs
from exporter.config.on_demand import check_on_demand
from exporter.config.reader import Node, read
from exporter.config.redacted import redacted
from exporter.config.relations import (
    check_any,
    check_domains,
    check_holds,
    check_modules,
    check_names,
)
from exporter.config.single import discovered_target, single_target
from exporter.config.sockets import check_sockets
from exporter.config.source import read_text

__all__ = [
    "Complaint",
    "Config",
    "ConfigError",
    "OnDemand",
    "Place",
    "Refusal",
    "discovered_target",
    "load",
    "parse",
    "redacted",
    "schema",
    "single_target",
]


def load(path: Path) -> Config:
    """Read a configuration file.

    Raises ConfigError with every complaint, also when the file cannot be read.
    """
    return parse(read_text(path, Complaints(path)), path=path)


def parse(text: str, *, path: Path) -> Config:
    """Read a configuration's text; `path` is what complaints call it.

    Relative paths in it begin at that path's folder; secrets are tried and not kept.
    Raises ConfigError with every complaint.
    """
    complaints = Complaints(path)
    root = read(text, complaints) or Node(Place(1, 1), None)
    folder = path.parent
    document = to_document(root, folder, complaints)
    items = tuple(
        enumerate(document.targets) if document else sound_items(root, folder)
    )
    sources = tuple(
        enumerate(document.discovery) if document else sound_sources(root, folder)
    )
    check_any(root, complaints)
    check_names(items, root, complaints)
    check_domains(items, root, complaints)
    check_modules(items, sources, root, complaints)
    check_sockets(root, complaints)
    check_needs(root, complaints)
    check_holds(document.modules if document else {}, root, complaints)
    if document:
        check_on_demand(document, root, complaints)
    return to_config(complaints.settle(document), text)
