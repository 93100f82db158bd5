"""A configuration is read whole, or refused with every complaint and its place."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from trustme import CA

from exporter.config import Complaint, Config, ConfigError, Place, load, parse, reader
from exporter.config import source as config_source
from exporter.config.builtin import BUILT_IN
from exporter.config.config import DEFAULT_BUCKETS
from exporter.config.labels import RESERVED_LABELS
from exporter.config.talk_keys import ReplyKeys
from exporter.targets import (
    Auth,
    Expect,
    FileSource,
    HttpSource,
    Mail,
    MailDomain,
    Module,
    SecretSource,
    Target,
    Timeouts,
)
from exporter.vocabulary import (
    Addresses,
    IpFamily,
    Mechanism,
    Phase,
    Policy,
    Protocol,
    ProxyProtocol,
    QuitPolicy,
    TargetSource,
    TlsMode,
    TlsVersion,
)

ROOT = Path(__file__).parent.parent.parent
BAD = sorted(ROOT.glob("tests/bad_configs/*.yaml"))
EXAMPLE = ROOT / "config.example.yaml"
PARSERS = (yaml.CSafeLoader, yaml.SafeLoader)


def read(text: str) -> Config:
    return parse(text, path=Path("config.yaml"))


def targets(text: str) -> tuple[Target, ...]:
    return read(f"targets: [{text}]").targets


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read(text)
    return [re.sub("^config.yaml:? ?", "", str(c)) for c in raised.value.complaints]


class TestComplaints:
    """Each bad file holds one mistake and, on top, what is said about it."""

    @pytest.mark.parametrize("parser", PARSERS)
    @pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
    def test_bad_config(
        self, path: Path, parser: type, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A bad file is refused with exactly the complaints that it names."""
        monkeypatch.setattr(reader, "_Loader", parser)
        expected = re.findall("^# expect: (.*)$", path.read_text(), re.MULTILINE)
        with pytest.raises(ConfigError) as raised:
            load(path)
        said = [str(c).removeprefix(f"{path}:") for c in raised.value.complaints]
        assert said == expected

    def test_a_complaint_has_parts(self) -> None:
        """A complaint tells its file, place, path and message apart."""
        with pytest.raises(ConfigError) as raised:
            read("targets:\n  - {host: a, port: 0}\n")
        assert raised.value.complaints == (
            Complaint(
                file=Path("config.yaml"),
                place=Place(2, 21),
                path="targets[0].port",
                message="must be a whole number from 1 to 65535, not `0`",
            ),
        )

    def test_the_error_shows_all(self) -> None:
        """The error's own text is its complaints, a line each, in the file's order."""
        with pytest.raises(ConfigError) as raised:
            read("zzz: 1\ntargets: []\n")
        assert str(raised.value).splitlines() == [
            "config.yaml:1:1: zzz: unknown key; the keys here are schedule, limits, "
            "dns, metrics, history, modules, targets, discovery, on_demand",
            "config.yaml:2:10: targets: name at least one mail server, or under "
            "`discovery` where they are found",
        ]

    def test_long_values_are_cut(self) -> None:
        """A complaint stays readable whatever was written."""
        (complaint,) = complaints(f"targets: [{'x' * 10_000}]")
        assert len(complaint) < 300

    @pytest.mark.parametrize("name", RESERVED_LABELS)
    def test_reserved_labels(self, name: str) -> None:
        """No target may carry a label that the exporter or Prometheus writes."""
        (complaint,) = complaints(f"targets: [{{host: a, labels: {{{name}: x}}}}]")
        assert f"the label `{name}` is taken" in complaint


