"""Units of what a posterior holds."""

from bayesbio.calibrate.predicting.units import posterior_units, slope_unit
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.data import Campaign, Run
from bayesbio.inference import lognormal, normal
from bayesbio.mechanistic import BatchCulture

GROWTH = "maximum_growth_rate"
STRUCTURE = ParameterStructure(
    vary={GROWTH: ("run",)}, positive={GROWTH: True}, correlated_blocks={"run": [[GROWTH, "x"]]}
)
CAMPAIGN = Campaign([Run("R1", settings={"feed": 3.0})], units={"feed": "g/L"})


def test_effects_have_the_unit_of_their_parameter_and_relative_spreads_have_none():
    noise = {"biomass": normal(), "substrate": lognormal()}
    units = posterior_units(BatchCulture(), CAMPAIGN, noise, STRUCTURE)
    assert units[GROWTH] == units[f"{GROWTH}_by_run"] == "1/h"
    assert units[f"{GROWTH}_sd_run"] == units["correlation_run"] == "1"
    assert units["initial_biomass"] == units["noise_biomass"] == "g/L"
    assert units["noise_substrate"] == "1"


def test_a_slope_is_per_unit_of_its_setting():
    units = {GROWTH: "1/h"}
    plain = ParameterStructure(positive={GROWTH: False})
    assert slope_unit(GROWTH, "feed", units, STRUCTURE, CAMPAIGN) == "1/(g/L)"
    assert slope_unit(GROWTH, "feed", units, plain, CAMPAIGN) == "1/h/(g/L)"
    assert slope_unit(GROWTH, "log(feed)", units, STRUCTURE, CAMPAIGN) == "1"
