"""Spreads of three nested levels are found, and their intervals cover as often as they claim."""

import pandas as pd
import pytest
from levels_study import LEVELS, RESULTS, batch_cultures, compared, fed_batches, small_fit
from scipy.stats import binom

SEEDS = range(20)


@pytest.mark.slow
@pytest.mark.parametrize("fitted", [fed_batches, batch_cultures])
def test_all_spreads_of_sixty_runs_lie_in_their_99_per_cent_intervals(fitted):
    calibration, truth, seconds = fitted()
    table = compared(calibration, truth).assign(
        cpu_seconds=seconds,
        draws=calibration.draws.sizes["draw"],
        bulk_ess=calibration.check()["bulk ESS"].value,
    )
    table.to_csv(RESULTS / f"sixty_{fitted.__name__}.csv", index=False, float_format="%.5g")
    spreads = table[table["name"].str.contains("_sd_")]
    assert len(spreads) == 2 * len(LEVELS)
    assert ((spreads["q0.5"] < spreads["truth"]) & (spreads["truth"] < spreads["q99.5"])).all()
    assert calibration.check().passed, str(calibration.check())
    assert seconds < 2 * 15 * 60  # a quarter of an hour on two cores


@pytest.mark.slow
def test_intervals_of_spreads_cover_as_often_as_they_claim():
    found = []
    for seed in SEEDS:
        found.append(small_fit(seed))
        table = pd.concat(found, ignore_index=True)
        table.to_csv(RESULTS / "coverage.csv", index=False, float_format="%.5g")
    assert (table["divergences"] == 0).all()
    for _, rows in table[table["name"].str.contains("_sd_")].groupby("name"):
        hits = int(((rows["q5"] < rows["truth"]) & (rows["truth"] < rows["q95"])).sum())
        low, high = binom.ppf([0.005, 0.995], len(rows), 0.9)
        assert low <= hits <= high
