"""Validation errors as sentences: where, what was given, what is wanted, what was probably meant."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ttscale.errors import ConfigError, did_you_mean, listed

_LONGEST_SHOWN = 200


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Return every problem that pydantic found as a sentence.

    Args:
        error: What pydantic raised.
        model: The model that was validated, for the names it knows.
        prefix: The dotted place of the model in the configuration.
    """
    return " ".join(_line(item, model, prefix) for item in error.errors())


def _line(item: Any, model: type[BaseModel], prefix: str) -> str:
    """Return one error as a sentence."""
    location = [str(part) for part in item["loc"]]
    dotted = ".".join([prefix, *location] if prefix else location)
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"unknown key '{dotted}'.{did_you_mean(location[-1], known)} Known: {listed(known)}."
    if item["type"] == "missing":
        return f"'{dotted}' is missing."
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    said = f"'{dotted}' is {_shown(item['input'])}, but {message[:1].lower()}{message[1:]}."
    return said + _how_to_write_it(item, location[-1] if location else dotted)


def _how_to_write_it(item: Any, name: str) -> str:
    """Return how the value is written, where quotes or brackets are all that it lacks."""
    kind, value = item["type"], item["input"]
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f' Quote it: {name}: "{_as_yaml(value)}" (after --set: {name}=\'"{_as_yaml(value)}"\').'
    if kind in ("tuple_type", "list_type", "set_type", "frozen_set_type") and isinstance(value, str):
        return f" Write a list: {name}: [{json.dumps(value, ensure_ascii=False)}]."
    return ""


def _as_yaml(value: bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    """Return a value for a message, cut where it is long; a number of thousands of digits cannot even be written out."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} that cannot be shown"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} ..."


def refuse_truth_for_numbers(given: Any, read: Any, place: str = "") -> None:
    """Refuse `true` and `false` where a number was wanted: pydantic reads them as 1 and 0.

    Args:
        given: What the file says.
        read: The model that was made of it.
        place: The dotted place of the model in the configuration.

    Raises:
        ConfigError: With the place.
    """
    if isinstance(given, bool) and isinstance(read, int | float) and not isinstance(read, bool):
        raise ConfigError(f"'{place}' is {str(given).lower()}, but should be a number.")
    if isinstance(given, Mapping):
        for name, value in given.items():
            own = read.get(name) if isinstance(read, Mapping) else getattr(read, str(name), None)
            refuse_truth_for_numbers(value, own, f"{place}.{name}" if place else str(name))
    elif isinstance(given, list) and isinstance(read, list | tuple):
        for number, (value, own) in enumerate(zip(given, read, strict=False)):
            refuse_truth_for_numbers(value, own, f"{place}.{number}")


def _fields_at(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    """Return the field names of the model that `location` leads to."""
    for part in location:
        if part.isdigit() or part not in model.model_fields:
            continue
        nested = _model_in(model.model_fields[part].annotation)
        if nested is None:
            break
        model = nested
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the pydantic model inside an annotation such as ``tuple[Model, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
