"""What every level of keys is built from.

Holds the law of a level (no key but those that are named) and the kinds that more than
one room of the model uses. Refuses to know any key.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from exporter.config.kinds import Span

NOT_YET = "not supported by this version"

Limit = Annotated[float, Span("1ms", "10m")]
OwnInterval = Annotated[float | None, Span("1s", "1d")]


def limit(default: float, what: str) -> Any:
    """Make the field of a limit in time."""
    return Field(default=default, description=f"Limit for {what}, 1ms to 10m.")


class Section(BaseModel):
    """One level of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Keys that are known and may not stand, each with what is said about it.
    refused: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Give the keys as they are written."""
        fields = cls.model_fields.items()
        return tuple(field.alias or name for name, field in fields)
