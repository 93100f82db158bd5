"""A sound document -> `Config`: every default filled in, every name looked up.

Refuses to complain: whatever could be wrong was found before.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.config.builtin import BUILT_IN
from exporter.config.config import Config
from exporter.config.model import Document, ModuleKeys, TargetKeys
from exporter.targets import Module, Target

# What a module's keys say that its frozen facts do not hold, or hold otherwise.
_NOT_A_FACT = frozenset({"protocol", "tls", "interval", "timeouts"})


def to_config(document: Document, text: str) -> Config:
    """Give the configuration that a sound document stands for."""
    written = document.modules
    modules = {
        **BUILT_IN,
        **{name: _module(name, keys) for name, keys in written.items()},
    }
    intervals = {
        name: keys.interval
        for name, keys in written.items()
        if keys.interval is not None
    }
    default = document.schedule.interval
    return Config(
        targets=tuple(
            _target(keys, modules, intervals.get(keys.module_name, default))
            for keys in document.targets
        ),
        modules=MappingProxyType(modules),
        concurrency=document.limits.concurrency,
        per_host=document.limits.per_host,
        dns_servers=document.dns.servers,
        latency_buckets=document.metrics.latency_buckets,
        target_bucket_phases=frozenset(document.metrics.target_buckets),
        text=text,
    )


def _module(name: str, keys: ModuleKeys) -> Module:
    """Lay the keys that were written over the built-in module of that name."""
    base = BUILT_IN.get(name, Module(name=name))
    facts = keys.model_fields_set - _NOT_A_FACT
    limits = keys.timeouts.model_fields_set
    return replace(
        base,
        **{key: getattr(keys, key) for key in facts},
        timeouts=replace(
            base.timeouts, **{key: getattr(keys.timeouts, key) for key in limits}
        ),
    )


def _target(keys: TargetKeys, modules: Mapping[str, Module], interval: float) -> Target:
    return Target(
        name=keys.full_name,
        host=keys.host,
        port=keys.port,
        module=modules[keys.module_name],
        interval=interval if keys.interval is None else keys.interval,
        labels=tuple(keys.labels.items()),
    )
