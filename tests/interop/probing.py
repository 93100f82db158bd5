"""One probe of a server of the ring, outside any schedule."""

from exporter import app
from exporter.outcome import Outcome
from exporter.targets import Module, Target


def probed_at(host: str, port: int, module: Module) -> Outcome:
    """Probe whoever listens there, once; the host may be a Unix socket, with port 0."""
    target = Target(name="peer", host=host, port=port, module=module, interval=60.0)
    outcome: Outcome = app.run(app.probe_once(target))
    return outcome
