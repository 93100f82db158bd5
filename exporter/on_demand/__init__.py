"""Probes that are asked for over HTTP, as blackbox_exporter's are.

wish decides what a request comes to, or why it is declined; page writes what is
answered; runner has it probed within a cap of its own. Nothing here is scheduled,
recorded or kept: the ledger knows the scheduled targets alone.
"""

from exporter.on_demand.runner import OnDemandProbes

__all__ = ["OnDemandProbes"]
