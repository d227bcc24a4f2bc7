"""Scale-down qualification: the four cases, exact draws, the shipped campaign, sentences."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesbio
from bayesbio.data import Campaign, Run, Table, TableColumn
from bayesbio.errors import DataError, UnitError
from bayesbio.scaleup import equivalence

DATA = Path(__file__).parents[3] / "data"


def runs(means, *, each=4, sd=0.05, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [
            {"feed": name, "titer": mean + sd * rng.standard_normal()}
            for name, mean in means.items()
            for _ in range(each)
        ]
    )


SMALL = {"low": 2.0, "middle": 3.0, "high": 4.0}


@pytest.mark.parametrize(
    ("case", "large"),
    [
        ("predictive", {"low": 2.02, "middle": 3.0, "high": 3.98}),
        ("offset", {"low": 1.0, "middle": 2.0, "high": 3.0}),
        ("different effects", {"low": 2.0, "middle": 2.5, "high": 3.0}),
        ("not predictive", {"low": 4.0, "middle": 2.0, "high": 1.5}),
    ],
)
def test_each_case_is_recognised(case, large):
    found = equivalence(
        runs(SMALL), runs(large, seed=2), response="titer", factors=["feed"], margin=0.2
    )
    assert found.case == case and found.probabilities[case] > 0.95
    assert_allclose(found.probabilities.sum(), 1.0)


def test_the_draws_are_the_exact_posterior_of_two_means():
    small, large = runs({"one": 2.0}, each=5), runs({"one": 2.1}, each=6, seed=3)
    found = equivalence(small, large, response="titer", margin=0.1, draws=40000)
    for table, drawn in ((small, found.small), (large, found.large)):
        values = table["titer"].to_numpy()
        expected = stats.t(len(values) - 1, values.mean(), stats.sem(values))
        assert_allclose(
            np.quantile(drawn, [0.05, 0.5, 0.95]), expected.ppf([0.05, 0.5, 0.95]), atol=2e-3
        )
    assert "Only one condition" in found.warnings[0]
    assert found.probabilities[["different effects", "not predictive"]].sum() == 0.0


def test_intervals_cover_the_true_difference_as_often_as_they_claim():
    inside = []
    for seed in range(200):
        large = {name: mean + 0.1 for name, mean in SMALL.items()}
        found = equivalence(
            runs(SMALL, each=3, seed=seed),
            runs(large, each=2, sd=0.1, seed=1000 + seed),
            response="titer",
            factors=["feed"],
            margin=0.2,
            draws=1000,
        )
        row = found.summary().loc["offset"]
        inside.append(row["eti_5"] <= 0.1 <= row["eti_95"])
    assert 0.84 <= np.mean(inside) <= 0.95


def test_a_wider_margin_never_makes_prediction_less_probable():
    found = equivalence(
        runs(SMALL), runs(SMALL, seed=5, sd=0.3), response="titer", factors=["feed"], margin=0.2
    )
    table = found.sensitivity([0.05, 0.1, 0.2, 0.4, 0.8])
    assert (np.diff(table["predictive"]) >= 0).all()
    assert_allclose(table.sum(axis=1), 1.0)


def test_a_numeric_factor_enters_as_a_line():
    rng = np.random.default_rng(6)
    feed = np.linspace(1.0, 3.0, 9)
    small = pd.DataFrame({"feed": feed, "titer": 1.0 + feed + rng.normal(0.0, 0.02, 9)})
    large = small.assign(titer=2.0 + feed + rng.normal(0.0, 0.02, 9))
    found = equivalence(small, large, response="titer", factors=["feed"], margin=0.2)
    assert found.case == "offset" and len(found.conditions) == 9
    assert_allclose(found.summary().loc["offset", "eti_50"], 1.0, atol=0.05)


def test_the_shipped_campaign_gives_its_known_answers(tmp_path):
    table = pd.read_csv(DATA / "ecoli_trp_scaledown.csv")
    last = table[table["sample"] == "S05"]
    control, stressed = (last[last["condition"] == name] for name in ("control", "scale-down"))
    producer = [part[part["strain"] == "HMP3071"] for part in (control, stressed)]
    titer = equivalence(*producer, response="tryptophan_g_L", margin=0.1, relative=True)
    assert_allclose(titer.summary().loc["all runs", "eti_50"], 0.533, atol=0.03)
    assert titer.case == "offset"
    biomass = equivalence(
        control, stressed, response="cdw_g_L", factors=["strain"], margin=0.15, relative=True
    )
    assert biomass.case == "predictive"
    assert biomass.runs == ((3, 3), (3, 3))
    biomass.save(tmp_path / "biomass.nc")
    again = bayesbio.load(tmp_path / "biomass.nc")
    assert again.sentence == biomass.sentence and again.hash == biomass.hash
    acetate = equivalence(control, stressed, response="acetate_g_L", factors=["strain"], margin=0.2)
    assert acetate.case == "different effects"


def test_campaigns_are_compared_at_their_last_or_a_given_time():
    def campaign(gain):
        rng = np.random.default_rng(int(10 * gain))
        times = np.array([0.0, 24.0, 48.0])
        return Campaign(
            [
                Run(
                    f"R{n}",
                    pd.DataFrame(
                        {
                            "time_h": times,
                            "quantity": "titer",
                            "value": gain * times / 48.0 + 0.01 * rng.random(3),
                        }
                    ),
                )
                for n in range(4)
            ]
        )

    small, large = campaign(1.0), campaign(1.2)
    last = equivalence(small, large, response="titer", margin=0.1)
    assert_allclose(last.summary().loc["offset", "eti_50"], 0.2, atol=0.02)
    early = equivalence(small, large, response="titer", margin=0.1, at=24.0)
    assert_allclose(early.summary().loc["offset", "eti_50"], 0.1, atol=0.02)
    assert early.unit == "g/L"


GOOD = runs(SMALL)


@pytest.mark.parametrize(
    ("small", "large", "options", "sentence"),
    [
        (GOOD, GOOD, {"margin": 0.0}, "above zero"),
        (GOOD, GOOD, {"margin": np.nan}, "above zero"),
        (GOOD, None, {}, "Both scales are needed"),
        (GOOD, GOOD.iloc[:0], {}, "both need runs"),
        (GOOD, GOOD.rename(columns={"titer": "titer_mg_L"}), {}, "no column 'titer'"),
        (GOOD, GOOD.assign(feed="other"), {}, "was run at both scales"),
        (GOOD.drop_duplicates("feed"), GOOD.drop_duplicates("feed"), {}, "nothing to judge"),
        (GOOD.assign(titer=-1.0), GOOD, {"relative": True}, "needs values above zero"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(small, large, options, sentence):
    settings = dict(response="titer", factors=["feed"], margin=0.1) | options
    with pytest.raises(DataError, match=sentence):
        equivalence(small, large, **settings)


def test_tables_in_different_units_are_refused():
    small, large = (
        Table(pd.DataFrame({"titer": [1.0, 1.1, 1.2]}), [TableColumn("titer", "response", unit)])
        for unit in ("g/L", "mg/L")
    )
    with pytest.raises(UnitError, match="g/L at the small scale and in mg/L"):
        equivalence(small, large, response="titer", margin=0.1)


def test_excluded_readings_and_detection_limits_are_no_results():
    columns = [TableColumn("titer", "response", "g/L")]

    def flagged(values, flags):
        return Table(pd.DataFrame({"titer": values}), columns, pd.DataFrame({"titer": flags}))

    values, flags = [2.0, 2.1, 1.9, 2.05, 9.0, 0.1], ["", "", "", "", "excluded", "below"]
    options = dict(response="titer", margin=0.3, draws=2000, random_seed=1)
    small = flagged([2.0, 2.1, 1.95, 2.02, 2.0], [""] * 5)
    marked = equivalence(small, flagged(values, flags), **options)
    alone = equivalence(small, flagged(values[:4], flags[:4]), **options)
    assert marked.case == alone.case == "predictive"
    assert_allclose(marked.large, alone.large)
    assert "1 readings of titer at the large scale are known by a limit only" in marked.warnings[0]
    assert alone.warnings == [w for w in marked.warnings if "limit" not in w]


def test_a_result_says_what_was_asked_and_keeps_its_runs(tmp_path):
    result = equivalence(
        runs(SMALL), runs(SMALL, seed=2), response="titer", factors=["feed"], margin=0.2
    )
    assert result.require() is result
    assert result.summary().attrs["verdict"] == "passed"
    assert result.options["margin"] == 0.2 and result.options["factors"] == ["feed"]
    assert result.data.groupby("scale").size().to_dict() == {"large": 12, "small": 12}
    again = bayesbio.load(result.save(tmp_path / "equivalence.nc"))
    assert again.hash == result.hash
    pd.testing.assert_frame_equal(again.data, result.data, check_dtype=False)