class TestTargets:
    """Targets, short and long."""

    @pytest.mark.parametrize(
        ("written", "host", "port", "name"),
        [
            ("mx1.example.com", "mx1.example.com", 25, "mx1.example.com:25"),
            ("MX1.Example.com.", "MX1.Example.com.", 25, "MX1.Example.com.:25"),
            ("mail.example.com:2525", "mail.example.com", 2525, None),
            ("my_host", "my_host", 25, "my_host:25"),
            ("xn--mil-qla.example", "xn--mil-qla.example", 25, None),
            ("192.0.2.7", "192.0.2.7", 25, "192.0.2.7:25"),
            ("192.0.2.7:22", "192.0.2.7", 22, "192.0.2.7:22"),
            ('"[2001:db8::1]:26"', "2001:db8::1", 26, "[2001:db8::1]:26"),
            ('"[2001:db8::1]"', "2001:db8::1", 25, "[2001:db8::1]:25"),
            ("2001:db8::1", "2001:db8::1", 25, "[2001:db8::1]:25"),
            ("{host: '2001:db8::1'}", "2001:db8::1", 25, "[2001:db8::1]:25"),
            ("{host: a, port: 025}", "a", 25, "a:25"),
            ("{host: a, name: edge 7}", "a", 25, "edge 7"),
        ],
    )
    def test_spellings(
        self, written: str, host: str, port: int, name: str | None
    ) -> None:
        """Host, port and name come out of each way to write a target."""
        (target,) = targets(written)
        assert target == Target(
            name=name or f"{host}:{port}",
            host=host,
            port=port,
            module=BUILT_IN["mx"],
            interval=60.0,
            source=TargetSource.CONFIG,
        )

    @pytest.mark.parametrize(
        ("written", "name", "module"),
        [
            ("unix:/run/lmtp.sock", "unix:/run/lmtp.sock", "lmtp"),
            ("{host: unix:/run/lmtp.sock}", "unix:/run/lmtp.sock", "lmtp"),
            ("{host: unix:/run/lmtp.sock, module: mx}", "unix:/run/lmtp.sock", "mx"),
            ("{host: unix:/run/lmtp.sock, name: local}", "local", "lmtp"),
        ],
    )
    def test_unix_sockets(self, written: str, name: str, module: str) -> None:
        """A Unix socket has no port, its own text for a name, and speaks LMTP."""
        (target,) = targets(written)
        assert (target.host, target.port) == ("unix:/run/lmtp.sock", 0)
        assert (target.name, target.module.name) == (name, module)

    @pytest.mark.parametrize(
        ("port", "module"),
        [(24, "lmtp"), (465, "submissions"), (587, "submission"), (2525, "mx")],
    )
    def test_a_port_calls_for_a_module(self, port: int, module: str) -> None:
        """Where no module is named, the port says what is spoken."""
        (target,) = targets(f"a:{port}")
        assert target.module is BUILT_IN[module]

    def test_labels_keep_their_order(self) -> None:
        """A target's own labels are kept as they were written."""
        (target,) = targets('{host: a, labels: {site: fra, rack: "07", spare: no}}')
        assert target.labels == (("site", "fra"), ("rack", "07"), ("spare", "no"))

    @pytest.mark.parametrize(
        ("schedule", "module", "target", "interval"),
        [
            ("", "", "", 60.0),
            ("5m", "", "", 300.0),
            ("5m", "2m", "", 120.0),
            ("5m", "2m", "1s", 1.0),
            ("", "", "1d", 86400.0),
        ],
    )
    def test_the_nearest_interval_wins(
        self, schedule: str, module: str, target: str, interval: float
    ) -> None:
        """A target's interval goes before its module's, that before the schedule's."""

        def keys(value: str) -> str:
            return f"{{interval: {value}}}" if value else "{}"

        own = f", interval: {target}" if target else ""
        config = read(
            f"schedule: {keys(schedule)}\nmodules: {{mine: {keys(module)}}}\n"
            f"targets: [{{host: a, module: mine{own}}}]"
        )
        assert config.targets[0].interval == interval

    @pytest.mark.parametrize("port", [465, 587, 24])
    def test_a_port_with_its_module_given(self, port: int) -> None:
        """A port that calls for a module of its own is fine once a module is named."""
        (target,) = targets(f"{{host: a, port: {port}, module: banner}}")
        assert (target.port, target.module.name) == (port, "banner")

    def test_a_port_takes_the_owners_module(self) -> None:
        """The module that a port calls for may be the owner's."""
        config = read("modules: {submission: {quit: strict}}\ntargets: [a:587]")
        assert config.targets[0].module is config.modules["submission"]

    def test_a_timeout_beyond_the_interval_is_legal(self) -> None:
        """A probe may take longer than its interval: overruns are skipped."""
        config = read(
            "modules: {slow: {timeout: 10m}}\n"
            "targets: [{host: a, module: slow, interval: 1s}]"
        )
        assert config.targets[0].module.timeout > config.targets[0].interval


