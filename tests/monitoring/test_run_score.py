"""What a score says in words."""

import pandas as pd

from bayesbio.monitoring import RunScore


def score(scores, p_value=0.004, onset=24.0):
    rows = {"time_h": [0.0, 24.0, 48.0], "score": scores, "limit": 1.0}
    course = pd.DataFrame(rows).assign(quantity=["ph", "cell_density", "ph"])
    course["alarm"] = course["score"] > course["limit"]
    return RunScore("R9", course, course, course, 1.0, 0.05, p_value, onset, ("Not watched: od.",))


def test_an_alarm_names_its_first_hour_quantity_onset_and_rarity():
    found = score([0.1, 1.4, 2.5])
    assert (found.alarm_time, found.quantity, found.score) == (24.0, "cell_density", 2.5)
    assert str(found) == (
        "Run R9: alarm at 24 h, mostly in cell density, changed since about 24 h. "
        "One good run in 250 looks as unusual.\nNot watched: od."
    )
    assert "Fewer than one good run in 10,000" in score([0.1, 1.4, 2.5], p_value=1e-9).sentence


def test_without_an_alarm_there_is_no_hour_and_no_quantity():
    found = score([0.1, 0.4, 0.3], onset=None)
    assert found.alarm_time is None and found.quantity is None
    assert found.sentence == (
        "Run R9: no alarm until 48 h; the highest score is 0.4, the limit 1.0."
    )
