"""Which commands there are, and which flags each of them takes.

Holds names, defaults and the texts of `--help`; refuses to read a command line, and
imports nothing of what the commands do.
"""

import argparse
from collections.abc import Callable, Mapping

DEFAULT_CONFIG = "/etc/mailserver-exporter/config.yaml"
DEFAULT_LISTEN = ":10525"

_Arguments = Callable[[argparse.ArgumentParser], None]


def _config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        default=DEFAULT_CONFIG,
        help="the configuration (default: %(default)s)",
    )


def _check_config(parser: argparse.ArgumentParser) -> None:
    _config_file(parser)
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        help="check this web configuration too (default: none)",
    )


def _web_and_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        metavar="ADDRESS",
        action="append",
        help="where to serve, as :10525, 127.0.0.1:10525 or [::1]:10525; may be given "
        f"more than once (default: {DEFAULT_LISTEN})",
    )
    parser.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="serve on the sockets that systemd hands over, and on no address "
        "(default: off)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        help="TLS, client certificates, users and their passwords, headers and a rate "
        "limit, in exporter-toolkit's format; read again when it changes (default: "
        "anybody, in the clear)",
    )
    parser.add_argument(
        "--web.external-url",
        dest="external_url",
        metavar="URL",
        help="what a browser asks for to see the first page, where a proxy stands in "
        "front; links begin with its path (default: none)",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        metavar="PATH",
        help="the path below which everything is served (default: the path of "
        "--web.external-url)",
    )
    parser.add_argument(
        "--log.level",
        dest="log_level",
        default="info",
        choices=("debug", "info", "warn", "error"),
        help="the least that is logged (default: %(default)s)",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        default="logfmt",
        choices=("logfmt", "json"),
        help="how lines are written (default: %(default)s)",
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    _config_file(parser)
    parser.add_argument(
        "--config.auto-reload",
        dest="auto_reload",
        action="store_true",
        help="reload the configuration when its content has changed, looking every "
        "10 s; SIGHUP and POST /-/reload do so at once, with or without this "
        "(default: off)",
    )
    parser.add_argument(
        "--shard.count",
        dest="shard_count",
        metavar="N",
        type=int,
        default=1,
        help="over how many exporters the targets are spread (default: %(default)s)",
    )
    parser.add_argument(
        "--shard.ordinal",
        dest="shard_ordinal",
        metavar="K",
        type=int,
        help="which of them this one is, from 0 (default: the number at the end of "
        "this machine's name, as in a StatefulSet's pod)",
    )
    _web_and_log(parser)


def _probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="HOST[:PORT]",
        help="a name or address; port 25 when none is given; [IPv6]:PORT in brackets",
    )
    parser.add_argument(
        "--module",
        metavar="NAME",
        help="how to probe: a module's name (default: by port: 465 submissions, 587 "
        "submission, 24 lmtp, others mx)",
    )
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        help="take modules and DNS servers from this configuration (default: none)",
    )
    parser.add_argument(
        "--output",
        default="text",
        choices=("text", "json"),
        help="text for people, or JSON for programs: a document, and with --count "
        "one line for each session (default: %(default)s)",
    )
    parser.add_argument(
        "--count",
        metavar="N",
        type=int,
        default=1,
        help="hold so many sessions, tell each in a line, and sum them up; 0 goes on "
        "until Ctrl-C (default: %(default)s, which is told line by line)",
    )
    parser.add_argument(
        "--interval",
        metavar="DURATION",
        default="5s",
        help="from the start of one session to that of the next, 1s or more; less is "
        "for servers on this machine (default: %(default)s)",
    )


def _healthcheck(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ready",
        action="store_true",
        help="ask whether it is ready, that is, whether all targets are on the "
        "schedule (default: off, ask whether it is alive)",
    )
    parser.add_argument(
        "--pid",
        metavar="PID",
        type=int,
        help="take the web flags that are not given here from the command line of this "
        "process, the exporter itself; 1 in a container (default: none)",
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        help="ask exactly this address; the web flags then mean nothing (default: "
        "made of them)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        default="3s",
        help="how long the answer may take in all (default: %(default)s)",
    )
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        metavar="ADDRESS",
        action="append",
        help="where the exporter serves, as it was told; of several the first is "
        f"asked, and of every address the loopback one (default: {DEFAULT_LISTEN})",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        help="the exporter's web configuration: whether it serves HTTPS (default: "
        "none, HTTP)",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        metavar="PATH",
        help="the exporter's prefix of all paths (default: the path of "
        "--web.external-url)",
    )
    parser.add_argument(
        "--web.external-url",
        dest="external_url",
        metavar="URL",
        default="",
        help="where others reach the exporter; only its path is used (default: none)",
    )


def _nothing(_: argparse.ArgumentParser) -> None:
    """Add no arguments."""


COMMANDS: Mapping[str, tuple[str, _Arguments]] = {
    "serve": ("probe the configured mail servers and serve their metrics", _serve),
    "probe": ("probe one mail server now and show the session", _probe),
    "check-config": ("say whether the configuration is sound", _check_config),
    "demo": ("serve the metrics of local demo servers, good and bad", _web_and_log),
    "healthcheck": ("ask the running exporter whether it is well", _healthcheck),
    "schema": ("print the JSON Schema of the configuration", _nothing),
    "version": ("print the version", _nothing),
}
