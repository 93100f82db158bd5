"""What is answered: the gauges of one probe, with the session before them on demand."""

from collections.abc import Iterator

from exporter.diagnosis.session import timeline
from exporter.exposition import Accepted, Page
from exporter.exposition.single import Gauges, single_page, single_text
from exporter.metrics.blackbox import Taken, blackbox_gauges
from exporter.metrics.families import gauges_of_latest
from exporter.metrics.family import Sample
from exporter.on_demand.wish import Declined
from exporter.outcome import Outcome
from exporter.probe.resolve import literal
from exporter.targets import Target
from exporter.vocabulary import Refused
from exporter.web.on_demand import Answer

_PLAIN = "text/plain; charset=utf-8"
_STATUS = {
    Refused.DISABLED: 404,
    Refused.INVALID: 400,
    Refused.FORBIDDEN: 403,
    Refused.BUSY: 503,
}
# A probe has ended by then, if not all of them; Prometheus does not look, people may.
RETRY_SECONDS = 5


def page_of(gauges: Gauges, accepted: Accepted) -> Answer:
    """Answer with metrics."""
    page: Page = single_page(gauges, accepted)
    return Answer(200, page.content_type, page.body, page.gzip)


def debug_page_of(target: Target, outcome: Outcome, gauges: Gauges) -> Answer:
    """Answer with the session as people read it, and then the metrics."""
    session = "\n".join(timeline(target, outcome))
    body = f"{session}\n\n".encode() + single_text(gauges, openmetrics=False)
    return Answer(200, _PLAIN, body)


def no_page_of(declined: Declined) -> Answer:
    """Answer with the reason alone."""
    return Answer(
        _STATUS[declined.cause],
        _PLAIN,
        f"{declined}\n".encode(),
        retry_after=RETRY_SECONDS if declined.cause is Refused.BUSY else None,
    )


def gauges_of(
    target: Target, outcome: Outcome, taken: Taken, *, certificate_info: bool
) -> Iterator[tuple[str, str, tuple[Sample, ...]]]:
    """Give the gauges of one probe: blackbox's, then ours."""
    reached = literal(outcome.address) if outcome.address else None
    blackbox = blackbox_gauges(
        outcome,
        taken,
        family=reached.family if reached else None,
        is_literal=literal(target.host) is not None,
    )
    for gauge in blackbox:
        yield gauge.name, gauge.help, tuple(gauge.samples)
    for name, _, text, samples in gauges_of_latest(certificate_info=certificate_info):
        yield name, text, tuple(samples(outcome))
