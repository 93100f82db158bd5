"""A resolver whose only server lives in the test, and what it fails with."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

import pytest

from exporter.outcome import Outcome
from exporter.probe.resolve import Resolver
from exporter.probe.run import World, probe
from exporter.probe.trust import Trust
from exporter.smtp.exchange import Interrupted
from exporter.targets import Target
from exporter.vocabulary import Reason
from tests.nameserver import NameServer, Zone, name_server


class Asking(NamedTuple):
    """A resolver, and the server that it asks."""

    resolver: Resolver
    server: NameServer

    async def probe(self, target: Target) -> Outcome:
        """Probe a target whose names are asked of the server."""
        return await probed(target, self.resolver)


def asking(**zones: Zone) -> AbstractAsyncContextManager[Asking]:
    """Run a name server that knows these names under `test.`."""
    return asking_at("127.0.0.1", **zones)


@asynccontextmanager
async def asking_at(address: str, /, **zones: Zone) -> AsyncIterator[Asking]:
    """Run it at this address."""
    under_test = {f"{name}.test": zone for name, zone in zones.items()}
    async with name_server(under_test, address) as server:
        resolver = Resolver((server.address,))
        try:
            yield Asking(resolver, server)
        finally:
            await resolver.close()


async def reason_of(lookup: Awaitable[object]) -> Reason:
    """Await what cannot be found, and give the reason."""
    with pytest.raises(Interrupted) as caught:
        await lookup
    return caught.value.reason


async def probed(target: Target, resolver: Resolver) -> Outcome:
    """Probe a target with this resolver."""
    return await probe(target, World(resolver=resolver, trust=Trust()))
