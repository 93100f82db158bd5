"""The main job on real input: Postfix, probed on schedule, scraped by Prometheus."""

from pathlib import Path

from tests.e2e.conftest import Scraping
from tests.e2e.programs import running_exporter
from tests.interop.postfix import Postfix

_CONFIG = """\
schedule: {{interval: 1s}}
targets:
  - {{host: 127.0.0.1, port: {port}, name: postfix, labels: {{site: here}}}}
"""


def test_postfix_is_seen_by_prometheus(
    postfix: Postfix, scraping: Scraping, tmp_path: Path
) -> None:
    """Prometheus answers that Postfix greets, says 221 and closes cleanly."""
    config = tmp_path / "config.yaml"
    config.write_text(_CONFIG.format(port=postfix.port))

    with (
        running_exporter("serve", "--config.file", config) as (exporter, address),
        scraping(address) as prometheus,
    ):
        prometheus.await_value('smtp_probe_success{target="postfix",site="here"}', 1)
        prometheus.await_value('smtp_banner_present{target="postfix"}', 1)
        prometheus.await_value('smtp_graceful_close{target="postfix"}', 1)
        prometheus.await_value('smtp_probes_total{target="postfix"} >= bool 3', 1)
        code = exporter.stop()

    assert code == 0
    ends = postfix.logged(r"disconnect from \S+ (.*)", 3)
    assert set(ends) == {"ehlo=1 quit=1 commands=2"}
    assert "lost connection" not in postfix.log


def test_postfix_that_dies_is_seen(
    postfix: Postfix, scraping: Scraping, tmp_path: Path
) -> None:
    """A Postfix that ends is refused connections within an interval, and says so."""
    config = tmp_path / "config.yaml"
    config.write_text(_CONFIG.format(port=postfix.port))

    with (
        running_exporter("serve", "--config.file", config) as (_, address),
        scraping(address) as prometheus,
    ):
        prometheus.await_value('smtp_probe_success{target="postfix"}', 1)
        postfix.stop()
        prometheus.await_value(
            'smtp_probe_failure{target="postfix",phase="connect",reason="refused"}', 1
        )
        assert not prometheus.query('smtp_reply_code{target="postfix"}')
