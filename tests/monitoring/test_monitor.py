"""What a monitor learns from: runs, tables, controls; and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Campaign, Profile, Run, Table, TableColumn
from bayesbio.errors import DataError
from bayesbio.monitoring import Monitor
from tests.monitoring.normal_runs import DAYS, QUANTITIES, normal_run


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


def test_progress_is_told_to_its_end_and_cores_change_nothing(good_runs):
    states = []
    limited = Monitor().fit(good_runs[:4], cores=1, progress=states.append)
    assert limited.hash == Monitor().fit(good_runs[:4]).hash
    assert (states[-1].finished, states[-1].total) == (4, 4)
