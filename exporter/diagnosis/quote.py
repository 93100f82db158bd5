"""How words that a server chose stand in a sentence of ours: bounded, and in quotes."""

# A refusal's text is mostly one short sentence; the transcript has the rest.
MAX_QUOTED = 120
_CUT = " [...]"


def quoted(text: str) -> str:
    """Quote a server's words so that they cannot pass for ours, or steer a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in text).replace('"', "'")
    if len(shown) > MAX_QUOTED:
        shown = shown[: MAX_QUOTED - len(_CUT)] + _CUT
    return f'"{shown}"'
