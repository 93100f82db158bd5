"""`config.schema.json` is current, and agrees with what is read."""

import json
from pathlib import Path

import jsonschema
import pytest

from exporter.config import ConfigError, load, parse, schema
from exporter.config.complaint import Complaints
from exporter.config.reader import read

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "config.example.yaml"
BAD = sorted(ROOT.glob("tests/bad_configs/*.yaml"))
# Mistakes that a schema cannot see: ranges of text, keys held against each other, and
# what a file or the environment holds.
BEYOND_A_SCHEMA = frozenset(
    {
        *(
            "buckets_not_ascending",
            "hold_past_deadline",
            "module_unknown",
            "name_twice",
        ),
        *("target_syntax", "needs_ehlo", "unix_path"),
        *("expect_extensions_both_ways", "expect_reply_without_step"),
        *("unix_with_source_address", "unix_without_name", "mx_twice"),
        *("tls_missing", "tls_needs_ehlo", "tls_pair"),
        *("on_demand_nobody", "on_demand_modules"),
    }
)


def value(text: str) -> object:
    complaints = Complaints(Path("c"))
    return complaints.settle(read(text, complaints)).value


def accepts(instance: object) -> bool:
    return jsonschema.Draft202012Validator(schema()).is_valid(instance)


def test_the_committed_file_is_current() -> None:
    """The file at the root is what the model says today."""
    committed = (ROOT / "config.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(schema(), indent=2) + "\n"


def test_it_is_a_schema() -> None:
    """The schema is one by the rules of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_example_names_the_schema_and_fits() -> None:
    """The example points editors at the schema, and both accept it."""
    text = EXAMPLE.read_text(encoding="utf-8")
    first, _, _ = text.partition("\n")
    assert first == "# yaml-language-server: $schema=./config.schema.json"
    assert accepts(value(text))
    assert load(EXAMPLE).targets


@pytest.mark.parametrize(
    "text",
    [
        "targets: [a]",
        'targets: [a, "[::1]:25", {host: b, labels: {site: fra}}]',
        "targets: [a]\nschedule: {interval: 1m30s}",
        "targets: [a]\nmodules: {x: {hold: 0, timeouts: {dns: 1s}}}",
        "targets: [a]\nmetrics: {target_buckets: [quit]}",
        "targets: [unix:/run/lmtp.sock, {host: 'unix:/run/smtp.sock', module: mx}]",
        "targets: [a]\nmodules: {x: {auth: {username: u, password_env: PATH}}}",
        "targets: [a]\nmodules: {x: {mail: {from: '', rcpt: a@b}}}",
        "targets: [a]\nmodules: {x: {mail: {from: 'ä@b', rcpt: '\"ö\"@[192.0.2.1]'}}}",
        "targets: [a]\nmodules: {x: {expect: {greeting: [554], reply: {ehlo: [502]}}}}",
        "targets: [a]\nmodules: {x: {expect: {banner: '^mx', extensions: [8BITMIME]}}}",
        "targets: [a, {mx: example.com, port: 587, labels: {site: fra}}]",
        "targets: [a]\ndiscovery: []\nmetrics: {certificate_info: false}",
        "targets: [a]\ndiscovery: [{files: [a.json, '/b/*.yml'], module: mx}]",
        "targets: [a]\ndiscovery: [{http: 'HTTPS://a.example:1/x?y', refresh: 1s}]",
        "targets: [a]\nmodules: {x: {tls: required, verify: off, min_version: TLS13}}",
        "targets: [a]\nmodules: {x: {tls: implicit, dane: off, mta_sts: report}}",
        "targets: [a]\nmodules: {x: {dane_resolver: '::1', tls: required, dane: off}}",
        "targets: [a]\nmodules: {x: {addresses: all, mta_sts: off, dane: off}}",
        "targets: [a]\nmodules: {x: {source_address: '::1', proxy_protocol: off}}",
    ],
)
def test_good(text: str) -> None:
    """What is read, the schema accepts."""
    assert parse(text, path=Path("c")).targets
    assert accepts(value(text))


def test_discovery_alone() -> None:
    """A configuration whose targets are all found elsewhere names none."""
    text = "discovery: [{files: [a.json]}]"
    assert parse(text, path=Path("c")).discovery
    assert accepts(value(text))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(path: Path) -> None:
    """What is refused, the schema refuses, unless a schema cannot see it."""
    try:
        written = value(path.read_text(encoding="utf-8"))
    except ConfigError:
        return  # not even YAML as we take it
    assert accepts(written) == (path.stem in BEYOND_A_SCHEMA)
