"""
Published least-squares estimates, found as the mode of a posterior.

With readings of one known standard deviation and wide priors, the most probable parameters are
those of least squares. The estimates and their sources stand in the cards of the tables (`data/`).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate import quick_look
from bayesbio.data import Campaign, Run
from bayesbio.inference import between
from bayesbio.mechanistic.functions import exp

DATA = Path(__file__).parents[2] / "data"


class AlphaPinene:
    """Isomerisation of alpha-pinene, five species in per cent, as a user would write it."""

    class State(NamedTuple):
        pinene: float
        dipentene: float
        ocimene: float
        pyronene: float
        dimer: float

    class Parameters(NamedTuple):
        to_dipentene: float
        to_ocimene: float
        to_pyronene: float
        to_dimer: float
        from_dimer: float

    units = dict.fromkeys(State._fields, "1") | dict.fromkeys(Parameters._fields, "1/h")
    inputs = ()
    settings = ()
    defaults = {}

    def rates(self, time, state, parameters, inputs, settings):
        return {"dimerisation": parameters.to_dimer * state.ocimene}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        dipentene = parameters.to_dipentene * state.pinene
        ocimene = parameters.to_ocimene * state.pinene
        pyronene = parameters.to_pyronene * state.ocimene
        back = parameters.from_dimer * state.dimer
        dimer = rates["dimerisation"]
        return self.State(
            pinene=-dipentene - ocimene,
            dipentene=dipentene,
            ocimene=ocimene - pyronene - dimer + back,
            pyronene=pyronene,
            dimer=dimer - back,
        )


class MichaelisMenten:
    """Initial rate of an enzyme at one concentration of its substrate."""

    class State(NamedTuple):
        response: float

    class Parameters(NamedTuple):
        largest: float
        half: float

    units = dict.fromkeys(("response", "largest", "half", "concentration"), "1")
    inputs = ()
    settings = ("concentration",)
    defaults = {}

    def solution(self, time, parameters, settings):
        concentration = settings.concentration
        return self.State(
            response=parameters.largest * concentration / (parameters.half + concentration)
        )


class Dialyser:
    """Ultrafiltration that levels off with the pressure across the membrane."""

    class State(NamedTuple):
        response: float

    class Parameters(NamedTuple):
        largest: float
        steepness: float
        threshold: float

    units = dict.fromkeys(("response", "pressure", *Parameters._fields), "1")
    inputs = ()
    settings = ("pressure",)
    defaults = {}

    def solution(self, time, parameters, settings):
        excess = settings.pressure - parameters.threshold
        return self.State(response=parameters.largest * (1 - exp(-parameters.steepness * excess)))


class Absorption:
    """One compartment that a drug enters and leaves, each at first order."""

    class State(NamedTuple):
        response: float

    class Parameters(NamedTuple):
        elimination: float
        absorption: float
        clearance: float

    units = {
        "response": "1", "dose": "1", "clearance": "1/h", "elimination": "1/h", "absorption": "1/h",
    }  # fmt: skip
    inputs = ()
    settings = ("dose",)
    defaults = {}

    def solution(self, time, parameters, settings):
        out, into = parameters.elimination, parameters.absorption
        height = settings.dose * out * into / (parameters.clearance * (into - out))
        return self.State(response=height * (exp(-out * time) - exp(-into * time)))


class TwoCompartments:
    """Sum of two exponentials."""

    class State(NamedTuple):
        response: float

    class Parameters(NamedTuple):
        fast_height: float
        fast_rate: float
        slow_height: float
        slow_rate: float

    units = {"response": "1", "fast_height": "1", "slow_height": "1"} | dict.fromkeys(
        ("fast_rate", "slow_rate"), "1/h"
    )
    inputs = ()
    settings = ()
    defaults = {}

    def solution(self, time, parameters, settings):
        fast = parameters.fast_height * exp(-parameters.fast_rate * time)
        return self.State(
            response=fast + parameters.slow_height * exp(-parameters.slow_rate * time)
        )


def run_of(name, times, values, size, **settings):
    """One run whose readings have a known standard deviation, so small that priors say nothing."""
    sd = 0.01 * size
    frame = pd.DataFrame({"time_h": times, "quantity": "response", "value": values, "sd": sd})
    frame["replicate"] = frame.groupby("time_h").cumcount() + 1
    return Run(name, frame, {"initial_response": 0.0, **settings})


def most_probable(campaign, model, priors):
    found = quick_look(campaign, model, priors=priors, noise="normal", random_seed=1)
    assert found.converged
    return [float(found.draws[name].squeeze()) for name in model.Parameters._fields]


def at_settings(table, column, value, setting, size):
    """One run for each value of a setting; its readings are replicates."""
    return Campaign(
        [
            run_of(
                f"{setting} {level:g}", 0.0, rows[value].to_numpy(float), size, **{setting: level}
            )
            for level, rows in table.groupby(column)
        ],
        units=dict.fromkeys(("response", setting), "1"),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("temperature", "expected", "squares"),
    [
        (189, [5.926, 2.963, 2.047, 27.45, 4.000], 19.872),
        (204, [22.31, 13.16, 4.467, 68.97, 12.64], 23.656),
    ],
)
def test_alpha_pinene_is_isomerised(temperature, expected, squares):
    """Rate constants in 1e-5 per min, and the sum of squares."""
    model = AlphaPinene()
    table = pd.read_csv(DATA / f"alpha_pinene_{temperature}C.csv")
    columns = ("alpha_pinene", "dipentene", "allo_ocimene", "pyronene", "dimer")
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "time_h": table["time_min"] / 60.0,
                    "quantity": quantity,
                    "value": table[f"{column}_pct"].astype(float),
                    "sd": 0.05,  # small: the priors then say nothing
                }
            )
            for quantity, column in zip(model.State._fields, columns, strict=True)
        ]
    ).dropna(subset="value")
    start = dict.fromkeys([f"initial_{name}" for name in model.State._fields], 0.0)
    campaign = Campaign(
        [Run("bath", rows, start | {"initial_pinene": 100.0})],
        units=dict.fromkeys(model.State._fields, "1"),
    )
    priors = dict.fromkeys(model.Parameters._fields, between(1e-5, 1.0))
    found = quick_look(campaign, model, priors=priors, noise="normal", random_seed=1, rtol=1e-8)
    rates = [float(found.draws[name].squeeze()) / 60.0 for name in model.Parameters._fields]
    assert_allclose(rates, np.array(expected) * 1e-5, rtol=1e-3)
    course = found.predict(noise=False)
    misses = [
        course[quantity].sel(time=own["time_h"].to_numpy()).squeeze().to_numpy() - own["value"]
        for quantity, own in rows.groupby("quantity")
    ]
    assert_allclose(sum(np.square(each).sum() for each in misses), squares, atol=0.002)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "expected"), [("treated", [212.68, 0.06412]), ("untreated", [160.28, 0.04771])]
)
def test_puromycin_follows_michaelis_and_menten(state, expected):
    table = pd.read_csv(DATA / "puromycin_mm.csv")
    campaign = at_settings(
        table[table["state"] == state],
        "substrate_ppm",
        "rate_counts_min2",
        "concentration",
        10.0,
    )
    priors = {"largest": between(1.0, 1e4), "half": between(1e-4, 10.0)}
    assert_allclose(most_probable(campaign, MichaelisMenten(), priors), expected, rtol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flow", "expected"), [(200, [44.99, 0.765, 0.2242]), (300, [62.22, 0.253, 0.2248])]
)
def test_dialysers_level_off(flow, expected):
    table = pd.read_csv(DATA / "dialyzer_uf.csv")
    campaign = at_settings(
        table[table["blood_flow_setting"] == flow], "tmp_dmHg", "uf_rate_mL_h", "pressure", 3.7
    )
    priors = {
        "largest": between(1.0, 1e4),
        "steepness": between(0.01, 100.0),
        "threshold": between(0.001, 10.0),
    }
    largest, steepness, threshold = most_probable(campaign, Dialyser(), priors)
    assert_allclose([largest, np.log(steepness), threshold], expected, rtol=3e-3, atol=2e-3)


@pytest.mark.slow
def test_theophylline_is_absorbed_and_eliminated():
    table = pd.read_csv(DATA / "theoph_pk.csv")
    campaign = Campaign(
        [
            run_of(
                f"subject {name}",
                rows["time_h"].to_numpy(float),
                rows["conc_mg_L"].to_numpy(float),
                1.5,
                dose=float(rows["dose_mg_kg"].iloc[0]),
            )
            for name, rows in table.groupby("subject")
        ],
        units={"response": "1", "dose": "1"},
    )
    priors = {
        "elimination": between(0.001, 0.9),
        "absorption": between(0.9, 100.0),
        "clearance": between(1e-4, 10.0),
    }
    found = np.log(most_probable(campaign, Absorption(), priors))
    assert_allclose(found, [-2.5242, 0.3992, -3.2483], atol=0.1 * 0.0744)


@pytest.mark.slow
def test_indomethacin_leaves_in_two_phases():
    table = pd.read_csv(DATA / "indometh_pk.csv")
    campaign = Campaign(
        [
            run_of(
                f"subject {name}",
                rows["time_h"].to_numpy(float),
                rows["conc_ug_mL"].to_numpy(float),
                0.2,
            )
            for name, rows in table.groupby("subject")
        ],
        units={"response": "1"},
    )
    priors = {
        "fast_height": between(0.1, 100.0),
        "fast_rate": between(0.9, 20.0),
        "slow_height": between(0.01, 10.0),
        "slow_rate": between(0.01, 0.9),
    }
    height, rate, slow_height, slow_rate = most_probable(campaign, TwoCompartments(), priors)
    assert_allclose(
        [height, np.log(rate), slow_height, np.log(slow_rate)],
        [2.7734, 0.8863, 0.6067, -1.0920],
        atol=0.02,
    )


def test_chicks_grow_best_on_the_third_diet():
    table = pd.read_csv(DATA / "chick_growth.csv")
    last = table[table["time_d"] == 21].groupby("diet")["weight_g"].mean()
    assert_allclose(last, [177.8, 214.7, 270.3, 238.6], atol=0.06)
