r"""Sample lines and headers, the same octets for both exposition formats.

Text 0.0.4 and OpenMetrics 1.0 differ in their headers and in the final `# EOF`, not in
sample lines: so a line is written once, whatever the next scrape will ask for.

    smtp_probe_success{target="mx1:25",host="mx1",port="25",module="mx"} 1
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from prometheus_client.utils import floatToGoString

from exporter.targets import Target

# From 0 to this, Python's shortest spelling is Go's, and nearly every value is.
_PLAIN_BELOW = 1e6


class Kind(StrEnum):
    """The type of a metric family."""

    COUNTER = "counter"
    GAUGE = "gauge"
    SUMMARY = "summary"
    HISTOGRAM = "histogram"


def escape(value: str) -> str:
    """Escape a label value, by the rules that both formats share."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """Write label pairs without their braces."""
    return ",".join([f'{name}="{escape(value)}"' for name, value in pairs])


def target_labels(target: Target) -> str:
    """Write the labels that every line of a target begins with."""
    address = (("address", target.address),) if target.address is not None else ()
    exchanger = target.exchanger
    domain = (("mx_domain", exchanger.domain),) if exchanger is not None else ()
    return labels(
        (
            ("target", target.name),
            ("host", target.host),
            ("port", str(target.port)),
            ("module", target.module.name),
            *address,
            *domain,
            *target.labels,
        )
    )


def number(value: float) -> str:
    """Write a sample's value as Prometheus itself would."""
    if type(value) is not float:
        return str(int(value))
    if 0 < value < _PLAIN_BELOW:
        return repr(value)
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the client's own formatter


def figure(value: float) -> bytes:
    """Write a sample's value as it ends a line; what is the same is mostly one object.

    Two of three figures are whole: a flag, a code, a count.
    """
    if type(value) is float:
        return f"{number(value)}\n".encode()
    return _whole(int(value))


@lru_cache(maxsize=4096)
def _whole(value: int) -> bytes:
    return b"%d\n" % value


def header(name: str, kind: Kind, text: str, *, openmetrics: bool) -> bytes:
    """Write a family's HELP and TYPE; OpenMetrics names counters without `_total`."""
    if openmetrics and kind is Kind.COUNTER:
        name = name.removesuffix("_total")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode()
