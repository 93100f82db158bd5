"""What deploy/kubernetes sends to a cluster: sound by the schemas, and of one piece."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import exporter
from exporter.cli import DEFAULT_LISTEN, parsed
from exporter.config import load, parse
from exporter.config.config import Config
from tests.e2e.cluster import DEPLOY, Object, complaints, composed, of, rendered
from tests.e2e.programs import EXPORTER

DOCS = Path(__file__).parents[2] / "docs/deployment.md"
PORT = int(DEFAULT_LISTEN[1:])
WORKLOADS = ("Deployment", "StatefulSet")
LIVE, READY = "/-/healthy", "/-/ready"
# Where each kind has the selector of pods.
SELECTING = {
    "Deployment": "selector",
    "NetworkPolicy": "podSelector",
    "PodDisruptionBudget": "selector",
    "PodMonitor": "selector",
    "Service": "selector",
    "StatefulSet": "selector",
}
DNS = {("UDP", 53), ("TCP", 53)}
# Pod Security's `restricted`, and what it leaves open: root, and a writable one.
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

Objects = tuple[Object, ...]


@pytest.fixture(
    params=["base", "operator", "on-demand", "overlays/quickstart", "overlays/sharded"]
)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Render one way to install it; a component, upon the base."""
    if request.param in ("operator", "on-demand"):
        component = f"components/{request.param}"
        return composed(tmp_path, resources=["base"], components=[component])
    return rendered(DEPLOY / request.param)


def workload(objects: Objects) -> Object:
    """Give the one thing that has pods."""
    (found,) = of(objects, *WORKLOADS)
    return found


def template(objects: Objects) -> Any:
    """Give the pods' template."""
    return workload(objects)["spec"]["template"]


def container(objects: Objects) -> Any:
    """Give the one container."""
    (found,) = template(objects)["spec"]["containers"]
    return found


def config(objects: Objects, place: Path) -> Config:
    """Load the configuration that the pods have mounted."""
    (config_map,) = of(objects, "ConfigMap")
    path = place / "config.yaml"
    path.write_text(config_map["data"]["config.yaml"])
    return load(path)


def selectors(objects: Objects) -> Iterator[tuple[str, Any]]:
    """Give each selector that means our pods, with what has it."""
    for one in objects:
        if one["kind"] in SELECTING:
            selector = one["spec"][SELECTING[one["kind"]]]
            yield one["kind"], selector.get("matchLabels", selector)
    for spread in template(objects)["spec"].get("topologySpreadConstraints", []):
        yield "topologySpreadConstraints", spread["labelSelector"]["matchLabels"]


def test_the_schemas_hold(objects: Objects) -> None:
    """Each object is what its schema asks for, in old clusters and in new ones."""
    found = [f"{one['kind']}: {c}" for one in objects for c in complaints(one)]

    assert found == []


def test_a_wrong_key_is_found() -> None:
    """The schemas refuse a key that they do not know, the operator's too."""
    monitor = yaml.safe_load(
        (DEPLOY / "components/operator/podmonitor.yaml").read_text("utf-8")
    )
    (service,) = of(rendered(DEPLOY / "base"), "Service")
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    wrong = {**service, "spec": {**service["spec"], "sessionAfinity": "None"}}

    assert any("intervall" in complaint for complaint in complaints(monitor))
    assert any("sessionAfinity" in complaint for complaint in complaints(wrong))


def test_the_base_needs_no_operator() -> None:
    """The base and the quick start are of what every cluster has."""
    for folder in ("base", "overlays/quickstart"):
        groups = {one["apiVersion"] for one in rendered(DEPLOY / folder)}
        assert groups <= {"v1", "apps/v1", "networking.k8s.io/v1"}


def test_selectors_mean_our_pods(objects: Objects) -> None:
    """Whatever selects the exporter's pods finds them."""
    labels = template(objects)["metadata"]["labels"]

    for who, selector in selectors(objects):
        assert selector, who
        assert selector.items() <= labels.items(), who


def test_prometheus_is_let_in(objects: Objects) -> None:
    """Who may come in is Prometheus, not the exporter's own pods."""
    (policy,) = of(objects, "NetworkPolicy")
    (rule,) = policy["spec"]["ingress"]
    (peer,) = rule["from"]

    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "prometheus"
    assert peer["namespaceSelector"]["matchLabels"]


