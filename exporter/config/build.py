"""A sound document -> `Config`: every default filled in, every name looked up.

Refuses to complain: whatever could be wrong was found before.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.config.allow import to_allow_list
from exporter.config.builtin import BUILT_IN
from exporter.config.config import Config, OnDemand
from exporter.config.discovery_keys import FilesKeys, SourceKeys
from exporter.config.model import Document
from exporter.config.module_keys import ModuleKeys
from exporter.config.on_demand_keys import OnDemandKeys
from exporter.config.talk_keys import AuthKeys, ExpectKeys, MailKeys
from exporter.config.target_keys import DomainKeys, TargetKeys
from exporter.history import Bounds
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
)
from exporter.vocabulary import Phase

# What a module's keys say that its frozen facts do not hold, or hold otherwise.
_NOT_A_FACT = frozenset(
    {"interval", "timeouts", "auth", "mail", "expect", "dane_resolver_trusted"}
)
_PHASE_OF = {str(phase): phase for phase in Phase}


def to_config(document: Document, text: str) -> Config:
    """Give the configuration that a sound document stands for."""
    written = document.modules
    modules = {
        **BUILT_IN,
        **{name: _module(name, keys) for name, keys in written.items()},
    }
    intervals = {
        **dict.fromkeys(modules, document.schedule.interval),
        **{name: keys.interval for name, keys in written.items() if keys.interval},
    }
    items = document.targets
    return Config(
        targets=tuple(
            _target(keys, modules, intervals)
            for keys in items
            if isinstance(keys, TargetKeys)
        ),
        modules=MappingProxyType(modules),
        intervals=MappingProxyType(intervals),
        domains=tuple(
            _domain(keys, modules, intervals)
            for keys in items
            if isinstance(keys, DomainKeys)
        ),
        discovery=tuple(map(_source, document.discovery)),
        concurrency=document.limits.concurrency,
        per_host=document.limits.per_host,
        dns_servers=document.dns.servers,
        latency_buckets=document.metrics.latency_buckets,
        target_bucket_phases=frozenset(document.metrics.target_buckets),
        certificate_info=document.metrics.certificate_info,
        on_demand=_on_demand(document.on_demand, modules),
        history=Bounds(
            sessions=document.history.sessions,
            failures=document.history.failures,
            max_bytes=document.history.max_bytes,
        ),
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
        auth=_auth(keys.auth) if keys.auth else None,  # no built-in module has any
        mail=_mail(keys.mail) if keys.mail else None,
        expect=_expect(keys.expect),
    )


def _auth(keys: AuthKeys) -> Auth:
    return Auth(
        mechanism=keys.mechanism,
        username=keys.username,
        password=SecretSource(file=keys.password_file, env=keys.password_env),
        initial_response=keys.initial_response,
        allow_plaintext=keys.allow_plaintext,
    )


def _mail(keys: MailKeys) -> Mail:
    return Mail(sender=keys.sender, recipient=keys.recipient)


def _expect(keys: ExpectKeys) -> Expect:
    return Expect(
        greeting=frozenset(keys.greeting),
        banner=keys.banner,
        reply=tuple(
            (_PHASE_OF[key], frozenset(codes)) for key, codes in keys.reply if codes
        ),
        extensions=frozenset(keys.extensions),
        extensions_absent=frozenset(keys.extensions_absent),
    )


def _target(
    keys: TargetKeys, modules: Mapping[str, Module], intervals: Mapping[str, float]
) -> Target:
    return Target(
        name=keys.full_name,
        host=keys.host,
        port=keys.tcp_port,
        module=modules[keys.module_name],
        interval=keys.interval or intervals[keys.module_name],
        labels=tuple(keys.labels.items()),
    )


def _domain(
    keys: DomainKeys, modules: Mapping[str, Module], intervals: Mapping[str, float]
) -> MailDomain:
    return MailDomain(
        domain=keys.domain,
        port=keys.port,
        module=modules[keys.module_name],
        interval=keys.interval or intervals[keys.module_name],
        labels=tuple(keys.labels.items()),
    )


def _on_demand(keys: OnDemandKeys, modules: Mapping[str, Module]) -> OnDemand:
    silent = (name for name, module in modules.items() if module.auth is None)
    return OnDemand(
        enabled=keys.enabled,
        modules=frozenset(keys.modules or silent),
        allow=to_allow_list(keys.allow),
        ports=frozenset(keys.ports),
        concurrency=keys.concurrency,
    )


def _source(keys: SourceKeys) -> FileSource | HttpSource:
    if isinstance(keys, FilesKeys):
        return FileSource(files=keys.files, module=keys.module, refresh=keys.refresh)
    return HttpSource(url=keys.http, module=keys.module, refresh=keys.refresh)
