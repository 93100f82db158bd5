"""The model -> `config.schema.json`, for editors.

Holds how defaults are spelt there: as the owner would write them.
"""

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from exporter.config.duration import spell_duration
from exporter.config.model import Document


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: object) -> object:
        """Spell durations; they're the only floats in the model."""
        if isinstance(dft, float):
            return spell_duration(dft)
        return super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out None: it stands for a default that the description tells."""
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 -- pydantic's signature
        """Say no: `Ehlo Name` tells nothing that `ehlo_name` doesn't."""
        return False


def schema() -> dict[str, object]:
    """Give the JSON Schema (draft 2020-12) of a configuration."""
    described = Document.model_json_schema(schema_generator=_Generator)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **described,
        "title": "mailserver-exporter's configuration",
    }