def test_ports_have_one_name(objects: Objects) -> None:
    """Each port that is named is one of the container, and that is the default one."""
    used = {
        *(p["targetPort"] for s in of(objects, "Service") for p in s["spec"]["ports"]),
        *(
            p["port"]
            for policy in of(objects, "NetworkPolicy")
            for rule in policy["spec"]["ingress"]
            for p in rule["ports"]
        ),
        *(
            endpoint["port"]
            for monitor in of(objects, "PodMonitor")
            for endpoint in monitor["spec"]["podMetricsEndpoints"]
        ),
        *(
            container(objects)[kind]["httpGet"]["port"]
            for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        ),
    }

    assert container(objects)["ports"] == [{"name": "http", "containerPort": PORT}]
    assert used == {"http"}
    for service in of(objects, "Service"):
        assert [p["port"] for p in service["spec"]["ports"]] == [PORT]


def test_probes_ask_the_right_question(objects: Objects) -> None:
    """Alive is not ready: what restarts a pod never asks for targets."""
    asked = {
        kind: container(objects)[kind]["httpGet"]["path"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert asked == {
        "startupProbe": LIVE,
        "livenessProbe": LIVE,
        "readinessProbe": READY,
    }


def test_pods_are_hardened(objects: Objects) -> None:
    """No root, no write, no privilege, no token, and no bound on computing."""
    spec = template(objects)["spec"]
    (account,) = of(objects, "ServiceAccount")

    assert spec["securityContext"] == POD_SECURITY
    assert container(objects)["securityContext"] == CONTAINER_SECURITY
    assert spec["automountServiceAccountToken"] is False
    assert account["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == account["metadata"]["name"]
    assert spec["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & {*spec}
    resources = container(objects)["resources"]
    assert {*resources["requests"]} == {"cpu", "memory"}
    assert {*resources["limits"]} == {"memory"}


def test_flags_are_ours(objects: Objects) -> None:
    """The arguments are a command line that the exporter takes."""
    arguments = container(objects)["args"]
    flags = parsed(arguments)

    assert flags.listen is None  # the default, which is the port above
    if arguments[0] == "serve":
        (mount,) = container(objects)["volumeMounts"]
        assert "subPath" not in mount  # or a change would never arrive
        assert flags.config_file == f"{mount['mountPath']}/config.yaml"
        assert flags.auto_reload


def test_what_is_mounted_is_there(objects: Objects) -> None:
    """Each volume that is mounted exists, and the configuration is the ConfigMap's."""
    volumes = {v["name"]: v for v in template(objects)["spec"]["volumes"]}
    (config_map,) = of(objects, "ConfigMap")

    assert {m["name"] for m in container(objects)["volumeMounts"]} == {*volumes}
    name = volumes["config"]["configMap"]["name"]
    assert name == config_map["metadata"]["name"]


def test_the_configuration_is_sound(objects: Objects, tmp_path: Path) -> None:
    """The installed exporter finds nothing wrong with what is mounted."""
    config(objects, tmp_path)
    checked = subprocess.run(
        [EXPORTER, "check-config", "--config.file", tmp_path / "config.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "warning:" not in checked.stdout


def test_the_way_out_is_open(objects: Objects, tmp_path: Path) -> None:
    """The policy lets out to the DNS, and to every port that is probed or allowed."""
    (policy,) = of(objects, "NetworkPolicy")
    open_ports = {
        (port.get("protocol", "TCP"), port["port"])
        for rule in policy["spec"]["egress"]
        for port in rule["ports"]
    }
    loaded = config(objects, tmp_path)
    probed = {("TCP", target.port) for target in loaded.targets}
    probed |= {("TCP", domain.port) for domain in loaded.domains}
    asked = {("TCP", port) for port in loaded.on_demand.ports}

    assert open_ports >= DNS
    assert open_ports >= probed
    assert not loaded.on_demand.enabled or open_ports >= asked


def test_the_version_is_ours(objects: Objects) -> None:
    """Image and label name the version that the package has."""
    labels = template(objects)["metadata"]["labels"]

    assert container(objects)["image"] == f"mailserver-exporter:{exporter.__version__}"
    assert labels["app.kubernetes.io/version"] == exporter.__version__


def test_one_exporter_is_one() -> None:
    """The base has one replica, which is there before the old one goes."""
    spec = workload(rendered(DEPLOY / "base"))["spec"]

    assert spec["replicas"] == 1
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert parsed(container(rendered(DEPLOY / "base"))["args"]).shard_count == 1


def test_shards_know_how_many_they_are() -> None:
    """There are as many pods as the flag says, each with a number in its name."""
    objects = rendered(DEPLOY / "overlays/sharded")
    sharded = workload(objects)
    flags = parsed(container(objects)["args"])

    assert sharded["kind"] == "StatefulSet"
    assert flags.shard_count == sharded["spec"]["replicas"] > 1
    assert flags.shard_ordinal is None  # it is the pod's
    headless = {
        service["metadata"]["name"]
        for service in of(objects, "Service")
        if service["spec"].get("clusterIP") == "None"
    }
    assert headless == {sharded["spec"]["serviceName"]}
    (budget,) = of(objects, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_every_pod_is_scraped_as_itself() -> None:
    """The monitor selects pods, and keeps the names that the operator gives them."""
    (monitor,) = of(rendered(DEPLOY / "overlays/sharded"), "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]

    assert endpoint["path"] == "/metrics"
    assert "honorLabels" not in endpoint


def test_probes_on_demand_are_allowed(tmp_path: Path) -> None:
    """Whom the Probe names may be probed, by a module that may be asked for."""
    objects = composed(
        tmp_path, resources=["base"], components=["components/on-demand"]
    )
    (probe,) = of(objects, "Probe")
    (service,) = of(objects, "Service")
    on_demand = config(objects, tmp_path).on_demand
    spec = probe["spec"]

    assert spec["prober"]["path"] == "/probe"
    name = service["metadata"]["name"]
    assert spec["prober"]["url"] == f"{name}.monitoring.svc:{PORT}"
    assert spec["module"] in on_demand.modules
    for target in spec["targets"]["staticConfig"]["static"]:
        host, _, port = target.partition(":")
        assert on_demand.allow.names_host(host)
        assert int(port or 25) in on_demand.ports


def test_the_documented_overlay_is_one(tmp_path: Path) -> None:
    """The overlay that the documentation shows puts config and secrets into the pod."""
    (text,) = (
        block
        for block in re.findall(
            r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL
        )
        if "kind: Kustomization" in block
    )
    there = os.path.relpath(DEPLOY, tmp_path)
    text = text.replace("../mailserver-exporter/deploy/kubernetes", there)
    (tmp_path / "kustomization.yaml").write_text(text)
    (tmp_path / "config.yaml").write_text("targets: [mx.example.net]\n")
    objects = rendered(tmp_path)
    spec = template(objects)["spec"]
    volumes = {v["name"]: v for v in spec["volumes"]}

    assert [c for one in objects for c in complaints(one)] == []
    (config_map,) = of(objects, "ConfigMap")
    assert config_map["data"] == {"config.yaml": "targets: [mx.example.net]\n"}
    assert volumes["config"]["configMap"]["name"] == config_map["metadata"]["name"]
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440
    mounted = {m["name"]: m["mountPath"] for m in container(objects)["volumeMounts"]}
    assert f"password_file: {mounted['secrets']}/" in DOCS.read_text("utf-8")
    assert container(objects)["image"].startswith("your-images/")


def test_the_quick_start_is_hardened_by_its_namespace() -> None:
    """The namespace admits only what Pod Security calls restricted."""
    objects = rendered(DEPLOY / "overlays/quickstart")
    (namespace,) = of(objects, "Namespace")
    name = namespace["metadata"]["name"]

    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {o["metadata"].get("namespace", name) for o in objects} == {name}


def test_the_examples_are_read_as_they_are() -> None:
    """Each configuration of deploy/kubernetes is read without a complaint."""
    found = sorted(DEPLOY.rglob("config.yaml"))

    assert len(found) == 2
    for path in found:
        parse(path.read_text("utf-8"), path=path)
