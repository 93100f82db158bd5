"""What every level of keys is built from.

Holds the law of a level (no key but those that are named) and the kinds that more than
one room of the model uses. Refuses to know any key.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo

from exporter.config.kinds import Span, Text
from exporter.config.labels import MAX_NAME, check_name

RELATIVE = "A relative path begins at this file's folder."

_NAME = Text(check_name, minLength=1, maxLength=MAX_NAME)

Limit = Annotated[float, Span("1ms", "10m")]
Name = Annotated[str, _NAME]
OwnName = Annotated[str | None, _NAME]
OwnInterval = Annotated[float | None, Span("1s", "1d")]


def limit(default: float, what: str) -> Any:
    """Make the field of a limit in time."""
    return Field(default=default, description=f"Limit for {what}, 1ms to 10m.")


def folder_of(info: ValidationInfo) -> Path:
    """Give the folder where relative paths begin."""
    return info.context  # type: ignore[return-value]  # whoever reads a level gives it


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
