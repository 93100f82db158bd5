"""`check-config`: what a configuration comes to, or all that is wrong with it.

Opens no socket. A complaint keeps the exporter from starting; a warning does not, it
tells of what is hardly meant so.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from exporter.config import Config, ConfigError, load
from exporter.config.builtin import BUILT_IN
from exporter.config.duration import spell_duration
from exporter.printable import printable
from exporter.targets import FileSource, HttpSource, MailDomain, Module, Target

# Whoever wrote more than these knows them; the rest are counted.
MOST_SHOWN = 20
_OTHERS_READ = 0o004


def run(arguments: argparse.Namespace) -> int:
    """Print what the configuration comes to, or all that is wrong with it."""
    path, web = Path(arguments.config_file), arguments.web_config_file
    config, problems = None, 0
    try:
        config = load(path)
    except ConfigError as error:
        problems += _told(error)
    problems += _web_problems(web) if web else 0
    if config is None or problems:
        it = "it" if problems == 1 else "them"
        print(f"{_counted(problems, 'problem')}; mend {it} and try again.")
        return 1
    for line in summary(path, config, web):
        print(printable(line))
    return 0


def _web_problems(web: str) -> int:
    # aiohttp takes 0.2 s to load, which most checks need not wait for.
    from exporter.cli.web import access  # noqa: PLC0415 -- see above
    from exporter.web.access.tls import TlsRefused  # noqa: PLC0415 -- see above

    try:
        access(web)
    except ConfigError as error:
        return _told(error)
    except TlsRefused as error:
        print(f"{web}: {error}")
        return 1
    return 0


def _told(error: ConfigError) -> int:
    print(error)
    return len(error.complaints)


def summary(path: Path, config: Config, web: str | None = None) -> Iterator[str]:
    """Write what a sound configuration comes to, and what to do next."""
    yield from (f"{file} is sound." for file in (path, web) if file)
    yield ""
    yield from _targets(config)
    yield from _domains(config)
    yield from _sources(config)
    yield ""
    warnings = tuple(warned(config))
    yield from (f"warning: {sentence}" for sentence in warnings)
    yield f"0 problems, {_counted(len(warnings), 'warning')}."
    and_web = f" --web.config.file={quote(web)}" if web else ""
    yield f"Next: mailserver-exporter serve --config.file={quote(str(path))}{and_web}"


def _targets(config: Config) -> Iterator[str]:
    yield f"{_counted(len(config.targets), 'target')} written in the file"
    modules = Counter(target.module.name for target in config.targets).most_common()
    yield from _shown([f"  {count:5}  module {name}" for name, count in modules])


def _domains(config: Config) -> Iterator[str]:
    if config.domains:
        count = _counted(len(config.domains), "mail domain")
        yield f"{count}; each mail exchanger becomes a target when the exporter runs"
        yield from _shown(
            [f"         {d.domain}, module {d.module.name}" for d in config.domains]
        )


def _sources(config: Config) -> Iterator[str]:
    if config.discovery:
        count = _counted(len(config.discovery), "discovery source")
        yield f"{count}, read while the exporter runs"
        yield from _shown([f"         {_source(one)}" for one in config.discovery])


def _source(source: FileSource | HttpSource) -> str:
    module = f"module {source.module}" if source.module else "module by port"
    every = spell_duration(source.refresh)
    return f"{source.where}, {module}, every {every}"


def warned(config: Config) -> Iterator[str]:
    """Tell what is sound and hardly meant so, each with its remedy."""
    yield from _unused(config)
    yield from _longer_than_interval(config)
    yield from _files_not_there(config)
    yield from _open_secrets(config)


def _probed(config: Config) -> tuple[Target | MailDomain, ...]:
    return (*config.targets, *config.domains)


def _unused(config: Config) -> Iterator[str]:
    if config.discovery:  # a list may name any module
        return
    used = {one.module.name for one in _probed(config)}
    if config.on_demand.enabled:
        used |= config.on_demand.modules
    for name, module in config.modules.items():
        if BUILT_IN.get(name) != module and name not in used:
            yield (
                f"no target has the module {name}; name it at a target, or leave it out"
            )


def _longer_than_interval(config: Config) -> Iterator[str]:
    pairs = Counter(
        (t.module.name, t.module.timeout, t.interval)
        for t in _probed(config)
        if t.module.timeout > t.interval
    )
    for (name, timeout, interval), count in pairs.items():
        yield (
            f"{_counted(count, 'target')} of module {name} every "
            f"{spell_duration(interval)} with a timeout of {spell_duration(timeout)}: "
            "while a server hangs, probes are left out; lower `timeout` or raise "
            "`interval`"
        )


def _files_not_there(config: Config) -> Iterator[str]:
    for source in config.discovery:
        if isinstance(source, FileSource):
            for file in source.files:
                path = Path(file)
                if not any(path.parent.glob(path.name)):
                    yield f"no file is named {file} yet; check the path, or make it"


def _open_secrets(config: Config) -> Iterator[str]:
    for name, module in config.modules.items():
        for key, file in _secret_files(module):
            if Path(file).stat().st_mode & _OTHERS_READ:
                yield (
                    f"every user of this machine may read the {key} of module {name}; "
                    "take that away with chmod o-r"
                )


def _secret_files(module: Module) -> Iterator[tuple[str, str]]:
    if module.auth and module.auth.password.file:
        yield "password_file", module.auth.password.file
    if module.key_file:
        yield "key_file", module.key_file


def _shown(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST_SHOWN]
    if len(lines) > MOST_SHOWN:
        yield f"         and {len(lines) - MOST_SHOWN} more"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
