"""The tables in data/ and their cards belong together."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

DATA = Path(__file__).parents[2] / "data"
TABLES = [path for path in sorted(DATA.glob("*.csv")) if path.with_suffix(".md").exists()]


def table(name):
    return pd.read_csv(DATA / f"{name}.csv")


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_card_describes_its_table_as_it_is(path):
    card, frame = path.with_suffix(".md").read_text(), pd.read_csv(path)
    assert f"{len(frame)} rows, {frame.shape[1]} columns" in card
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    columns = card.split("## Columns")[1].split("## ")[0]
    listed = [row.split("|")[1] for row in columns.splitlines() if row.startswith("| `")]
    assert re.findall(r"`([^`]+)`", " ".join(listed)) == list(frame.columns)
    for part in ("- Source: ", "- Licence: ", "## Before you use it", "## Known answers"):
        assert part in card


def test_every_table_has_a_card_and_a_line_in_the_list():
    listed = (DATA / "README.md").read_text()
    assert len(TABLES) == 26
    for path in TABLES:
        row = next(line for line in listed.splitlines() if f"({path.stem}.md)" in line)
        assert f"| {len(pd.read_csv(path))} |" in row


def test_the_dyestuff_card_states_the_analysis_of_variance():
    frame = table("davies_dyestuff")
    groups = frame.groupby("batch")["yield_g"]
    within = groups.var().mean()
    between = (groups.mean().var() * 5 - within) / 5
    assert_allclose(frame["yield_g"].mean(), 1527.5, atol=0.05)
    assert_allclose(np.sqrt([between, within]), [42.00, 49.51], atol=0.005)


def test_the_yarrowia_card_states_the_final_citrate():
    final = table("yarrowia_citrate_fedbatch").groupby("run")["citrate_g_L"].last()
    assert_allclose([final.mean(), final.std()], [103.74, 29.26], atol=0.005)


def test_the_tryptophan_card_states_the_scale_down_ratio():
    frame = table("ecoli_trp_scaledown")
    end = frame[(frame["sample"] == "S05") & (frame["strain"] == "HMP3071")]
    means = end.groupby("condition")["tryptophan_g_L"].mean()
    assert_allclose(means["scale-down"] / means["control"], 0.533, atol=0.0005)
