import pandas as pd
import pytest

from bayesbio.data.campaign import Campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError
from bayesbio.inference.validation.cross_validation_folds import folds


def campaign_of(**settings):
    measured = pd.DataFrame({"time_h": [0.0, 24.0], "quantity": "titer", "value": [0.1, 1.0]})
    return Campaign([Run(name, measured, settings=given) for name, given in settings.items()])


CLONES = campaign_of(R1={"clone": "B"}, R2={"clone": "A"}, R3={"clone": "B"})


@pytest.mark.parametrize("by", ["run", "clone"])
def test_every_run_is_predicted_once_and_never_learned_from_at_the_same_time(by):
    made = folds(CLONES, by=by)
    assert sorted(name for fold in made for name in fold.held_out) == sorted(CLONES.names)
    for fold in made:
        assert fold.test.names == fold.held_out
        assert set(fold.train.names) == set(CLONES.names) - set(fold.held_out)


def test_runs_that_share_a_setting_are_held_out_together():
    assert [fold.held_out for fold in folds(CLONES, by="clone")] == [("R1", "R3"), ("R2",)]


def test_a_misspelt_setting_gets_the_nearest_one():
    with pytest.raises(DataError, match="no setting 'clon' .* Did you mean 'clone'"):
        folds(CLONES, by="clon")


def test_a_setting_that_one_run_lacks_is_refused():
    with pytest.raises(DataError, match="Run 'R2' has no setting 'site' .* Fill it in"):
        folds(campaign_of(R1={"site": "Graz"}, R2={}), by="site")


@pytest.mark.parametrize(
    ("campaign", "by"), [(campaign_of(R1={}), "run"), (campaign_of(), "run")], ids=["one", "none"]
)
def test_fewer_than_two_groups_are_refused(campaign, by):
    with pytest.raises(DataError, match="at least two groups"):
        folds(campaign, by=by)
