"""A web config is read whole, or refused with every complaint and its place."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme

from exporter.access import ClientAuth, RateLimit, TlsBound
from exporter.config import ConfigError
from exporter.config.web_file import load_web, parse_web
from exporter.config.web_words import CIPHERS, CURVES, MAX_COST

EXAMPLES = sorted(Path("docs/web").glob("*.yml"))
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
PAIR = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CA = trustme.CA()
ISSUED = CA.issue_cert("localhost")
# Keys that an older promtool does not know; it must have nothing else to say then.
NEWER_KEYS = re.compile(
    r"(?:.*FAILED: yaml: unmarshal errors:|"
    r"  line \d+: field (?:rate_limit|client_allowed_sans) not found in type \S+|\s*)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with what the examples name."""
    ISSUED.cert_chain_pems[0].write_to_path(str(tmp_path / "server.crt"))
    ISSUED.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    CA.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
    other = CA.issue_cert("localhost")
    other.private_key_pem.write_to_path(str(tmp_path / "other.key"))
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples(example: Path, folder: Path) -> None:
    """Every example of the documentation is sound."""
    shutil.copy(example, folder)
    config = load_web(folder / example.name)

    assert config.files[0] == folder / example.name
    assert config.tls or config.rate_limit


@pytest.mark.peer("promtool")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_promtool(example: Path, folder: Path) -> None:
    """Prometheus's own tool takes every example."""
    shutil.copy(example, folder)
    told = subprocess.run(
        ["promtool", "check", "web-config", folder / example.name],  # noqa: S607 -- a peer
        capture_output=True,
        check=False,
        text=True,
    )

    said = told.stdout + told.stderr
    newer = example.name in {"rate-limit.yml", "client-names.yml"}
    assert told.returncode == 0 or (
        newer and all(map(NEWER_KEYS.fullmatch, said.splitlines()))
    ), said


def test_everything(folder: Path) -> None:
    """Each key has its meaning."""
    config = parse_web(
        PAIR + "  client_auth_type: RequireAndVerifyClientCert\n"
        "  client_ca_file: clients.pem\n  client_allowed_sans: [a.test, 192.0.2.1]\n"
        "  min_version: TLS12\n  max_version: TLS12\n"
        f"  cipher_suites: [{', '.join(CIPHERS)}]\n"
        "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP384]\n"
        "http_server_config:\n  http2: true\n  headers: {X-Frame-Options: sameorigin}\n"
        f"basic_auth_users:\n  alice: {HASH}\nrate_limit: {{interval: 1s, burst: 5}}\n",
        path=folder / "web.yml",
    )

    assert config.tls
    assert config.tls.client_auth is ClientAuth.REQUIRED
    assert config.tls.client_allowed_sans == ("a.test", "192.0.2.1")
    assert config.tls.max_version is TlsBound.TLS12
    assert config.tls.ciphers == tuple(CIPHERS.values())
    assert config.tls.curve == CURVES["CurveP384"]
    assert not config.tls.server_preference
    assert config.headers == {"X-Frame-Options": "sameorigin"}
    assert config.users == {"alice": HASH}
    assert config.rate_limit == RateLimit(interval=1.0, burst=5)
    assert [path.name for path in config.files] == [
        *("web.yml", "server.crt", "server.key", "clients.pem")
    ]
    assert HASH not in repr(config)
    assert b"PRIVATE" not in repr(config).encode()


def test_inline(folder: Path) -> None:
    """PEM may stand in the file itself, and is not shown."""
    chain, key = ISSUED.cert_chain_pems[0].bytes(), ISSUED.private_key_pem.bytes()
    lines = ["tls_server_config:", "  cert: |", *_indented(chain), "  key: |"]
    config = parse_web("\n".join([*lines, *_indented(key)]), path=folder / "web.yml")

    assert config.tls
    assert config.tls.key.strip() == key.strip()
    assert key.decode().splitlines()[1] not in repr(config)


def _indented(pem: bytes) -> list[str]:
    return [f"    {line}" for line in pem.decode().splitlines()]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "tls_server_config: {}"])
