"""Plans on the command line, predicted from draws that were made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.calibrate.requests import PredictionRequest, Tolerances
from bayesbio.cli import main
from bayesbio.data import read_campaign
from bayesbio.inference import Verdict, normal
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.mechanistic import BatchReactor

STATES = ("concentration_a", "concentration_b", "concentration_c")
READ = "Run,Day,concentration_a (mmol/L)\nR1,0,{}\nR1,2,300\n"


@dataclasses.dataclass
class Made:
    """A calibration whose draws were made by hand."""

    predictor: Predictor

    @property
    def campaign(self):
        return self.predictor.campaign

    @property
    def model(self):
        return self.predictor.model

    def evidence(self):
        return Evidence(self, "A batch reactor", calibration=self)

    def predict(self, runs, **asked):
        return self.predictor.predict(PredictionRequest(runs, **asked))

    def check(self):
        return Verdict(())


@pytest.fixture
def made(tmp_path):
    (tmp_path / "fitted.csv").write_text(READ.format(1000))
    campaign = read_campaign(tmp_path / "fitted.csv", model=BatchReactor(isothermal=True))
    dims, ones = ("chain", "draw"), np.ones((1, 4))
    draws = xr.Dataset(
        {
            "rate_constant_1": (dims, 0.02 * ones),
            "initial_concentration_a": ((*dims, "run"), ones[..., None]),
            "noise_concentration_a": (dims, 0.01 * ones),
        },
        {"chain": [0], "draw": range(4), "run": ["R1"]},
    )
    structure = ParameterStructure(given={"rate_constant_2": 0.05})
    noise = {"concentration_a": normal()}
    model = BatchReactor(isothermal=True)
    return Made(Predictor(model, campaign, draws, noise, structure, Tolerances()))


@pytest.fixture
def said(made, tmp_path, monkeypatch, capsys):
    def run(plan, *more):
        (tmp_path / "plan.csv").write_text(plan)
        monkeypatch.setattr("bayesbio.load", lambda path, model=None: made)
        command = ["predict", "posterior.nc", "plan.csv", "-o", "answer.csv", *more]
        monkeypatch.setattr("sys.argv", ["bayesbio", *command])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return left.value.code or 0, " ".join((printed.out + printed.err).split())

    return run


def test_a_plan_is_answered_in_its_own_days_and_units_as_csv_excel_and_figure(said, tmp_path):
    code, printed = said("Run,Day\nNEXT,0\nNEXT,1\n", "--no-noise")
    assert code == 0
    assert "taken from the runs fitted: NEXT: concentration_a." in printed
    table = pd.read_csv(tmp_path / "answer.csv").set_index("quantity").loc["concentration_a"]
    assert table["time_d"].tolist() == [0.0, 1.0] and set(table["unit"]) == {"mmol/L"}
    expected = 1000.0 * np.exp([0.0, -0.02 * 24.0])
    assert table["eti_50"].to_numpy() == pytest.approx(expected, rel=1e-3)
    medians = pd.read_excel(tmp_path / "answer.xlsx", sheet_name="medians")
    assert medians["concentration_a (mmol/L)"].to_numpy() == pytest.approx(expected, rel=1e-3)
    assert (tmp_path / "answer.png").stat().st_size > 5000


def test_until_counts_in_the_time_of_the_sheet(said, tmp_path):
    assert said("Run,Day\nNEXT,0\nNEXT,1\n", "--until", "3")[0] == 0
    assert pd.read_csv(tmp_path / "answer.csv")["time_d"].max() == 3.0


def test_what_leaves_the_runs_studied_is_said(said):
    assert "NEXT: 9 d come after the last reading, 2 d." in said("Run,Day\nNEXT,0\nNEXT,9\n")[1]


def test_everything_missing_is_asked_for_in_one_message(said, made):
    made.predictor.structure.given.clear()
    made.predictor.draws.__delitem__("initial_concentration_a")
    code, printed = said("Run,Day\nNEXT,0\nNEXT,1\n")
    assert code == 2 and "settings=" not in printed
    assert "'rate_constant_2 (1/h)', 'initial_concentration_a (mol/L)'" in printed
