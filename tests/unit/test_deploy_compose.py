"""The quick start of deploy/compose: sound, hardened, and its files agree."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from exporter.cli import DEFAULT_LISTEN, parsed
from exporter.config import load
from exporter.config.config import Config
from exporter.targets import Target

COMPOSE = Path(__file__).parents[2] / "deploy/compose"
FILE = COMPOSE / "compose.yaml"
ENTRY = "/opt/venv/bin/mailserver-exporter"


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


DOCUMENT = _read(FILE)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
each_service = pytest.mark.parametrize("name", SERVICES)


def binds() -> list[tuple[str, str]]:
    """Give what is mounted of this repository, as (there, in the container)."""
    mounts = (m for service in SERVICES.values() for m in service["volumes"])
    return [
        (there, inside)
        for there, inside, *_ in (mount.split(":") for mount in mounts)
        if there.startswith(".")
    ]


def named(service: str) -> dict[str, str]:
    """Give the service's named volumes by where they are mounted."""
    mounts = (mount.split(":") for mount in SERVICES[service]["volumes"])
    return {inside: name for name, inside, *_ in mounts if not name.startswith(".")}


def config(tmp_path: Path) -> Config:
    """Load the exporter's configuration, with an authority where it looks for one."""
    authority = tmp_path / "cert.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    text = (COMPOSE / "exporter/config.yaml").read_text("utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(text.replace(CERTIFICATE, str(authority)))
    return load(path)


def settings() -> dict[str, str]:
    """Read the Postfix's main.cf."""
    lines = (COMPOSE / "postfix/main.cf").read_text("utf-8").splitlines()
    pairs = (ln.partition("=") for ln in lines if ln and not ln.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


CERTIFICATE = settings()["smtpd_tls_cert_file"]


def test_the_file_is_of_the_specification() -> None:
    """The file is what compose's own schema asks for, without an unknown key."""
    schema = "vendor.compose-spec"
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, FILE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_what_is_mounted_is_there() -> None:
    """Each path of this repository that is mounted exists, and is read only."""
    assert [there for there, _ in binds() if not (COMPOSE / there).exists()] == []
    for service in SERVICES.values():
        for mount in service["volumes"]:
            assert not mount.startswith(".") or mount.endswith(":ro"), mount


def test_what_is_built_is_there() -> None:
    """Each image that is built has its Dockerfile, and that names a dated base."""
    contexts = [s["build"]["context"] for s in SERVICES.values() if "build" in s]

    assert contexts == ["../..", "postfix"]
    for context in contexts:
        text = (COMPOSE / context / "Dockerfile").read_text("utf-8")
        assert re.search(
            r"^ARG BASE=[a-z]+:[a-z0-9.-]*\d[a-z0-9.-]*$", text, re.MULTILINE
        )


def test_volumes_and_networks_are_declared() -> None:
    """Each named volume and network is declared, and each that is declared is used."""
    volumes = {v for name in SERVICES for v in named(name).values()}
    networks = {n for service in SERVICES.values() for n in service["networks"]}

    assert volumes == {*DOCUMENT["volumes"]}
    assert networks == {*DOCUMENT["networks"]}


@each_service
def test_services_are_hardened(name: str) -> None:
    """A service writes only into its volumes, gains nothing, and comes back."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert not service.get("privileged")
    assert name == "postfix" or "cap_add" not in service


@each_service
def test_services_have_a_health_check(name: str) -> None:
    """A service says by itself whether it is well, without a shell to say it in."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@each_service
def test_images_are_pinned(name: str) -> None:
    """An image that is not built here is named with its full version, by no host."""
    service = SERVICES[name]

    if "build" not in service:
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"])


@each_service
def test_ports_are_for_this_machine(name: str) -> None:
    """A port is opened on loopback only, under its own number."""
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)


def test_the_exporter_is_run_as_it_listens() -> None:
    """Port, flags and health check are those of the exporter, by its defaults."""
    service = SERVICES["exporter"]
    health, *asked = service["healthcheck"]["test"][1:]

    assert [p.rpartition(":")[2] for p in service["ports"]] == [DEFAULT_LISTEN[1:]]
    flags = parsed(service["command"])
    assert flags.listen is None
    folder = str(Path(flags.config_file).parent)
    assert ("./exporter", folder) in binds()
    assert health == ENTRY
    assert parsed(asked).ready


