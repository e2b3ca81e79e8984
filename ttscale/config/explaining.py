"""Validation errors as sentences: where, what was given, what is wanted, what was probably meant."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ttscale.errors import did_you_mean, listed


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
    return f"'{dotted}' is {item['input']!r}, but {message[:1].lower()}{message[1:]}."


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
