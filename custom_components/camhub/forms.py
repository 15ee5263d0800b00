"""A provider's fields as Home Assistant selectors and schemas."""

from collections.abc import Mapping, Sequence
from typing import Final

from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from .kernel.signin import Field, FieldKind

type FieldSelector = TextSelector | BooleanSelector | SelectSelector | NumberSelector

TEXT_TYPES: Final[Mapping[FieldKind, TextSelectorConfig]] = {
    FieldKind.TEXT: TextSelectorConfig(type=TextSelectorType.TEXT, autocomplete="off"),
    FieldKind.PASSWORD: TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password"),
    FieldKind.URL: TextSelectorConfig(type=TextSelectorType.TEXT, autocomplete="url"),
    FieldKind.EMAIL: TextSelectorConfig(type=TextSelectorType.EMAIL, autocomplete="username"),
    FieldKind.MULTILINE: TextSelectorConfig(multiline=True),
}
# Fields that always have a value.
_ALWAYS: Final = frozenset({FieldKind.BOOLEAN, FieldKind.SELECT, FieldKind.NUMBER})


def number_selector(minimum: float, maximum: float, unit: str | None = None, step: float = 1) -> NumberSelector:
    """Return a box for a number within bounds."""
    config = NumberSelectorConfig(min=minimum, max=maximum, step=step, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def choice(names: Mapping[str, str], *, multiple: bool = False) -> SelectSelector:
    """Return a selector of keys shown by their names."""
    options = [SelectOptionDict(value=key, label=name) for key, name in names.items()]
    return SelectSelector(SelectSelectorConfig(options=options, multiple=multiple))


def _selector(field: Field) -> FieldSelector:
    """Return the selector of a field."""
    match field.kind:
        case FieldKind.BOOLEAN:
            return BooleanSelector()
        case FieldKind.NUMBER:
            return number_selector(field.minimum or 0, field.maximum or 0, field.unit, field.step)
        case FieldKind.SELECT:
            return SelectSelector(
                SelectSelectorConfig(
                    options=list(field.options), mode=SelectSelectorMode.DROPDOWN, translation_key=field.key
                )
            )
        case _:
            return TextSelector(TEXT_TYPES[field.kind])


def form_schema(fields: Sequence[Field]) -> probatio.Schema:
    """Return the schema of fields; known values are suggested rather than defaults, so that they can be cleared."""
    schema: dict[probatio.Marker, FieldSelector] = {}
    for field in fields:
        required = field.required or field.kind is FieldKind.BOOLEAN
        marker = probatio.Required if required else probatio.Optional
        if field.default is None:
            key = marker(field.key)
        elif field.kind in _ALWAYS:
            key = marker(field.key, default=field.default)
        else:
            key = marker(field.key, description={"suggested_value": field.default})
        schema[key] = _selector(field)
    return probatio.Schema(schema)
