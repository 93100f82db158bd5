"""A configuration as it may be shown: what is written, and nothing about secrets.

Comments are left out, and where a secret is kept as well: some write the secret there.
"""

from io import StringIO

import yaml

REDACTED = "<secret>"
_KEPT_APART = frozenset({"password_file", "password_env"})


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
    secret = False
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if not isinstance(event, yaml.ScalarEvent):
            secret = False
        elif secret:
            event.value, secret = REDACTED, False
        else:
            secret = event.value in _KEPT_APART
        events.append(event)
    return events
