import numpy as np
import pandas as pd

from bayesbio.network import (
    ProcessNetwork,
    leave_one_out,
)


def test_prediction_from_the_middle_of_a_batch_uses_what_is_known_by_then():
    rng = np.random.default_rng(2)
    first = rng.normal(size=20)
    second = first + rng.normal(0, 0.5, 20)
    rows = pd.DataFrame({"y@24": first, "y@48": second, "y@72": second + rng.normal(0, 0.1, 20)})
    network = ProcessNetwork(list(rows), [("y@24", "y@48"), ("y@48", "y@72")])
    scores = leave_one_out(network, rows, "y@72", until=[24.0, 48.0], random_seed=1)
    assert len(scores) == 40
    early, late = (scores[scores["until"] == time] for time in (24.0, 48.0))
    assert late["crps"].mean() < 0.5 * early["crps"].mean()
    assert scores["covered"].mean() > 0.75
