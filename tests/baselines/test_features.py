import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from bayesbio.baselines.features import RunFeatures, integral
from bayesbio.data.campaign import Campaign
from bayesbio.data.event import Event
from bayesbio.data.run import Profile, Run


def readings(*values):
    return pd.DataFrame(
        {"time_h": np.arange(len(values)) * 24.0, "quantity": "titer", "value": values}
    )


FIRST = Run(
    "R1",
    readings(0.1, 1.0, 2.0),
    settings={"volume": 2.0, "clone": "A", "site": "Graz"},
    events=[Event(24.0, "bolus", "glucose", 4.0), Event(30.0, "switch", "feed_rate", 0.5)],
    profiles={"temperature": Profile([(0.0, 310.0), (48.0, 306.0)])},
)
SECOND = Run(
    "R2",
    readings(0.3, 1.0, 2.5),
    settings={"volume": 3.0, "clone": "B", "site": "Graz"},
    profiles={"temperature": Profile([(0.0, 310.0)])},
)
CAMPAIGN = Campaign([FIRST, SECOND])


def described(run, times):
    features = RunFeatures.from_campaign(CAMPAIGN)
    return dict(zip(features.columns, features.of(run, times).T, strict=True))


def test_a_run_is_described_by_what_was_set_fed_and_controlled_so_far():
    found = described(FIRST, [24.0, 48.0])
    assert_allclose(found["setting volume"], 2.0)
    assert_allclose(found["is clone A"], 1.0)
    assert_allclose(found["first titer"], 0.1)
    assert_allclose(found["fed glucose"], [0.0, 4.0])
    assert_allclose(found["present temperature"], [308.0, 306.0])
    assert_allclose(found["integral temperature"], [24 * 309.0, 48 * 308.0])


def test_what_is_the_same_in_every_run_is_left_out():
    assert "is site Graz" not in RunFeatures.from_campaign(CAMPAIGN).columns


def test_a_new_run_that_lacks_a_setting_gets_the_mean_and_one_that_lacks_a_feed_gets_none():
    found = described(Run("R3", settings={"clone": "C"}), [48.0])
    assert_allclose(found["setting volume"], 2.5)
    assert_allclose(found["first titer"], 0.2)
    assert_allclose([found["is clone A"], found["is clone B"], found["fed glucose"]], 0.0)


def test_the_integral_of_a_profile_adds_up_over_any_times():
    profile = Profile([(2.0, 1.0), (6.0, 5.0), (9.0, 2.0)])
    times = np.array([9.0, 1.0, 4.0, 20.0])
    assert_allclose(integral(profile, times), [2 + 12 + 10.5, 1.0, 2 + 4, 24.5 + 22])
    step = Profile(profile.points, "step")
    assert_allclose(integral(step, times), [2 + 4 + 15, 1.0, 2 + 2, 21 + 22])


def test_an_input_that_events_switch_counts_as_a_control():
    runs = [
        Run(
            name,
            readings(0.1, 1.0, 2.0),
            settings={"feed_rate": 0.2},
            events=[Event(30.0, "switch", "feed_rate", rate)],
        )
        for name, rate in {"R1": 0.5, "R2": 0.7}.items()
    ]
    features = RunFeatures.from_campaign(Campaign(runs))
    assert features.columns == ("integral feed_rate", "present feed_rate")
    assert_allclose(features.of(runs[0], [24.0, 48.0]), [[4.8, 0.2], [15.0, 0.5]])


def test_a_column_that_some_runs_lack_is_left_out():
    runs = [FIRST, SECOND, Run("R3", readings(0.2, 1.0), settings={"clone": "A"})]
    columns = RunFeatures.from_campaign(Campaign(runs)).columns
    assert "setting volume" not in columns and "is clone B" in columns
