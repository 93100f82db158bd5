"""What a plain word of YAML means: the core schema of YAML 1.2 (10.3.2), nothing more.

`no`, `on` and `22:22` are text, `025` is twenty-five, a date is text. Refuses the types
of YAML 1.1, which turn words into booleans and ports into base 60.
"""

import re
from collections.abc import Callable

Scalar = str | int | float | bool | None

# An integer of more digits than Python promises to read (640: see
# sys.int_info.str_digits_check_threshold) counts as a float: no number of a
# configuration is that long, and none may raise.
_CORE = re.compile(
    r"""
      (?P<null>  null | Null | NULL | ~ | )
    | (?P<bool>  true | True | TRUE | false | False | FALSE )
    | (?P<int>   [-+]? [0-9]{1,640} )
    | (?P<based> 0o [0-7]{1,640} | 0x [0-9a-fA-F]{1,640} )
    | (?P<float> [-+]? (?: \. [0-9]+ | [0-9]+ (?: \. [0-9]* )? ) (?:[eE][-+]?[0-9]+)? )
    | (?P<odd>   [-+]? \. (?: inf | Inf | INF ) | \. (?: nan | NaN | NAN ) )
    """,
    re.VERBOSE,
)

_MEANING: dict[str, tuple[str, Callable[[str], Scalar]]] = {
    "null": ("null", lambda _: None),
    "bool": ("bool", lambda text: text.lower() == "true"),
    "int": ("int", int),
    "based": ("int", lambda text: int(text, 0)),
    "float": ("float", float),
    "odd": ("float", lambda text: float(text.replace(".", ""))),
}


def resolve(text: str) -> tuple[str, Scalar]:
    """Give the name of a plain scalar's core tag, as in `int`, and its value."""
    match = _CORE.fullmatch(text)
    if match is None or match.lastgroup is None:
        return "str", text
    tag, convert = _MEANING[match.lastgroup]
    return tag, convert(text)
