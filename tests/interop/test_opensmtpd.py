"""Debian 12's OpenSMTPD with a certificate: it offers TLS, and cannot speak it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.config.builtin import BUILT_IN
from exporter.demo.certificates import Kind
from exporter.outcome import Failure
from exporter.vocabulary import Phase, Reason
from tests.interop.mta import Door
from tests.interop.opensmtpd import running_opensmtpd
from tests.interop.visit import probed


@pytest.mark.parametrize("kind", [Kind.GOOD, Kind.RSA])
@pytest.mark.parametrize("door", [Door.SMTP, Door.SUBMISSIONS])
def test_handshake(kind: Kind, door: Door) -> None:
    """A probe says where it fails; OpenSMTPD says that it is OpenSSL which fails it.

    Where this test fails since the handshake succeeds, the doors belong into the table
    of test_servers.py.
    """
    modules = {Door.SMTP: BUILT_IN["mx"], Door.SUBMISSIONS: BUILT_IN["submissions"]}
    with TemporaryDirectory() as place:
        with running_opensmtpd(Path(place), certificate=kind) as mta:
            outcome = probed(mta, door, modules[door])
        assert outcome.failure == Failure(Phase.TLS, Reason.HANDSHAKE)
        assert "internal error" in outcome.transcript[-1].text
        assert 'reason="io-error: error:0A080006:SSL routines::EVP lib"' in mta.log()