class TestDomains:
    """Domains whose mail exchangers are targets."""

    def test_defaults(self) -> None:
        """A domain alone means port 25 and what that port calls for."""
        config = read("targets: [a, {mx: example.com}, b]")
        assert config.domains == (
            MailDomain(
                domain="example.com", port=25, module=BUILT_IN["mx"], interval=60.0
            ),
        )
        assert [target.host for target in config.targets] == ["a", "b"]

    def test_every_key(self) -> None:
        """Every key of a domain arrives where it belongs."""
        config = read(
            "modules: {mine: {interval: 2m}}\n"
            "targets: [{mx: Example.COM., port: 26, module: mine, interval: 5m, "
            "labels: {team: mail}}]"
        )
        assert config.domains == (
            MailDomain(
                domain="Example.COM.",
                port=26,
                module=config.modules["mine"],
                interval=300.0,
                labels=(("team", "mail"),),
            ),
        )
        assert config.targets == ()

    @pytest.mark.parametrize(
        ("keys", "module", "interval"),
        [
            ("port: 587", "submission", 30.0),
            ("port: 24", "lmtp", 60.0),
            ("module: submission", "submission", 30.0),
            ("port: 587, interval: 1s", "submission", 1.0),
        ],
    )
    def test_by_the_port(self, keys: str, module: str, interval: float) -> None:
        """Module and interval come from where a target's would."""
        (domain,) = read(
            "modules: {submission: {interval: 30s}}\n"
            f"targets: [{{mx: example.com, {keys}}}]"
        ).domains
        assert (domain.module.name, domain.interval) == (module, interval)

    def test_the_same_domain_at_two_ports(self) -> None:
        """A domain may stand there once for each port, and beside its own host."""
        config = read(
            "targets: [{mx: example.com}, {mx: example.com, port: 587}, example.com]"
        )
        assert [domain.port for domain in config.domains] == [25, 587]


class TestDiscovery:
    """Where more targets are found."""

    def test_every_key(self, tmp_path: Path) -> None:
        """Files have full paths, and both kinds of source their own refresh."""
        config = parse(
            """
            modules: {mine: {}}
            discovery:
              - {files: ["mx/*.yaml", /srv/mx.json], module: mine, refresh: 1s}
              - {http: "https://cmdb.example.com:8443/mx?site=fra", module: mx,
                 refresh: 1d}
              - {files: [a.yml]}
              - {http: "http://[2001:db8::1]"}
            """,
            path=tmp_path / "config.yaml",
        )
        assert config.targets == ()
        assert config.discovery == (
            FileSource(
                files=(f"{tmp_path}/mx/*.yaml", "/srv/mx.json"),
                module="mine",
                refresh=1.0,
            ),
            HttpSource(
                url="https://cmdb.example.com:8443/mx?site=fra",
                module="mx",
                refresh=86400.0,
            ),
            FileSource(files=(f"{tmp_path}/a.yml",), module=None, refresh=30.0),
            HttpSource(url="http://[2001:db8::1]", module=None, refresh=60.0),
        )

    def test_beside_targets(self) -> None:
        """Either of the two may be empty, and both may be there."""
        assert len(read("targets: []\ndiscovery: [{files: [a.json]}]").discovery) == 1
        assert len(read("targets: [a]\ndiscovery: []").targets) == 1
        both = read("targets: [a]\ndiscovery: [{files: [a.json]}]")
        assert len(both.targets) == len(both.discovery) == 1

    def test_credentials_are_not_shown(self) -> None:
        """Whatever is wrong with an address, a password in it stays unsaid."""
        for url in (
            *("http://u:hidden@a", "ftp://u:hidden@a", "http://u:hidden @a"),
            *("http://u:hidden", "hidden", "http://[hidden", "http://-hidden"),
        ):
            (complaint,) = complaints(f'discovery: [{{http: "{url}"}}]')
            assert "hidden" not in complaint


