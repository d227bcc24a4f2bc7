"""Real tables, read as a user would."""

from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from bayesbio.data import read_campaign, read_table

DATA = Path(__file__).parents[2] / "data"
NOT_SHIPPED = DATA.parents[1] / "shared" / "data" / "reference" / "nistcho_fedbatch_growth.csv"


def test_yarrowia_fed_batches_are_read_whole():
    campaign = read_campaign(DATA / "yarrowia_citrate_fedbatch.csv")
    assert len(campaign) == 8 and not campaign.findings.errors
    rows = campaign["170506F3"].measurements
    final = rows[rows["time_h"] == 140.0].set_index("quantity")["value"]
    assert final["citrate"] == 127.34 and final["volume"] == pytest.approx(0.798, abs=1e-3)
    profiles = campaign["170506F3"].profiles
    assert profiles["dissolved_oxygen"].at(0.0) == 0.986
    assert profiles["feed_rate"].interpolation == "step"
    assert {"biomass", "residual_oil", "nitrogen", "lipid_free_biomass"} <= set(campaign.quantities)


def test_the_scale_down_vessels_keep_strain_and_condition():
    campaign = read_campaign(DATA / "ecoli_trp_scaledown.csv")
    assert campaign.names == tuple(f"R{number:02d}" for number in range(5, 17))
    assert campaign["R11"].settings["condition"] == "control"
    rows = campaign["R11"].measurements
    assert rows[rows["quantity"] == "tryptophan"]["value"].iloc[-1] == pytest.approx(
        2.850, abs=5e-4
    )
    assert rows[rows["quantity"] == "biomass"]["replicate"].max() == 3


def test_the_virtual_mammalian_runs_come_in_grams():
    campaign = read_campaign(DATA / "mammalian_8runs.csv")
    assert len(campaign) == 8 and campaign["R1"].times()[0] == 24.0
    rows = campaign["R1"].measurements
    assert_allclose(rows[rows["quantity"] == "glucose"]["value"].iloc[0], 27.94884e-3 * 180.156)


def test_lynx_and_hare_take_one_keyword():
    campaign = read_campaign(DATA / "hudson_lynx_hare.csv", quantities={"hare": "1", "lynx": "1"})
    rows = campaign.runs[0].measurements
    assert rows[rows["quantity"] == "hare"]["value"].tolist()[:2] == [30.0, 47.2]
    assert rows["time_h"].max() == 20.0


def test_the_yeast_batch_is_one_run_of_five_analytes():
    campaign = read_campaign(DATA / "yeast_lignocellulosic_batch.csv")
    assert campaign.quantities == ("acetate", "ethanol", "furfural", "glucose", "xylose")
    assert len(campaign) == 1 and len(campaign.findings) == 0


@pytest.mark.skipif(
    not NOT_SHIPPED.exists(), reason="its table is not shipped: the licence is unsettled"
)
def test_the_reference_cho_vessels_are_told_apart():
    campaign = read_campaign(NOT_SHIPPED)
    assert len(campaign) == 34
    assert campaign["FB2_A_R1"].settings["strategy"] == "STD"
    assert campaign.to_frame()["replicate"].unique().tolist() == [1]


def test_the_media_table_has_eighteen_factors():
    table = read_table(DATA / "lstarkeyi_malate_media.csv")
    assert len(table) == 339 and len(table.factors) == 18
    assert table.responses == ("malate", "biomass") and table.groups == ("round", "run", "rep")
    assert len(table.levels("round")) == 3
    assert "biomass in row 207 is -0.6 g/L" in str(table.findings)
