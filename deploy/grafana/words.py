"""The vocabulary as dashboards show it: a word's meaning, and its colour.

Holds colours and mappings; the words and their meanings are the exporter's own, so a
new one is on the dashboards as soon as they are generated anew.
"""

from collections.abc import Iterable

from deploy.grafana.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    YELLOW,
    between,
    words,
)
from exporter.vocabulary import Close, Phase, Reason, Unsolicited, Word

# One colour for a phase wherever it is shown.
PHASE_COLOURS = {
    Phase.DNS: "light-purple",
    Phase.CONNECT: PURPLE,
    Phase.TLS: "dark-purple",
    Phase.GREETING: BLUE,
    Phase.HOLD: GREY,
    Phase.EHLO: "light-blue",
    Phase.STARTTLS: "light-green",
    Phase.EHLO_TLS: "dark-blue",
    Phase.AUTH: YELLOW,
    Phase.MAIL: "light-orange",
    Phase.RCPT: ORANGE,
    Phase.QUIT: GREEN,
    Phase.CLOSE: "dark-green",
}

# Green: as it should be; yellow: 221 was said, TCP was ugly; the rest: no 221.
CLOSE_COLOURS = {
    Close.NONE: GREY,
    Close.CLEAN: GREEN,
    Close.RESET_AFTER_221: "light-yellow",
    Close.OPEN_AFTER_221: YELLOW,
    Close.FIN_WITHOUT_221: "light-orange",
    Close.RESET_WITHOUT_221: ORANGE,
    Close.TIMEOUT: "light-red",
    Close.UNSOLICITED_221: RED,
    Close.CODE_421: "semi-dark-red",
    Close.OTHER_CODE: "dark-red",
    Close.MALFORMED: PURPLE,
    Close.ABORTED: "dark-orange",
}

UNSOLICITED_COLOURS = {
    Unsolicited.CODE_221: ORANGE,
    Unsolicited.CODE_421: RED,
    Unsolicited.OTHER: PURPLE,
}


def _meant(told: Iterable[Word | Reason]) -> dict[str, str]:
    return {str(word): f"{word}: {word.meaning}" for word in told}


REASON_IN_WORDS = (words(_meant(word for word in Reason if word.phases)),)
PHASE_IN_WORDS = (words(_meant(Phase)),)
UNSOLICITED_IN_WORDS = (words(_meant(Unsolicited)),)

YES_NO = (words({"0": "no", "1": "yes"}, {"0": RED, "1": GREEN}),)
WELL_OR_FAILING = (words({"0": "failing", "1": "well"}, {"0": RED, "1": GREEN}),)
FOUND = (words({"0": "no", "1": "yes"}, {"0": GREEN, "1": RED}),)
SEEN = (words({"1": " "}, {"1": BLUE}),)
FAILED = (words({"1": " "}, {"1": RED}),)

# By the first digit of a reply code (RFC 5321 section 4.2.1).
REPLY_CODES = (
    between(200, 299, GREEN),
    between(300, 399, BLUE),
    between(400, 499, ORANGE),
    between(500, 599, RED),
)