def test_nothing(text: str, folder: Path) -> None:
    """An empty file asks for nothing, as in the toolkit."""
    config = parse_web(text, path=folder / "web.yml")

    assert (config.tls, config.users, config.rate_limit) == (None, {}, None)


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("tls: {}", "1:1: tls", "unknown key; the keys here are tls_server_config"),
        ("basic_auth_user: {}", "1:1: basic_auth_user", "`basic_auth_users`?"),
        ("[]", "1:1", "must be a mapping of keys, not a list"),
        ("tls_server_config:", "1:19: tls_server_config", "has no value"),
        (PAIR + "  min_versio: TLS12", "4:3: tls_server_config.min_versio", "mean"),
        (PAIR + "  min_version: TLS11", "4:16: tls_server_config.min_v", "RFC 8996"),
        (PAIR + "  max_version: SSL3", "4:16: tls_server_config.max_v", "`TLS12`"),
        (
            PAIR + "  min_version: TLS13\n  max_version: TLS12",
            "5:3: tls_server_config.max_version",
            "is older than",
        ),
        (
            PAIR + f"  min_version: TLS13\n  cipher_suites: [{next(iter(CIPHERS))}]",
            "5:3: tls_server_config.cipher_suites",
            "for TLS 1.2",
        ),
        (
            PAIR + "  cipher_suites: [TLS_AES_128_GCM_SHA256]",
            "4:19: tls_server_config.cipher_suites[0]",
            "suites of TLS 1.3",
        ),
        (
            PAIR + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
            "4:19: tls_server_config.cipher_suites[0]",
            "no suite of TLS 1.2 that Go calls secure",
        ),
        (PAIR + "  cipher_suites: x", "4:18: tls_server_config.ciph", "must be a list"),
        (
            PAIR + "  curve_preferences: [X25519]",
            "4:23: tls_server_config.curve_preferences[0]",
            "cannot set this curve",
        ),
        (
            PAIR + "  curve_preferences: [CurveP256, CurveP384]",
            "4:3: tls_server_config.curve_preferences",
            "one curve only",
        ),
        (
            PAIR + "  curve_preferences: [P256]",
            "4:23: tls_server_config.curve_preferences[0]",
            "the curves are CurveP256",
        ),
        *(
            (
                PAIR + f"  client_auth_type: {kind}",
                "4:21: tls_server_config.client_auth_type",
                "without verifying it",
            )
            for kind in ("RequestClientCert", "RequireAnyClientCert")
        ),
        (
            PAIR + "  client_auth_type: Maybe",
            "4:21: tls_server_config.client_auth_type",
            "must be `NoClientCert`",
        ),
        (
            PAIR + "  client_auth_type: RequireAndVerifyClientCert",
            "4:3: tls_server_config.client_auth_type",
            "needs `client_ca_file`",
        ),
        (
            PAIR + "  client_ca_file: clients.pem",
            "4:3: tls_server_config.client_ca_file",
            "nobody is asked",
        ),
        (
            PAIR + "  client_allowed_sans: [a]",
            "4:3: tls_server_config.client_allowed_sans",
            "RequireAndVerifyClientCert",
        ),
        (PAIR + "  cert: x", "4:3: tls_server_config.cert", "or `cert_file`: both"),
        (
            PAIR.replace("server.key", "other.key"),
            "3:3: tls_server_config.key_file",
            "belongs to another certificate",
        ),
        (
            PAIR.replace("server.key", "server.crt"),
            "3:3: tls_server_config.key_file",
            "no private key",
        ),
        (
            PAIR.replace("server.crt", "gone.crt"),
            "2:3: tls_server_config.cert_file",
            "there is no such file",
        ),
        (
            "tls_server_config:\n  cert_file: server.crt",
            "1:1: tls_server_config",
            "TLS needs `key_file`",
        ),
        (
            "tls_server_config:\n  min_version: TLS12",
            "1:1: tls_server_config",
            "TLS needs `cert_file`",
        ),
        (
            "http_server_config: {headers: {X-Other: y}}",
            "1:32: http_server_config.headers.X-Other",
            "unknown key",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: yes}}",
            "1:49: http_server_config.headers.X-Frame-Options",
            "must be `deny` or `sameorigin`",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "a\\nb"}}',
            "1:50: http_server_config.headers.X-XSS-Protection",
            "control characters",
        ),
        ("http_server_config: {http2: 1}", "1:29: http_server_config.http2", "`true`"),
        ("basic_auth_users: [a]", "1:19: basic_auth_users", "must be a mapping"),
        ("basic_auth_users: {a: hunter2}", "1:23: basic_auth_users.a", "no bcrypt"),
        (
            f"basic_auth_users: {{a: {HASH.replace('$10', '$19')}}}",
            "1:23: basic_auth_users.a",
            f"from 4 to {MAX_COST}",
        ),
        (
            f'basic_auth_users: {{"a:b": {HASH}}}',
            "1:20: basic_auth_users",
            "no colon",
        ),
        ("rate_limit: {interval: 1s}", "1:1: rate_limit", "no request would ever"),
        ("rate_limit: {interval: 1}", "1:24: rate_limit.interval", "needs a unit"),
        ("rate_limit: {burst: -1}", "1:21: rate_limit.burst", "whole number"),
        ("a: 1\na: 2", "2:1: a", "written twice"),
    ],
)
def test_refused(text: str, where: str, said: str, folder: Path) -> None:
    """What cannot be kept is refused at its place, with the remedy and no secret."""
    with pytest.raises(ConfigError) as raised:
        parse_web(text, path=folder / "web.yml")

    sentence = str(raised.value)
    assert f"{folder}/web.yml:{where}" in sentence
    assert said in sentence
    assert "hunter2" not in sentence
    assert HASH[-20:] not in sentence


def test_many_complaints(folder: Path) -> None:
    """All complaints come at once, in the file's order."""
    text = PAIR + "  min_version: x\nrate_limit: {burst: x}\nother: 1\n"
    with pytest.raises(ConfigError) as raised:
        parse_web(text, path=folder / "web.yml")

    assert [c.place.line for c in raised.value.complaints if c.place] == [4, 5, 6]


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is told as such."""
    with pytest.raises(ConfigError, match="there is no such file"):
        load_web(tmp_path / "web.yml")
