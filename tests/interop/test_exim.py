"""What Exim logs of probes where it is told to log sessions without a message."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.config.builtin import BUILT_IN
from exporter.vocabulary import Close
from tests.interop.exim import running_exim
from tests.interop.mta import Door
from tests.interop.visit import probed

NO_MAIL = "no MAIL in SMTP connection from"


@pytest.mark.parametrize("nolog", ["", "127.0.0.1"], ids=["all", "hosts_nolog"])
def test_no_mail(nolog: str) -> None:
    """`+smtp_no_mail` logs each probe, also of who is in `hosts_connection_nolog`."""
    settings = {"MAIN_LOG_SELECTOR": "+smtp_no_mail", "hosts_connection_nolog": nolog}
    with TemporaryDirectory() as place:
        with running_exim(Path(place), settings=settings) as exim:
            outcome = probed(exim, Door.SMTP, BUILT_IN["banner"])
        assert outcome.close is Close.CLEAN
        assert exim.log().count(NO_MAIL) == 1
