"""Recipes as JSON files: only what differs from the default, or the `settings.json` of a run to repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from facings.csv_table import read_text
from facings.errors import BadInput
from facings.train.detector_recipe import DetectorRecipe
from facings.train.recipe import Phase, Recipe

R = TypeVar("R", Recipe, DetectorRecipe)

_IN_SETTINGS = "recipe"  # where a run's settings hold it


def read_recipe(path: Path, default: R) -> R:
    """The default recipe with the values of a file, such as `{"lr": 1e-4, "metric_loss": "arcface"}`.

    Args:
        path: A JSON object; phases are a list of objects with n_epochs, size_px and n_frozen_stages.
        default: Has all other values.

    Raises:
        BadInput: The file cannot be read, or has a name or value that no recipe has.
    """
    text = read_text(path)
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{path}: broken JSON ({error}).") from error
    if isinstance(told, dict) and isinstance(told.get(_IN_SETTINGS), dict):
        told = told[_IN_SETTINGS]
    if not isinstance(told, dict):
        raise BadInput(f"{path}: got a {type(told).__name__}, wanted an object of names and values.")
    try:
        return replace(default, **_values(told, default))
    except BadInput as error:
        raise BadInput(f"{path}: {error.message}", error.hint) from error


def _values(told: Mapping[str, Any], like: Any) -> dict[str, Any]:
    """The values, each of the type that it has in `like`."""
    known = [field.name for field in fields(like)]
    strangers = sorted(set(told) - set(known))
    if strangers:
        raise BadInput(f"got {', '.join(strangers)}, wanted some of {', '.join(known)}.")
    return {name: _value(name, value, getattr(like, name)) for name, value in told.items()}


def _value(name: str, value: Any, like: Any) -> Any:
    if isinstance(like, tuple) and isinstance(value, list):
        return tuple(_phase(one) for one in value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(like, float) and number:
        return float(value)
    if isinstance(value, type(like)) and (number or isinstance(like, str)):
        return value
    raise BadInput(f"{name}: got {value!r}, wanted a value like {like!r}.")


def _phase(told: Any) -> Phase:
    like = Phase(1, 1, 0)
    if not isinstance(told, dict) or set(told) != {field.name for field in fields(like)}:
        raise BadInput(f"phases: got {told!r}, wanted objects with n_epochs, size_px and n_frozen_stages.")
    return Phase(**_values(told, like))
