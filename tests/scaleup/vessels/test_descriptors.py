"""Engineering descriptors: textbook numbers, limits, and what similar vessels cannot tell."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Campaign, Profile, Run
from bayesbio.errors import DataError
from bayesbio.scaleup import (
    collinearity,
    engineering_descriptors,
    oxygen_transfer_coefficient,
    oxygen_transfer_draws,
)

VOLUMES = np.array([10.0, 100.0, 4000.0, 100_000.0])


def similar_vessels():
    """Geometrically similar vessels at one power per volume and one aeration ratio."""
    width = (VOLUMES / 1000.0 / (np.pi / 4.0)) ** (1 / 3)
    impeller = width / 3.0
    agitation = 60.0 * (1500.0 * VOLUMES / 1000.0 / (5.0 * 1000.0 * impeller**5)) ** (1 / 3)
    return pd.DataFrame(
        {
            "volume": VOLUMES,
            "vessel_diameter": width,
            "impeller_diameter": impeller,
            "agitation": agitation,
            "aeration_ratio": 60.0,
        }
    )


def test_every_descriptor_follows_from_geometry_and_operation():
    found = engineering_descriptors(similar_vessels())
    assert list(found) == [
        "power_per_volume", "tip_speed", "superficial_gas_velocity", "oxygen_transfer_coefficient",
        "mixing_time", "reynolds_number", "froude_number", "aeration_number",
    ]  # fmt: skip
    assert_allclose(found["power_per_volume"], 1500.0, rtol=1e-9)
    assert found.attrs["units"]["mixing_time"] == "s"


def test_large_vessels_at_one_power_per_volume_mix_more_slowly():
    found = engineering_descriptors(similar_vessels())
    ratio = found["mixing_time"].iloc[-1] / found["mixing_time"].iloc[0]
    assert_allclose(ratio, (VOLUMES[-1] / VOLUMES[0]) ** (2 / 9), rtol=1e-9)


def test_similar_vessels_cannot_tell_their_descriptors_from_the_volume():
    table = collinearity(engineering_descriptors(similar_vessels()), VOLUMES)
    assert not table["distinct"].any()
    assert_allclose(table.loc["mixing_time", "exponent"], 2 / 9, rtol=1e-6)
    assert "cannot be told from the volume" in table.attrs["statement"]


def test_a_descriptor_that_was_varied_within_scales_is_told_apart():
    runs = pd.concat([similar_vessels()] * 2, ignore_index=True)
    runs.loc[:3, "agitation"] *= 1.3
    table = collinearity(engineering_descriptors(runs), runs["volume"])
    assert table.loc["power_per_volume", "distinct"]
    assert "Told apart from the volume: power per volume" in table.attrs["statement"]


def test_oxygen_transfer_is_as_uncertain_as_its_source_says():
    drawn = oxygen_transfer_draws(20_000, random_seed=1)
    kla = oxygen_transfer_coefficient(1.0, superficial_gas_velocity=1.0, coefficients=drawn)
    assert 0.28 < np.std(np.log(kla)) < 0.32


def test_controls_count_with_their_mean_over_time():
    stirred = Profile([(0.0, 100.0), (10.0, 300.0), (40.0, 300.0)], "step")
    run = Run(
        "A", settings={"volume": 10.0, "impeller_diameter": 0.1}, profiles={"agitation": stirred}
    )
    found = engineering_descriptors(Campaign([run]))
    assert_allclose(found.loc["A", "tip_speed"], np.pi * 250.0 / 60.0 * 0.1)


def test_a_negative_size_is_refused_with_its_run():
    with pytest.raises(DataError, match="Run 1: impeller_diameter is -0.1"):
        engineering_descriptors({"volume": [1.0, 2.0], "impeller_diameter": [0.1, -0.1]})
