"""The keys of an item of `discovery`: files, or an address of HTTP.

Holds both shapes and how they are told apart. Refuses what takes two keys to judge.
"""

from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo

from exporter.config.complaint import Refusal
from exporter.config.discovery import (
    FILES_PATTERN,
    MAX_URL,
    URL_PATTERN,
    check_files,
    check_url,
)
from exporter.config.kinds import Line, Span, Text, noun
from exporter.config.section import RELATIVE, OwnName, Section, folder_of

FILES_REFRESH = 30.0  # seconds; reading what did not change costs nothing
HTTP_REFRESH = 60.0  # Prometheus's own default

Refresh = Annotated[float, Span("1s", "1d")]


def _full_pattern(text: str, info: ValidationInfo) -> str:
    return check_files(text, folder_of(info))


Files = Annotated[str, Line(str, pattern=FILES_PATTERN), AfterValidator(_full_pattern)]
Url = Annotated[str, Text(check_url, pattern=URL_PATTERN, maxLength=MAX_URL)]


def _module() -> Any:
    return Field(
        default=None,
        description="The module of targets that name none. Default, by their port: "
        "submission for 587, submissions for 465, lmtp for 24, else mx.",
    )


def _refresh(default: float) -> Any:
    return Field(
        default=default,
        description="Time from one look for targets to the next, 1s to 1d.",
    )


class FilesKeys(Section):
    """Files in the format of Prometheus's file_sd that name targets."""

    refused = MappingProxyType(
        {"http": "`files` is another source; give each an item of its own"}
    )

    files: tuple[Files, ...] = Field(
        min_length=1,
        description="Paths that end in .json, .yml or .yaml; the last part may hold "
        f"`*`. {RELATIVE}",
    )
    module: OwnName = _module()
    refresh: Refresh = _refresh(FILES_REFRESH)


class HttpKeys(Section):
    """An address in the format of Prometheus's http_sd that names targets."""

    http: Url = Field(description="An address of http or https, without credentials.")
    module: OwnName = _module()
    refresh: Refresh = _refresh(HTTP_REFRESH)


SourceKeys = FilesKeys | HttpKeys


def source_section(keys: dict[str, object]) -> type[FilesKeys] | type[HttpKeys]:
    """Tell by its keys which of the two a source is.

    Raises Refusal for one that is neither.
    """
    if "files" in keys:
        return FilesKeys
    if "http" in keys:
        return HttpKeys
    raise Refusal("say where targets are found, with `files` or `http`")


def _source(value: object, info: ValidationInfo) -> SourceKeys:
    if not isinstance(value, dict):
        raise Refusal(f"must be a mapping, not {noun(value)}")
    return source_section(value).model_validate(value, context=info.context)


SourceItem = Annotated[
    SourceKeys, PlainValidator(_source, json_schema_input_type=FilesKeys | HttpKeys)
]