class TestModules:
    """Modules, built in and written."""

    def test_built_in(self) -> None:
        """Without a word about modules there are the five of the contract."""
        assert dict(read("targets: [a]").modules) == {
            "banner": Module(name="banner", ehlo=False),
            "mx": Module(name="mx", tls=TlsMode.OPPORTUNISTIC, verify=Policy.REPORT),
            "submission": Module(
                name="submission", tls=TlsMode.REQUIRED, verify=Policy.ENFORCE
            ),
            "submissions": Module(
                name="submissions", tls=TlsMode.IMPLICIT, verify=Policy.ENFORCE
            ),
            "lmtp": Module(name="lmtp", protocol=Protocol.LMTP),
        }

    def test_every_key(self) -> None:
        """Every key of a module arrives where it belongs."""
        config = read(
            """
            modules:
              mine:
                protocol: lmtp
                ehlo: true
                ehlo_name: "[IPv6:2001:db8::1]"
                tls: required
                verify: "off"
                tls_server_name: mail.example.com
                min_version: TLS11
                dane: report
                dane_resolver: 192.0.2.53:5353
                dane_resolver_trusted: true
                mta_sts: enforce
                quit: strict
                hold: 1s
                timeout: 2s
                timeouts: {dns: 3s, connect: 4s, tls: 5s, greeting: 6s, command: 7s,
                           quit: 8s, close: 9s}
                ip_family: prefer_ipv6
                addresses: all
                source_address: 2001:db8::2
                proxy_protocol: v2
                auth: {mechanism: CRAM-MD5, username: u, password_env: PATH,
                       initial_response: false, allow_plaintext: true}
                mail: {from: a@example.com, rcpt: b@example.com}
                expect: {greeting: [220, 554], banner: '^mx\\d+\\.',
                         reply: {rcpt: [550, 554], ehlo: [250]},
                         extensions: [pipelining, SIZE], extensions_absent: [Vrfy]}
            targets: [{host: a, module: mine}]
            """
        )
        assert config.targets[0].module == Module(
            name="mine",
            protocol=Protocol.LMTP,
            ehlo=True,
            ehlo_name="[IPv6:2001:db8::1]",
            tls=TlsMode.REQUIRED,
            verify=Policy.OFF,
            tls_server_name="mail.example.com",
            min_version=TlsVersion.TLS11,
            dane=Policy.REPORT,
            dane_resolver=("192.0.2.53", 5353),
            mta_sts=Policy.ENFORCE,
            quit=QuitPolicy.STRICT,
            hold=1.0,
            timeout=2.0,
            timeouts=Timeouts(
                dns=3, connect=4, tls=5, greeting=6, command=7, quit=8, close=9
            ),
            ip_family=IpFamily.PREFER_IPV6,
            addresses=Addresses.ALL,
            source_address="2001:db8::2",
            proxy_protocol=ProxyProtocol.V2,
            auth=Auth(
                mechanism=Mechanism.CRAM_MD5,
                username="u",
                password=SecretSource(env="PATH"),
                initial_response=False,
                allow_plaintext=True,
            ),
            mail=Mail(sender="a@example.com", recipient="b@example.com"),
            expect=Expect(
                greeting=frozenset({220, 554}),
                banner=r"^mx\d+\.",
                reply=(
                    (Phase.EHLO, frozenset({250})),
                    (Phase.RCPT, frozenset({550, 554})),
                ),
                extensions=frozenset({"PIPELINING", "SIZE"}),
                extensions_absent=frozenset({"VRFY"}),
            ),
        )

    def test_defaults_of_sections(self) -> None:
        """A section with only what it needs takes every other default."""
        config = read(
            "modules: {mine: {auth: {username: u, password_env: PATH}, "
            "mail: {rcpt: postmaster@example.com}, expect: {}}}\ntargets: [a]"
        )
        assert config.modules["mine"] == Module(
            name="mine",
            auth=Auth(
                mechanism=Mechanism.PLAIN,
                username="u",
                password=SecretSource(env="PATH"),
            ),
            mail=Mail(sender="", recipient="postmaster@example.com"),
            expect=Expect(),
        )

    @pytest.mark.parametrize(
        "resolver",
        ["127.0.0.53", "127.0.0.1:5353", '"::1"', '"[::1]:53"', '"::ffff:127.0.0.1"'],
    )
    def test_a_resolver_on_loopback(self, resolver: str) -> None:
        """A resolver on this machine needs nobody's word that it is trusted."""
        config = read(
            "modules: {x: {tls: implicit, dane: enforce, "
            f"dane_resolver: {resolver}}}}}\ntargets: [a]"
        )
        assert config.modules["x"].dane_resolver is not None

    @pytest.mark.parametrize(
        "keys",
        [
            "tls: opportunistic, verify: enforce",
            "tls: implicit, ehlo: false, tls_server_name: '2001:db8::1'",
            "tls: none, verify: report, min_version: TLS13, dane: 'off', mta_sts: off",
            "dane_resolver: 127.0.0.1, dane_resolver_trusted: false",
            "tls: required, mta_sts: enforce",
        ],
    )
    def test_keys_that_go_together(self, keys: str) -> None:
        """What has a meaning, or says nothing where it has none, is let pass."""
        config = read(f"modules: {{x: {{{keys}}}}}\ntargets: [{{host: a, module: x}}]")
        assert config.targets[0].module.name == "x"

    def test_tls_can_be_taken_from_a_built_in(self) -> None:
        """A built-in module without TLS keeps its `verify`, which says nothing then."""
        config = read("modules: {submission: {tls: none}}\ntargets: [a]")
        assert config.modules["submission"] == Module(
            name="submission", verify=Policy.ENFORCE
        )

    @pytest.mark.parametrize("header", list(ProxyProtocol))
    def test_off_is_a_word(self, header: ProxyProtocol) -> None:
        """No quotes are needed: in YAML 1.2 `off` is text."""
        config = read(
            f"modules: {{x: {{proxy_protocol: {header.value}}}}}\ntargets: [a]"
        )
        assert config.modules["x"].proxy_protocol is header

    @pytest.mark.parametrize("step", ["auth: [535]", "mail: [550]", "rcpt: [550]"])
    def test_replies_to_a_step_that_is_taken(self, step: str) -> None:
        """A reply may be expected once the module has the step it answers."""
        config = read(
            f"modules: {{x: {{expect: {{reply: {{{step}}}}}, "
            "mail: {rcpt: a@b}, auth: {username: u, password_env: PATH}}}\n"
            "targets: [a]"
        )
        ((phase, codes),) = config.modules["x"].expect.reply
        assert f"{phase}: {list(codes)}" == step

    @pytest.mark.parametrize("step", ReplyKeys.model_fields)
    def test_replies_to_a_step_that_is_not_taken(self, step: str) -> None:
        """No reply may be expected to what the module never says."""
        (said,) = complaints(
            f"modules: {{x: {{ehlo: false, expect: {{reply: {{{step}: [250]}}}}}}}}\n"
            "targets: [a]"
        )
        assert f"modules.x.expect.reply.{step}: this " in said

    def test_an_override_of_a_silent_module(self) -> None:
        """`banner` with EHLO may ask for what needs it."""
        config = read(
            "modules: {banner: {ehlo: true, expect: {extensions: [SIZE]}}}\n"
            "targets: [a]"
        )
        assert config.modules["banner"].expect.extensions == {"SIZE"}

    def test_an_override_keeps_the_protocol(self) -> None:
        """The owner's lmtp speaks LMTP unless it says otherwise."""
        text = "modules: {lmtp: {quit: strict}}\ntargets: [a:24]"
        assert read(text).targets[0].module == Module(
            name="lmtp", protocol=Protocol.LMTP, quit=QuitPolicy.STRICT
        )

    def test_an_override_keeps_the_rest(self) -> None:
        """A module of a built-in's name starts from the built-in's values."""
        config = read("modules: {banner: {timeouts: {dns: 1s}}}\ntargets: [a]")
        assert config.modules["banner"] == Module(
            name="banner", ehlo=False, timeouts=Timeouts(dns=1)
        )
        assert BUILT_IN["banner"].timeouts == Timeouts()

    def test_modules_are_frozen(self) -> None:
        """Nobody can add a module behind the configuration's back."""
        with pytest.raises(TypeError):
            read("targets: [a]").modules["x"] = Module(name="x")  # type: ignore[index]  # that is the point


