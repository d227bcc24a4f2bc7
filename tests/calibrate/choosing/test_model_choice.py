"""The search for a model: what is missing is found, and what is said is what was computed."""

import numpy as np
import pandas as pd
import pytest

from bayesbio.calibrate import which_model_fits
from bayesbio.data import read_campaign
from bayesbio.errors import ModelError
from bayesbio.report import write_model_choice


def test_a_search_without_time_still_proposes_and_writes_its_page(lactate_is_consumed, tmp_path):
    choice = which_model_fits(lactate_is_consumed, random_seed=1, seconds=0.0)
    assert not choice.finished
    assert type(choice.model).__name__ == "MammalianFedBatch"
    assert choice.options["glutamine"] == "false"
    assert "3 of 3 measured quantities" in choice.reasons[0]
    assert np.isfinite(choice.table["score"].iloc[0])
    assert {"glucose", "lactate", "viable_cell_density"} <= set(choice.table.columns)
    page = write_model_choice(tmp_path / "page.html", choice).read_text()
    assert "Models that were tried" in page and "lactate" in page


@pytest.mark.slow
def test_the_option_that_made_the_data_is_found(lactate_is_consumed):
    choice = which_model_fits(lactate_is_consumed, random_seed=1, seconds=600.0)
    assert choice.options["lactate_uptake"] == "true"
    assert any("lactate_uptake=false instead" in reason for reason in choice.reasons)


def test_columns_that_no_model_describes_are_said():
    sheet = pd.DataFrame({"Run": "A", "Time (h)": [0.0, 1.0, 2.0], "Turbidity (NTU)": 1.0})
    with pytest.raises(ModelError, match="No model of the library describes"):
        which_model_fits(read_campaign(sheet))
