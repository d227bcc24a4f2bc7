"""Which rows are one run: keys of several columns, names of samples, clocks that start again."""

import pytest

from bayesbio.data import read_campaign
from bayesbio.errors import DataError

HOURS = (0, 24, 48, 72)


def written(tmp_path, header, rows):
    path = tmp_path / "sheet.csv"
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return path


def use_of_run(campaign):
    return next(use for use in campaign.columns if use.role == "run")


def test_two_vessels_of_one_batch_are_two_runs(tmp_path):
    rows = [
        (f"2026-03-0{day} {10 + vessel}:05", f"BR{vessel}", "EXP1", 6.0 - day)
        for day in range(1, 5)
        for vessel in (1, 2)
    ]
    campaign = read_campaign(written(tmp_path, "Date,Vessel ID,Batch ID,Glucose (g/L)", rows))
    assert [run.name for run in campaign] == ["BR1", "BR2"]
    assert "2 time courses; 'Batch ID' alone has 1" in use_of_run(campaign).note


def test_vessels_used_again_in_a_further_batch_are_named_with_it(tmp_path):
    rows = [
        (time + vessel / 10, f"BR{vessel}", batch, 6.0)
        for batch in ("EXP1", "EXP2")
        for time in HOURS
        for vessel in (1, 2)
    ]
    campaign = read_campaign(written(tmp_path, "Time (h),Vessel,Batch,Glucose (g/L)", rows))
    assert {run.name for run in campaign} == {f"EXP{b}/BR{v}" for b in (1, 2) for v in (1, 2)}


def test_a_seed_vessel_before_the_production_vessel_stays_in_its_batch(tmp_path):
    rows = [(time, "seed" if time < 80 else "main", "B1", 6.0) for time in range(0, 160, 20)]
    campaign = read_campaign(written(tmp_path, "Time (h),Vessel,Batch,Glucose (g/L)", rows))
    assert [run.name for run in campaign] == ["B1"]


@pytest.mark.parametrize("shown", ["R{run}-D{day:02d}", "R{run}_day{day}", "R{run} d{day}"])
def test_names_of_samples_say_the_run(tmp_path, shown):
    rows = [
        (f"2026-03-0{day} {9 + run}:00", shown.format(run=run, day=day), 5.0 + run)
        for day in range(1, 5)
        for run in (1, 2)
    ]
    campaign = read_campaign(written(tmp_path, "Date,Sample ID,Glucose (g/L)", rows))
    assert [run.name for run in campaign] == ["R1", "R2"]
    assert use_of_run(campaign).note == "the front of the names of samples"


def test_stacked_batches_are_runs_where_the_clock_starts_again(tmp_path):
    rows = [(time + 0.2, 6.0 - time / 20, 0.5 + batch) for batch in range(3) for time in HOURS]
    campaign = read_campaign(written(tmp_path, "Time (h),Glucose (g/L),Biomass (g/L)", rows))
    assert [run.name for run in campaign] == ["1", "2", "3"]
    assert use_of_run(campaign).note == "the clock starts again 2 times"


def test_assays_below_each_other_are_one_run(tmp_path):
    rows = [(time, 6.0 - time / 20, "") for time in HOURS] + [(time, "", 0.5) for time in HOURS]
    campaign = read_campaign(written(tmp_path, "Time (h),Glucose (g/L),Biomass (g/L)", rows))
    assert len(campaign) == 1


def test_repeated_assays_side_by_side_stay_one_run(tmp_path):
    rows = [(time, 6.0 - time / 20 + 0.1 * repeat) for time in HOURS for repeat in (0, 1)]
    campaign = read_campaign(written(tmp_path, "Time (h),Glucose (g/L)", rows))
    assert len(campaign) == 1


def vessels(levels, replicates, *, shift=0.0):
    return [
        (time + shift * replicate, *level, f"R{replicate}", 6.0 - time / 24 + replicate)
        for time in HOURS
        for level in levels
        for replicate in replicates
    ]


def test_batch_condition_and_replicate_together_name_a_vessel(tmp_path):
    rows = vessels([(b, c) for b in ("FB2", "FB4") for c in "AB"], (1, 2), shift=0.01)
    header = "Hours,Batch,Condition,Replicate,Glucose (g/L)"
    campaign = read_campaign(written(tmp_path, header, rows))
    assert len(campaign) == 8 and "FB2/A/R1" in campaign
    assert campaign["FB4/B/R2"].settings["batch"] == "FB4"
    assert campaign["FB4/B/R2"].settings["condition"] == "B"


