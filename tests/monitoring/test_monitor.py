"""What a monitor promises: a stated rate of false alarms, no look ahead, and the right name."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import bayesbio
from bayesbio.data import Campaign, Profile, Run, Table, TableColumn
from bayesbio.errors import CalibrationError, DataError
from bayesbio.monitoring import Monitor
from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovations import (
    Innovation,
    RunPredictive,
    ewma,
    innovations_of,
)

DAYS = np.arange(0.0, 192.0, 24.0)
QUANTITIES = ("glucose", "lactate", "ph", "viable_cell_density")
REMEMBERED = np.exp(-np.abs(DAYS[:, None] - DAYS) / 72.0)
TOGETHER = np.array(
    [[1.0, -0.6, 0.0, 0.5], [-0.6, 1.0, -0.4, 0.0], [0.0, -0.4, 1.0, 0.0], [0.5, 0.0, 0.0, 1.0]]
)


def normal_run(rng, name, *, shift=0.0, quantity="glucose", since=72.0, missing=0.0, jitter=0.0):
    """One run of a separable normal process, with a shift [sd] of one quantity since some hour."""
    lasting = np.linalg.cholesky(REMEMBERED) @ rng.normal(size=(8, 4))
    away = 0.8 * lasting @ np.linalg.cholesky(TOGETHER).T + 0.6 * rng.normal(size=(8, 4))
    away[since <= DAYS, QUANTITIES.index(quantity)] += shift
    times = DAYS + jitter * rng.uniform(-1.0, 1.0, 8) * (DAYS > 0)
    course = np.column_stack([6.0 - 0.01 * times, 0.01 * times, 7.0 + 0 * times, 0.05 * times])
    values = course + away * np.array([0.3, 0.1, 0.05, 0.4])
    rows = pd.DataFrame(values, columns=list(QUANTITIES)).assign(time_h=times)
    rows = rows.melt("time_h", var_name="quantity")
    return Run(name, rows[rng.uniform(size=len(rows)) >= missing])


@pytest.fixture(scope="module")
def good_runs():
    rng = np.random.default_rng(20261101)
    return [normal_run(rng, f"good {n}") for n in range(40)]


@pytest.fixture(scope="module")
def monitor(good_runs):
    return Monitor().fit(good_runs)


def test_good_runs_alarm_as_seldom_as_stated(monitor):
    rng = np.random.default_rng(1)
    table = monitor.screen([normal_run(rng, f"new {n}") for n in range(200)])
    assert 0.02 <= table["alarm"].mean() <= 0.08
    assert abs(np.mean(table["p_value"] < 0.5) - 0.5) < 0.12


def test_a_shift_of_one_quantity_is_found_named_and_dated(monitor):
    rng = np.random.default_rng(2)
    runs = [normal_run(rng, f"bad {n}", shift=4.0, quantity="lactate") for n in range(20)]
    table = monitor.screen(runs)
    assert table["alarm"].mean() >= 0.95
    assert (table["quantity"] == "lactate").mean() >= 0.9
    assert (table["alarm_time_h"] >= 72.0).mean() >= 0.9
    assert 48.0 <= table["onset_estimate_h"].median() <= 96.0


def test_a_score_does_not_look_ahead(monitor):
    run = normal_run(np.random.default_rng(3), "bad", shift=3.0)
    whole = monitor.score(run)
    for until in (0.0, 72.0, 120.0):
        part = monitor.score(run, until=until)
        kept = whole.course["time_h"] <= until
        assert_allclose(part.course["score"], whole.course["score"][kept], rtol=1e-9)
        assert part.limit == whole.limit


def test_recent_surprises_count_as_the_less_likely_of_the_whole_and_the_most_surprising(monitor):
    run = normal_run(np.random.default_rng(4), "bad", shift=3.0)
    found = monitor.tails.normal(innovations_of(monitor.reference.expected(run)))
    steps = ewma(found, 4, monitor.model.ewma_weight)
    # Contributions add up to the squared distance: chi-squared of four, all four being read.
    half = np.array([step.contribution.sum() for step in steps]) / 2.0
    whole = -np.log10(np.exp(-half) * (1.0 + half))
    given = np.array([step.score for step in steps])
    assert (given >= whole - 1e-8).all()
    assert np.isclose(given, whole).any() and (given > whole + 0.05).any()


def test_the_score_weighs_recent_surprises_and_a_lasting_change(monitor):
    run = normal_run(np.random.default_rng(4), "bad", shift=3.0)
    expected = monitor.reference.expected(run)
    found = monitor.tails.normal(innovations_of(expected))
    recent = np.array([step.score for step in ewma(found, 4, monitor.model.ewma_weight)])
    white = np.concatenate(
        [np.linalg.solve(np.linalg.cholesky(each.correlation), each.size) for each in found]
    )
    sustained = ChangePointEvidence.of(expected, 4, duration=monitor.reference.duration)
    lasting = sustained.evidence(white[None], expected.times)[0]
    assert_allclose(monitor.score(run).course["score"], 0.25 * recent + 0.75 * lasting)


def test_the_evidence_of_a_lasting_change_is_a_bayes_factor():
    # One quantity read twice without memory: a step from the first moment or from the second, or a
    # ramp from the first, with sizes of their own, against none.
    times, read = np.array([0.0, 24.0]), np.array([0.7, 1.9])
    run = RunPredictive(times, np.zeros(2, int), read, np.zeros(2), 0.25 * np.eye(2), np.inf)
    white = np.linalg.solve(np.linalg.cholesky(run.covariance), read)
    told = ChangePointEvidence.of(run, 1, duration=48.0).evidence(white[None], times)[0, 1]
    changes = [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    densities = [
        stats.multivariate_normal(np.zeros(2), run.covariance + np.outer(each, each)).pdf(read)
        for each in changes
    ]
    none = stats.multivariate_normal(np.zeros(2), run.covariance).pdf(read)
    assert_allclose(told, np.log10(np.mean(densities) / none), rtol=1e-9)


def test_chance_alone_rarely_looks_like_a_lasting_change():
    rng = np.random.default_rng(12)
    times = np.repeat(np.arange(0.0, 240.0, 24.0), 2)
    quantity_index = np.tile([0, 1], 10)
    covariance = np.exp(-np.abs(times[:, None] - times) / 60.0) * (
        quantity_index[:, None] == quantity_index
    )
    run = RunPredictive(times, quantity_index, np.zeros(20), np.zeros(20), covariance, np.inf)
    sustained = ChangePointEvidence.of(run, 2, duration=216.0)
    factor = 10.0 ** sustained.evidence(rng.normal(size=(20000, 20)), times)[:, -1]
    assert (factor > 10.0).mean() <= 0.1
    assert abs(factor.mean() - 1.0) < 0.2  # a Bayes factor is one on average, where nothing changed


def test_one_odd_quantity_of_many_counts_as_the_largest_of_so_many():
    odd = Innovation(0.0, np.arange(8), np.r_[5.0, np.zeros(7)], np.eye(8), *np.ones((3, 8)))
    (found,) = ewma([odd], 8, 0.3)
    tail = 2.0 * stats.norm.sf(5.0)
    assert_allclose(found.score, -np.log10(1.0 - (1.0 - tail) ** 8), rtol=1e-9)
    assert found.score > -np.log10(stats.chi2.sf(25.0, 8)) + 1.0


def test_heavy_tails_of_one_quantity_do_not_set_the_limit_for_all():
    rng = np.random.default_rng(11)

    def run(name, shift=0.0):
        rows = normal_run(rng, name, shift=shift, quantity="ph").measurements.copy()
        wild = rows["quantity"] == "glucose"
        rows.loc[wild, "value"] += 0.3 * rng.standard_t(2.5, size=wild.sum())
        return Run(name, rows)

    monitor = Monitor().fit([run(f"good {n}") for n in range(30)])
    heavy = dict(zip(monitor.quantities, monitor.tails.freedom, strict=True))
    assert heavy["glucose"] <= 7.0
    assert monitor.screen([run(f"new {n}") for n in range(60)])["alarm"].mean() <= 0.1
    assert monitor.screen([run(f"bad {n}", shift=5.0) for n in range(20)])["alarm"].mean() >= 0.8


def test_expected_bands_hold_nine_readings_of_ten(monitor):
    rng = np.random.default_rng(5)
    parts = [monitor.score(normal_run(rng, f"new {n}")).readings for n in range(60)]
    table = pd.concat(parts)
    inside = table["value"].between(table["lower"], table["upper"])
    assert abs(inside.mean() - 0.9) < 0.02
    assert abs(table["innovation"].std() - 1.0) < 0.06


def test_few_ragged_runs_with_a_third_missing_keep_the_stated_rate():
    rng = np.random.default_rng(6)
    options = dict(missing=0.33, jitter=8.0)
    monitor = Monitor().fit([normal_run(rng, f"good {n}", **options) for n in range(15)])
    good = monitor.screen([normal_run(rng, f"new {n}", **options) for n in range(150)])
    bad = monitor.screen([normal_run(rng, f"bad {n}", shift=5.0, **options) for n in range(20)])
    assert 0.01 <= good["alarm"].mean() <= 0.09
    assert bad["alarm"].mean() >= 0.8


def test_a_looser_limit_alarms_more_often(good_runs, monitor):
    assert Monitor(false_alarm_rate=0.2).fit(good_runs).limit < monitor.limit


def test_a_monitor_comes_back_from_its_file_with_the_same_scores(monitor, tmp_path):
    run = normal_run(np.random.default_rng(7), "bad", shift=3.0)
    path = monitor.save(tmp_path / "monitor.nc")
    again = bayesbio.load(path)
    pd.testing.assert_frame_equal(again.score(run).course, monitor.score(run).course)
    assert again.hash == monitor.hash
    assert again.check().passed == monitor.check().passed
    pd.testing.assert_frame_equal(again.summary(), monitor.summary())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CalibrationError):
        bayesbio.load(path)


def test_the_verdict_counts_the_good_runs_that_would_have_alarmed(monitor):
    verdict = monitor.check()
    assert verdict.passed
    assert verdict["false alarms"].value == (monitor.held_out > monitor.limit).mean()


def test_a_bad_run_among_the_good_ones_is_pointed_out(good_runs):
    bad = normal_run(np.random.default_rng(8), "spoiled", shift=9.0)
    monitor = Monitor().fit([*good_runs[:15], bad])
    assert any("spoiled would have alarmed" in said for said in monitor.warnings)
    assert monitor.held_out.idxmax() == "spoiled"


def test_controls_are_watched_as_well_as_measurements():
    rng = np.random.default_rng(9)
    times = np.arange(0.0, 60.0, 12.0)

    def run(name, stirring=500.0):
        speed = stirring + rng.normal(0.0, 5.0, 5)
        rows = pd.DataFrame({"time_h": times, "quantity": "od", "value": rng.normal(1.0, 0.1, 5)})
        return Run(
            name, rows, profiles={"agitation": Profile(list(zip(times, speed, strict=True)))}
        )

    monitor = Monitor().fit([run(f"R{n}") for n in range(12)])
    score = monitor.score(run("stalled", stirring=400.0))
    assert monitor.quantities == ("agitation", "od")
    assert score.quantity == "agitation"


def table_of(values):
    columns = [TableColumn(name, "response", "g/L") for name in ("glucose", "titer")]
    return Table(pd.DataFrame(values, columns=["glucose", "titer"]), columns)


def test_a_table_of_one_row_a_run_is_watched_too():
    rng = np.random.default_rng(10)
    good = rng.multivariate_normal([5.0, 2.0], [[0.04, 0.036], [0.036, 0.04]], size=30)
    monitor = Monitor().fit(table_of(good))
    odd = monitor.screen(table_of([[5.0, 2.0], [5.3, 1.7]]))  # each column is usual by itself
    assert odd.loc["row 2", "alarm"] and not odd.loc["row 1", "alarm"]


def test_a_table_with_times_holds_courses(good_runs):
    frame = Campaign(good_runs[:6]).to_frame()
    wide = frame.pivot(index=["run", "time_h"], columns="quantity", values="value").reset_index()
    columns = [TableColumn("run", "group", levels=tuple(good_runs[n].name for n in range(6)))]
    columns += [TableColumn("time_h", "factor", "h")]
    columns += [TableColumn(name, "response", "1") for name in wide.columns[2:]]
    monitor = Monitor().fit(Table(wide.rename_axis(None, axis=1), columns))
    assert monitor.quantities == QUANTITIES
    assert len(monitor.reference.alignment.days) == 8


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(runs=2), "2 good runs with readings came; at least 3 are needed"),
        (dict(runs=0), "holds no runs"),
        (dict(quantities=["glucos"]), "No run has a reading of 'glucos'"),
        (dict(false_alarm_rate=5.0), "false_alarm_rate is 5.0"),
        (dict(ewma_weight=0.0), "ewma_weight is 0.0"),
    ],
)
def test_what_cannot_be_learned_is_said(good_runs, change, sentence):
    options = dict(change)
    runs = good_runs[: options.pop("runs", 40)]
    with pytest.raises(DataError, match=sentence):
        Monitor(**options).fit(runs)


def test_a_run_that_cannot_be_compared_is_said(monitor, good_runs):
    early = pd.DataFrame({"time_h": [30.0], "quantity": "glucose", "value": [5.0]})
    with pytest.raises(DataError, match="first read at 30 h, and nothing .* until 12 h"):
        monitor.score(Run("early", early), until=12.0)
    with pytest.raises(DataError, match="watched are glucose, lactate"):
        monitor.score(Run("other", early.assign(quantity="ammonium")))
    with pytest.raises(DataError, match="'empty' has readings of nothing"):
        monitor.score(Run("empty"))
    with pytest.raises(DataError, match="3 runs came"):
        monitor.score(good_runs[:3])
    with pytest.raises(DataError, match="R1"):
        monitor.score("R1")


def test_a_run_that_stopped_before_the_first_sampling_time_is_not_judged_by_it(good_runs):
    late = [
        Run(run.name, run.measurements.assign(time_h=run.measurements["time_h"] + 48.0))
        for run in good_runs[:10]
    ]
    monitor = Monitor().fit(late)
    early = pd.DataFrame({"time_h": [2.0], "quantity": "glucose", "value": [0.1]})
    with pytest.raises(DataError, match="first read at 2 h, and nothing that can be compared"):
        monitor.score(Run("early", early))
    rows = pd.concat([early, late[0].measurements])
    score = monitor.score(Run("both", rows))
    assert score.course["time_h"].iloc[0] == 48.0
    assert "Before 36 h there is nothing to compare" in " ".join(score.warnings)


def test_what_was_not_judged_is_noticed(monitor):
    rows = pd.DataFrame({"time_h": [0.0, 24.0, 999.0], "quantity": "glucose", "value": [6.0] * 3})
    more = pd.DataFrame({"time_h": [0.0], "quantity": "ammonium", "value": [1.0]})
    score = monitor.score(Run("long", pd.concat([rows, more])))
    told = " ".join(score.warnings)
    assert "Never read in run long: lactate, ph, viable_cell_density" in told
    assert "Not watched: ammonium" in told
    assert "After 180 h there is nothing to compare" in told


def test_runs_that_never_differ_are_refused():
    rows = pd.DataFrame({"time_h": [0.0, 24.0], "quantity": "ph", "value": [7.0, 7.0]})
    with pytest.raises(DataError, match="is the same: nothing to compare"):
        Monitor().fit([Run(f"R{n}", rows) for n in range(5)])


def test_scores_of_good_runs_bear_their_own_names(good_runs):
    rows = good_runs[0].measurements
    only_ph = Run("only ph", rows[rows["quantity"] == "ph"].reset_index(drop=True))
    bad = normal_run(np.random.default_rng(8), "spoiled", shift=9.0)
    monitor = Monitor(quantities=["glucose"]).fit([only_ph, *good_runs[:10], bad])
    assert list(monitor.held_out.index) == [*(run.name for run in good_runs[:10]), "spoiled"]
    assert monitor.held_out.idxmax() == "spoiled"
    assert "Without readings of what is watched: only ph." in monitor.warnings


def test_one_excluded_sample_leaves_the_rest_of_its_course(good_runs):
    frame = Campaign(good_runs[:4]).to_frame()
    frame = frame[frame["quantity"] == "glucose"].reset_index(drop=True)
    columns = [
        TableColumn("run", "group", levels=tuple(frame["run"].unique())),
        TableColumn("time_h", "factor", "h"),
        TableColumn("value", "response", "g/L"),
    ]
    flags = pd.DataFrame({"value": np.where(np.arange(len(frame)) == 1, "excluded", "")})
    table = Table(frame[["run", "time_h", "value"]], columns, flags)
    monitor = Monitor().fit(table)
    first = monitor.score(Campaign.of(table).runs[0]).readings
    assert list(first["time_h"]) == [hour for hour in DAYS if hour != 24.0]


def test_two_copies_of_one_quantity_are_no_error(good_runs):
    def doubled(run):
        rows = run.measurements
        copy = rows[rows["quantity"] == "glucose"].assign(quantity="glutamine")
        return Run(run.name, pd.concat([rows, copy], ignore_index=True))

    monitor = Monitor().fit([doubled(run) for run in good_runs[:12]])
    assert np.isfinite(monitor.score(doubled(good_runs[0])).score)


def test_a_fitted_monitor_is_frozen_and_knows_what_was_asked(monitor):
    with pytest.raises(dataclasses.FrozenInstanceError):
        monitor.model = None
    assert monitor.model == Monitor(quantities=QUANTITIES)
    assert monitor.options == {"random_seed": 0} and monitor.require() is monitor
