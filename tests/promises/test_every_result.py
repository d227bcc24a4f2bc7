"""
What every fitted result promises, whichever room it comes from.

Results are discovered: every public class with ``check`` and ``summary`` is one. A new class that
forgets a part of the contract turns a test red.
"""

import dataclasses
import importlib
import inspect

import numpy as np
import pytest

import bayesbio

PARTS = ("check", "require", "summary", "save", "hash", "warnings", "model", "data", "options")
PARTS += ("evidence",)
STUDIES = {
    "Ranks",
    "RankStudy",
}  # of many fits; they have a verdict, but nothing was fitted to data


def public_classes(*methods):
    """Every public class of the rooms with these methods."""
    classes = {}
    for room in bayesbio.ROOMS:
        module = getattr(bayesbio, room)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isclass(thing) and all(callable(getattr(thing, m, None)) for m in methods):
                classes[name] = thing
    return classes


RESULTS = {k: v for k, v in public_classes("check", "summary").items() if k not in STUDIES}
FITTED = sorted(name for name, thing in public_classes("fit").items() if name not in RESULTS)


def test_results_of_every_room_are_discovered():
    assert {"Calibration", "NetworkPosterior", "TiterPosterior", "ScaleFit"} <= set(RESULTS)
    assert {"TiterModel", "ProcessNetwork", "ScaleModel"} <= set(FITTED)


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_has_every_part_of_the_contract(name):
    thing = RESULTS[name]
    parts = {field.name for field in dataclasses.fields(thing)} | set(dir(thing))
    assert set(PARTS) <= parts, f"{name} lacks {sorted(set(PARTS) - parts)}"


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_is_frozen(name):
    assert RESULTS[name].__dataclass_params__.frozen


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_the_repr_of_a_result_fits_on_a_screen(name):
    thing = object.__new__(RESULTS[name])  # only the form of its parts counts
    for field in dataclasses.fields(thing):
        object.__setattr__(thing, field.name, np.ones((40, 40)))
    lines = repr(thing).splitlines()
    assert len(lines) < 25 and max(map(len, lines)) < 200


@pytest.mark.parametrize("name", sorted(n for n, c in RESULTS.items() if hasattr(c, "predict")))
def test_a_prediction_is_asked_for_in_one_way(name):
    parameters = inspect.signature(RESULTS[name].predict).parameters
    defaults = {"noise": True, "random_seed": 0, "outside": "flag"}
    assert {key: parameters[key].default for key in defaults if key in parameters} == defaults
    assert all(parameters[key].kind is inspect.Parameter.KEYWORD_ONLY for key in defaults)


@pytest.mark.parametrize("name", FITTED)
def test_what_is_sampled_is_asked_for_in_one_way(name):
    parameters = inspect.signature(public_classes("fit")[name].fit).parameters
    if "chains" not in parameters:  # fitted without Markov chains
        return
    assert parameters["random_seed"].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["draws"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("kind", sorted(bayesbio.KINDS))
def test_every_saved_kind_has_a_way_back(kind):
    module, name = bayesbio.KINDS[kind]
    assert callable(getattr(importlib.import_module(module), name))
