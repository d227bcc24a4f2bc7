"""Virtual campaigns are what their seeds, truths and cards say."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.data import read_campaign
from bayesbio.mechanistic import BatchReactor, MammalianFedBatch

DATA = Path(__file__).parents[2] / "data"
EFFECTS = ("batch_reactor", "cho_fed_batch")
NAMES = (*EFFECTS, "fed_batch_faults", "recombinant_protein")


def generator(name):
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}_generator.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def truth_of(name):
    return json.loads((DATA / f"{name}_truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=NAMES)
def made(request):
    return request.param, *generator(request.param).make()


def test_a_virtual_table_is_made_again_from_its_seed(made, tmp_path):
    name, frame, _ = made
    frame.to_csv(tmp_path / "again.csv", index=False, lineterminator="\n")
    assert (tmp_path / "again.csv").read_text() == (DATA / f"{name}.csv").read_text()


def test_the_truth_beside_a_virtual_table_is_the_one_that_made_it(made):
    name, _, truth = made
    assert json.loads(json.dumps(truth)) == truth_of(name)


@pytest.mark.parametrize("name", EFFECTS)
def test_the_card_states_the_effect_of_every_run(name):
    answers = (DATA / f"{name}.md").read_text(encoding="utf-8").split("## Known answers")[1]
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d{4}\b", answers)]
    effects = [list(by_run.values()) for by_run in truth_of(name)["log_effects"].values()]
    assert_allclose(numbers[-np.size(effects) :], np.ravel(effects), atol=5.1e-5)


def test_the_virtual_reactor_follows_its_equations():
    truth = truth_of("batch_reactor")["parameters"]
    effect = truth_of("batch_reactor")["log_effects"]["rate_constant_1"]["B06"]
    run = read_campaign(DATA / "batch_reactor.csv", model=BatchReactor())["B06"]
    jacket = run.profiles["jacket_temperature"]

    def slopes(time, state):
        a, b, _, temperature = state
        rates = [
            truth[f"rate_constant_{n}"]
            * np.exp(
                -truth[f"activation_energy_{n}"] / 8.314462618 * (1 / temperature - 1 / 333.15)
            )
            for n in (1, 2)
        ]
        first, second = rates[0] * np.exp(effect) * a, rates[1] * b
        heat = truth["heat_transfer"] * (jacket.at(time) - temperature)
        heat -= truth["reaction_enthalpy_1"] * first + truth["reaction_enthalpy_2"] * second
        return [-first, first - second, second, heat / truth["heat_capacity"]]

    start = [run.settings["initial_concentration_a"], 0, 0, run.settings["initial_temperature"]]
    course = solve_ivp(slopes, (0, 12), start, t_eval=jacket.times, rtol=1e-9, max_step=0.1)
    names = ("concentration_a", "concentration_b", "concentration_c", "temperature")
    for quantity, exact, sd in zip(names, course.y, (0.008, 0.008, 0.008, 0.3), strict=True):
        rows = run.measurements[run.measurements["quantity"] == quantity]
        places = np.searchsorted(jacket.times, rows["time_h"])
        assert np.abs(rows["value"] - exact[places]).max() < 4 * sd


def test_the_sheet_of_the_cho_laboratory_is_read_without_a_finding():
    campaign = read_campaign(
        DATA / "cho_fed_batch.csv",
        model=MammalianFedBatch(),
        columns={
            "Start volume (L)": "initial_volume [L]",
            "Feed Glc (g/L)": "feed_glucose [g/L]",
            "Feed Gln (g/L)": "feed_glutamine [g/L]",
        },
    )
    assert len(campaign.findings) == 0
    frame = campaign.to_frame()
    assert set(frame.loc[frame["flag"] == "below", "quantity"]) == {"glutamine", "titer"}
    assert [(e.time, e.value) for e in campaign["CHO-03"].events] == [(144.0, 5.0), (216.0, 5.0)]
    assert campaign["CHO-01"].profiles["feed_rate"].at(150.0) == pytest.approx(0.0036)