def test_replicates_with_a_clock_of_their_own_are_vessels(tmp_path):
    rows = vessels([("FB2",), ("FB4",)], (1, 2), shift=0.01)
    campaign = read_campaign(written(tmp_path, "Hours,Batch,Replicate,Glucose (g/L)", rows))
    assert campaign.names == ("FB2/R1", "FB2/R2", "FB4/R1", "FB4/R2")


def test_replicates_of_one_batch_stay_assays(tmp_path):
    rows = vessels([("FB2",), ("FB4",)], (1, 2))
    campaign = read_campaign(written(tmp_path, "Hours,Batch,Replicate,Glucose (g/L)", rows))
    assert campaign.names == ("FB2", "FB4")


def test_an_identifier_names_the_runs_of_dated_blocks(tmp_path):
    rows = [
        (f"2026-03-{day:02d} 10:0{run % 10}", "CHO-K1", run, day, 6.0 - day / 4)
        for run in (11, 12, 21)
        for day in range(1, 6)
    ]
    header = "Date,Cell Line,ID,Sample #,Glucose (g/L)"
    campaign = read_campaign(written(tmp_path, header, rows))
    assert campaign.names == ("11", "12", "21")
    assert "3 time courses that go forward" in use_of_run(campaign).note


def test_samples_before_and_after_a_feed_are_no_vessels(tmp_path):
    rows = [(time, kind, 5.0) for time in HOURS for kind in ("pre-feed", "post-feed")]
    campaign = read_campaign(written(tmp_path, "Time (h),State,Glucose (g/L)", rows))
    assert len(campaign) == 1


def test_a_condition_a_strain_and_a_replicate_name_a_culture_together(tmp_path):
    levels = [(strain, degrees) for strain in ("wt", "d1") for degrees in (30, 37)]
    rows = vessels(levels, (1, 2))
    header = "Hours,Strain,Incubator setpoint,Rep,Glucose (g/L)"
    campaign = read_campaign(written(tmp_path, header, rows))
    assert len(campaign) == 8 and "wt/30/R1" in campaign


def test_positions_sampled_in_turn_are_vessels(tmp_path):
    rows = [(place, time + place / 60, 6.0 - time / 20) for time in HOURS for place in (1, 2, 3)]
    campaign = read_campaign(written(tmp_path, "Position,Time (h),Glucose (g/L)", rows))
    assert campaign.names == ("1", "2", "3")
    assert "in turn" in use_of_run(campaign).note


def test_a_vessel_used_again_is_a_run_each_time(tmp_path):
    rows = [
        (vessel, time, 6.0 - time / 20 - batch)
        for batch in (0, 1)
        for vessel in ("F1", "F2")
        for time in HOURS
    ]
    campaign = read_campaign(written(tmp_path, "Vessel,Batch age (h),Glucose (g/L)", rows))
    assert campaign.names == ("F1/1", "F1/2", "F2/1", "F2/2")


def test_rows_that_go_back_and_forth_are_never_one_run(tmp_path):
    rows = [(time + late, 6.0 - time / 20) for time in HOURS for late in (5, 0)]
    with pytest.raises(DataError, match="go back in time .* no column tells them apart"):
        read_campaign(written(tmp_path, "Time (h),Glucose (g/L)", rows))


def test_rows_at_the_same_times_that_keep_apart_are_never_replicates(tmp_path):
    hours = (*HOURS, 96, 120)
    rows = [
        (time, 6.0 - vessel * time / 50, vessel / 9 + time * vessel)
        for time in hours
        for vessel in (1, 2)
    ]
    with pytest.raises(DataError, match="2 rows at each time, whose values keep apart"):
        read_campaign(written(tmp_path, "Time (h),Glucose (g/L),Lactate (g/L)", rows))


def test_strain_flask_and_duplicate_give_flasks_with_repeated_assays(tmp_path):
    rows = [
        (strain, flask, time, repeat, 6.0 - time / 20)
        for time in HOURS
        for strain in ("AX1", "AX2")
        for flask in (1, 2)
        for repeat in (1, 2)
    ]
    header = "Cepa,Matraz,Tiempo (h),Duplicado,Glucosa (g/L)"
    assert len(read_campaign(written(tmp_path, header, rows))) == 4
