"""Configuration text -> frozen `Config`, or every complaint with its place, at once.

The way through: source reads the file, reader turns YAML into a tree that knows its
places, judge holds it against the model, relations and needs hold keys against each
other, build fills in the defaults. Opens no socket, logs nothing, and never guesses: a
configuration with a doubt in it is refused with the remedy.
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
from exporter.config.config import Config
from exporter.config.json_schema import schema
from exporter.config.judge import sound_targets, to_document
from exporter.config.needs import check_needs
from exporter.config.reader import Node, read
from exporter.config.relations import (
    check_holds,
    check_modules,
    check_names,
    check_sockets,
)
from exporter.config.single import single_target
from exporter.config.source import read_text

__all__ = [
    "Complaint",
    "Config",
    "ConfigError",
    "Place",
    "Refusal",
    "load",
    "parse",
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
    document = to_document(root, path.parent, complaints)
    targets = tuple(enumerate(document.targets) if document else sound_targets(root))
    check_names(targets, root, complaints)
    check_modules(targets, root, complaints)
    check_sockets(root, complaints)
    check_needs(root, complaints)
    check_holds(document.modules if document else {}, root, complaints)
    return to_config(complaints.settle(document), text)