class TestIntervals:
    """How often targets are probed that are not written down."""

    def test_of_each_module(self) -> None:
        """Each module has its own interval or the schedule's, the built-in ones too."""
        config = read(
            "schedule: {interval: 2m}\nmodules: {mx: {interval: 30s}, x: {}}\n"
            "targets: [a]"
        )
        assert config.intervals == {
            "banner": 120.0,
            "mx": 30.0,
            "submission": 120.0,
            "submissions": 120.0,
            "lmtp": 120.0,
            "x": 120.0,
        }


class TestSettings:
    """What is not about one target."""

    def test_defaults(self) -> None:
        """A file with nothing but a target takes every default."""
        config = read("targets: [a]")
        assert (config.concurrency, config.per_host) == (500, 2)
        assert config.dns_servers == ()
        assert (config.domains, config.discovery) == ((), ())
        assert config.certificate_info
        assert config.history == (5, 5, 32 * 1024 * 1024)
        assert config.latency_buckets == DEFAULT_BUCKETS
        assert config.target_bucket_phases == frozenset()

    def test_every_key(self) -> None:
        """Every key outside modules and targets arrives where it belongs."""
        config = read(
            """
            limits: {concurrency: 7, per_host: 3}
            dns: {servers: [127.0.0.1, "192.0.2.1:5353", "[::1]:54", "::1"]}
            metrics:
              latency_buckets: [5ms, 1s, 1m30s]
              target_buckets: [connect, quit]
              certificate_info: false
            history: {sessions: 0, failures: 50, max_bytes: 1048576}
            targets: [a]
            """
        )
        assert (config.concurrency, config.per_host) == (7, 3)
        assert config.dns_servers == (
            ("127.0.0.1", 53),
            ("192.0.2.1", 5353),
            ("::1", 54),
            ("::1", 53),
        )
        assert config.latency_buckets == (0.005, 1.0, 90.0)
        assert not config.certificate_info
        assert config.history == (0, 50, 1048576)
        assert config.target_bucket_phases == {Phase.CONNECT, Phase.QUIT}

    def test_the_text_is_kept(self) -> None:
        """The text stays as it was read, and out of the repr."""
        config = read("targets: [a] # as written\n")
        assert config.text == "targets: [a] # as written\n"
        assert "as written" not in repr(config)


