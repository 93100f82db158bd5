"""deploy/kubernetes as a cluster would get it: rendered, and held against schemas.

Nothing here reaches a cluster: `kubectl kustomize` only reads files.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import yaml
from jsonschema import Draft202012Validator

from tests.conftest import find_peer, missing_peer

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy/kubernetes"
KUBECTL = ROOT / ".cache/kubectl/kubectl"
OPERATOR = ROOT / ".cache/prometheus-operator/schemas.json"

# An old one that is still met, and the newest that there are schemas of.
VERSIONS = ("1.27", "1.37")

Object = dict[str, Any]


@cache
def rendered(folder: Path) -> tuple[Object, ...]:
    """Give the objects of a folder as `kubectl apply -k` would send them."""
    kubectl = KUBECTL if KUBECTL.exists() else find_peer("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def composed(place: Path, **parts: list[str]) -> tuple[Object, ...]:
    """Render an overlay of one's own; `parts` name folders of deploy/kubernetes."""
    overlay = place / "overlay"
    overlay.mkdir()
    relative = {
        key: [os.path.relpath(DEPLOY / name, overlay) for name in names]
        for key, names in parts.items()
    }
    text = yaml.safe_dump({**relative, "namespace": "monitoring"})
    (overlay / "kustomization.yaml").write_text(text)
    return rendered(overlay)


def of(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    """Give the objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def complaints(one: Object) -> Iterator[str]:
    """Give what the schemas of Kubernetes, or of the operator, find wrong."""
    if one["apiVersion"].startswith("monitoring.coreos.com/"):
        yield from _of_the_operator(one)
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {error.message}"


def _of_the_operator(one: Object) -> Iterator[str]:
    if not OPERATOR.exists():
        missing_peer("the operator's schemas are not here: `make operator-schemas`")
    schema = _closed(json.loads(OPERATOR.read_text("utf-8"))[one["kind"]])
    for error in Draft202012Validator(schema).iter_errors(one):
        yield error.message


def _closed(schema: Any) -> Any:
    """Refuse unknown keys, which the operator's API server would silently drop."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    if inner.get("type") == "object" and isinstance(inner.get("properties"), dict):
        inner.setdefault("additionalProperties", False)
    return inner
