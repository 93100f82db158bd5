"""A configuration as it may be shown: what is written, and nothing about secrets.

Comments are left out, where a secret is kept as well (some write the secret there), and
the query of an address: there may be a token in it.
"""

from io import StringIO

import yaml

REDACTED = "<secret>"
_KEPT_APART = frozenset({"password_file", "password_env"})
_ADDRESS = "http"


def redacted(text: str) -> str:
    """Write a sound configuration's text anew, without its secrets.

    Stays with the parser's events, as the reader does: its trees are not to be trusted
    with depth, and these keep the spelling of every value.
    """
    shown = StringIO()
    yaml.emit(_without_secrets(text), shown, allow_unicode=True)
    return shown.getvalue()


def _without_secrets(text: str) -> "list[yaml.Event]":
    events: list[yaml.Event] = []
    key = ""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if not isinstance(event, yaml.ScalarEvent):
            key = ""
        elif key in _KEPT_APART:
            event.value, key = REDACTED, ""
        elif key == _ADDRESS and "?" in event.value:
            event.value, key = f"{event.value.partition('?')[0]}?{REDACTED}", ""
        else:
            key = event.value
        events.append(event)
    return events