class TestLoad:
    """From a file."""

    def test_a_good_file(self, tmp_path: Path) -> None:
        """A file is read as UTF-8, a byte order mark or not."""
        path = tmp_path / "config.yaml"
        path.write_text("targets: [{host: a, name: Zürich}]", encoding="utf-8-sig")
        assert load(path).targets[0].name == "Zürich"

    def test_the_example(self) -> None:
        """The example that is shipped loads, and shows what the defaults are."""
        config = load(EXAMPLE)
        plain = read("targets: [a]")
        assert config.modules["patient"] == Module(name="patient")
        assert len(config.targets) == 6
        assert [domain.domain for domain in config.domains] == ["example.com"]
        assert (config.concurrency, config.per_host) == (
            plain.concurrency,
            plain.per_host,
        )
        assert {t.interval for t in config.targets} == {60.0, 30.0}

    def test_the_example_uncommented(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the example shows as a comment would load as well."""
        monkeypatch.setenv("SMTP_PASSWORD", "x")
        authority = CA()
        client = authority.issue_cert("probe.example.com")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
        client.private_key_pem.write_to_path(tmp_path / "client.key")
        text = re.sub(
            "^( +)# ([a-z_]+: )", r"\1\2", EXAMPLE.read_text(), flags=re.MULTILINE
        )
        config = parse(text, path=tmp_path / "config.yaml")
        assert config.latency_buckets == (0.005, 0.05, 0.5, 5.0)
        patient = config.modules["patient"]
        assert patient.ehlo_name == "probe.example.com"
        assert patient.auth == Auth(
            mechanism=Mechanism.PLAIN,
            username="probe",
            password=SecretSource(env="SMTP_PASSWORD"),
        )
        assert patient.mail == Mail(sender="", recipient="postmaster@example.com")
        assert patient.expect.banner == r"^mx\d+\."
        assert dict(patient.expect.reply) == {Phase.RCPT: {550, 554}}
        assert config.modules["careful"] == Module(
            name="careful",
            tls=TlsMode.REQUIRED,
            tls_server_name="mx.example.com",
            ca_file=str(tmp_path / "ca.pem"),
            cert_file=str(tmp_path / "client.pem"),
            key_file=str(tmp_path / "client.key"),
            dane=Policy.ENFORCE,
            dane_resolver=("192.0.2.53", 53),
        )

    def test_a_missing_file(self, tmp_path: Path) -> None:
        """A file that isn't there is one complaint without a place."""
        path = tmp_path / "config.yaml"
        with pytest.raises(ConfigError) as raised:
            load(path)
        assert str(raised.value) == f"{path}: there is no such file; check the path"

    def test_a_directory(self, tmp_path: Path) -> None:
        """A directory is one complaint that asks for the file in it."""
        with pytest.raises(ConfigError, match="this is a directory; give the path"):
            load(tmp_path)

    def test_another_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Any other failure to read is told in the system's words."""

        def fail(_path: Path, _mode: str) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(Path, "open", fail)
        with pytest.raises(ConfigError, match="it cannot be read: Input/output error"):
            load(tmp_path)

    def test_not_utf8(self, tmp_path: Path) -> None:
        """An octet that isn't UTF-8 is shown with its place."""
        path = tmp_path / "config.yaml"
        path.write_bytes("targets:\n  - mü".encode() + b"\xfc.example.com\n")
        with pytest.raises(ConfigError) as raised:
            load(path)
        assert str(raised.value) == (
            f"{path}:2:7: octet 0xfc is not UTF-8; save the file as UTF-8"
        )

    def test_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file over the limit is refused before it is understood."""
        monkeypatch.setattr(config_source, "MAX_OCTETS", 10)
        path = tmp_path / "config.yaml"
        path.write_text("targets: [a]")
        with pytest.raises(ConfigError, match="larger than 10 octets"):
            load(path)


def complaints_of(text: str) -> tuple[Complaint, ...] | None:
    """Give the complaints; None for a good configuration."""
    try:
        read(text)
    except ConfigError as error:
        return error.complaints
    return None


_KEYS = (
    *("targets", "modules", "schedule", "interval", "limits", "dns", "servers"),
    *("metrics", "latency_buckets", "target_buckets", "host", "port", "name"),
    *("module", "labels", "timeouts", "quit", "ehlo", "tls", "mx", "site", "auth"),
    *("mail", "from", "rcpt", "expect", "greeting", "banner", "reply", "extensions"),
    *("extensions_absent", "username", "password_file", "password_env", "password"),
    *("mechanism", "source_address", "proxy_protocol", "protocol", "verify"),
    *("tls_server_name", "ca_file", "cert_file", "key_file", "min_version", "dane"),
    *("dane_resolver", "dane_resolver_trusted", "mta_sts", "addresses", "discovery"),
    *("files", "http", "refresh", "certificate_info", "on_demand", "enabled"),
    *("modules", "allow", "ports", "concurrency"),
    *("history", "sessions", "failures", "max_bytes"),
    *("*", "[key]", "<<", ""),
)
_SYNTAX = (
    *"[]{},:-?\"'#\n\t \\&*!|>%@`\ud800\ufeff",
    *(
        ": ",
        "\n  ",
        "\n- ",
        "- ",
        "---",
        "...",
        "%YAML ",
        "<<: ",
        "&a ",
        "*a",
        "!!int ",
    ),
    *("!!str ", "!x ", "null", "~", "true", "0x1f", ".inf", "1", "60s", "a:25"),
)
_PIECES = st.sampled_from(_KEYS + _SYNTAX) | st.text(max_size=3)
_TEXTS = st.text() | st.lists(_PIECES).map("".join)


@pytest.mark.parametrize("parser", PARSERS)
@given(text=_TEXTS)
@settings(deadline=None, max_examples=300)
def test_any_text(parser: type, text: str) -> None:
    """Whatever the text, it is a configuration or a ConfigError, nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_Loader", parser)
        said = complaints_of(text)
    assert said is None or said


_LEAVES = st.sampled_from(
    [
        *("a", "60s", "x:25", "2m", "none", "::1", "\x00", "unix:/a", "unix:a", "PATH"),
        *("a@b", "(", "/", "..", "SIZE", "PLAIN", 220, 221, "required", "enforce"),
        *("http://a", "a.json", "127.0.0.1", "192.0.2.1:53", "mx", "submission"),
    ]
) | (st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5))
_TREES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(tree=st.dictionaries(st.sampled_from(_KEYS), _TREES, max_size=5))
@settings(deadline=None)
def test_any_tree(tree: dict[str, object]) -> None:
    """Whatever stands under the keys, each complaint is one line with a place."""
    for complaint in complaints_of(json.dumps(tree)) or ():
        assert complaint.place is not None
        assert str(complaint).isprintable()