def test_its_configuration_is_sound(tmp_path: Path) -> None:
    """Whoever is probed is a service that the exporter reaches, at a port it has."""
    targets = config(tmp_path).targets

    assert {t.host for t in targets} == {"postfix"}
    assert "mail" in SERVICES["exporter"]["networks"]
    master = (COMPOSE / "postfix/master.cf").read_text("utf-8")
    by_name = {"smtp": 25, "submission": 587}
    listed = re.findall(r"^(\S+)\s+inet", master, re.MULTILINE)
    assert {t.port for t in targets} == {by_name.get(p) or int(p) for p in listed}


def test_its_configuration_asks_for_what_matters(tmp_path: Path) -> None:
    """One target each for STARTTLS, submission and TLS, and one that must not relay."""
    targets = config(tmp_path).targets

    def relays(target: Target) -> bool:
        return target.module.mail is not None

    assert [relays(t) for t in targets] == [False, False, False, True]
    assert all(t.module.verify.value == "enforce" for t in targets if not relays(t))


def test_the_certificate_is_where_it_is_looked_for() -> None:
    """The Postfix's certificate is written to the volume that the exporter reads."""
    place = str(Path(CERTIFICATE).parent)

    assert named("exporter")[place] == named("postfix")[place]
    assert CERTIFICATE in (COMPOSE / "exporter/config.yaml").read_text("utf-8")
    assert CERTIFICATE in (COMPOSE / "postfix/start").read_text("utf-8")
    key = str(Path(settings()["smtpd_tls_key_file"]).parent)
    assert key in [mount.partition(":")[0] for mount in SERVICES["postfix"]["tmpfs"]]


def test_mail_goes_nowhere() -> None:
    """The Postfix is on a network without a way out, and no port of it is opened."""
    assert SERVICES["postfix"]["networks"] == ["mail"]
    assert DOCUMENT["networks"]["mail"] == {"internal": True}
    assert "ports" not in SERVICES["postfix"]


def test_prometheus_knows_the_others() -> None:
    """It scrapes each service by its name and port, and has the rules of the folder."""
    prometheus = _read(COMPOSE / "monitoring/prometheus.yml")
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in prometheus["scrape_configs"]
    }
    (alertmanagers,) = prometheus["alerting"]["alertmanagers"]

    assert jobs["mailserver"] == ["exporter" + DEFAULT_LISTEN]
    assert alertmanagers["static_configs"][0]["targets"] == jobs["alertmanager"]
    (place,) = (inside for there, inside in binds() if there == "../prometheus")
    assert prometheus["rule_files"] == [f"{place}/*.rules.yml"]
    for target in (*jobs["mailserver"], *jobs["alertmanager"]):
        name, _, port = target.partition(":")
        assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
        assert "monitoring" in SERVICES[name]["networks"]


def test_grafana_finds_its_files() -> None:
    """Its first page is one of the dashboards, which are where it looks for them."""
    (place,) = (inside for there, inside in binds() if there == "../grafana/dashboards")
    home = SERVICES["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    provisioning = COMPOSE / "../grafana/provisioning"
    (provider,) = (provisioning / "dashboards").glob("*.yml")
    (source,) = (provisioning / "datasources").glob("*.yml")

    assert str(Path(home).parent) == place
    assert (COMPOSE / "../grafana/dashboards" / Path(home).name).exists()
    (options,) = (one["options"] for one in _read(provider)["providers"])
    assert options["path"] == place
    (asked,) = (one["url"] for one in _read(source)["datasources"])
    assert asked == "http://prometheus:9090"
    assert "127.0.0.1:9090:9090" in SERVICES["prometheus"]["ports"]


def test_nobody_can_log_in_by_a_known_password() -> None:
    """Grafana has no account to begin with, and shows what it has without one."""
    environment = SERVICES["grafana"]["environment"]

    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert not [name for name in environment if "PASSWORD" in name]
