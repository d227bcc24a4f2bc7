"""Models of the library that the columns of a campaign allow, and their neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from bayesbio.calibrate.choosing.least_squares import QuickProblem
from bayesbio.data import Campaign
from bayesbio.data.checks.campaign_checks import model_needs
from bayesbio.errors import BayesbioError, ModelError
from bayesbio.mechanistic import MODELS
from bayesbio.mechanistic.kinetics.death_laws import DEATH_LAWS
from bayesbio.mechanistic.kinetics.growth_laws import GROWTH_LAWS
from bayesbio.mechanistic.kinetics.slowing_laws import SLOWING_LAWS

MENUS: Mapping[str, tuple[Any, ...]] = {
    "growth": tuple(GROWTH_LAWS),
    "death": tuple(DEATH_LAWS),
    "slowing": (None, *SLOWING_LAWS),
}
"""What an option that is no switch can be."""


def described(model: Any, campaign: Campaign) -> tuple[str, ...]:
    """Give the measured quantities that a model has as states or outputs."""
    known = (*model.State._fields, *getattr(model, "output_names", ()))
    return tuple(name for name in campaign.quantities if name in known)


def is_allowed(model: Any, campaign: Campaign) -> bool:
    """Whether the columns give what a model needs: settings, inputs, and readings of its states."""
    given = getattr(model, "setting_defaults", {})
    through = {"dead_cell_density"} if "viability" in campaign.quantities else set()
    hidden = set(model.State._fields) - set(campaign.quantities) - {"volume"} - through
    if any(f"initial_{name}" not in given for name in hidden):
        return False
    followed = {name for run in campaign for name in run.profiles}
    shifts = {name for name in ("temperature", "ph") if name in getattr(model, "inputs", ())}
    return shifts <= followed and not any(model_needs(campaign, model))


def problem_of(model: Any, campaign: Campaign) -> QuickProblem | None:
    """Pose a model as a problem; None where the columns do not allow it."""
    try:
        return QuickProblem(campaign, model) if is_allowed(model, campaign) else None
    except BayesbioError:
        return None


def neighbours(model: Any) -> Iterator[tuple[str, Any]]:
    """Give the models that differ in one option, with what differs."""
    for field in dataclasses.fields(model):
        if not field.init:
            continue
        value = getattr(model, field.name)
        if isinstance(value, bool):
            others: tuple[Any, ...] = (not value,)
        else:
            others = tuple(each for each in MENUS.get(field.name, ()) if each != _plain(value))
        for other in others:
            try:
                changed = dataclasses.replace(model, **{field.name: other})
            except ModelError:
                continue  # options that exclude each other
            yield f"{field.name}={_shown(other)}", changed


def first_models(campaign: Campaign) -> list[Any]:
    """
    Give one model of each kind that the columns allow: it describes most of what was measured.

    Of options that need a column the file does not have, those are left out that must be.
    """
    found = []
    for kind in MODELS.values():
        try:
            model = kind()
        except TypeError:
            continue
        if not dataclasses.is_dataclass(model) or not described(model, campaign):
            continue
        best = _allowed(model, campaign)
        if best is not None:
            found.append(best)
    most = max((len(described(model, campaign)) for model in found), default=0)
    return [model for model in found if len(described(model, campaign)) == most]


def _allowed(model: Any, campaign: Campaign) -> Any | None:
    """Switch options off, the fewest, until the columns allow a model."""
    front, seen = [model], {repr(model)}
    for _ in range(5):
        allowed = [each for each in front if is_allowed(each, campaign)]
        if allowed:
            best = max(allowed, key=lambda each: len(described(each, campaign)))
            return _without_the_rest(best, campaign)
        smaller = {
            repr(other): other
            for each in front
            for what, other in neighbours(each)
            if what.endswith("=false") and repr(other) not in seen
        }
        seen |= set(smaller)
        front = list(smaller.values())
    return None


def _without_the_rest(model: Any, campaign: Campaign) -> Any:
    """Switch off what nobody measured and nothing measured depends on."""
    for what, other in neighbours(model):
        smaller = len(other.Parameters._fields) < len(model.Parameters._fields)
        same = described(other, campaign) == described(model, campaign)
        if what.endswith("=false") and smaller and same and is_allowed(other, campaign):
            return _without_the_rest(other, campaign)
    return model


def options_of_model(model: Any) -> dict[str, str]:
    """Give the options of a model that differ from its defaults, as the command line takes them."""
    found = {}
    for field in dataclasses.fields(model):
        value = _plain(getattr(model, field.name))
        if field.init and value != _plain(_default(field)):
            found[field.name] = _shown(value)
    return found


def _default(field: Any) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _plain(value: Any) -> Any:
    """Name of a law; other values as they are."""
    return getattr(value, "name", value)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
