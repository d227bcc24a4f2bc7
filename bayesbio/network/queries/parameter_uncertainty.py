"""Parameter uncertainty of an answer, shared among nodes (Shapley effects by pick-freeze)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from bayesbio.errors import ModelError
from bayesbio.network.draws import NetworkDraws


def model_risk(
    posterior: NetworkDraws,
    target: str,
    *,
    measure: str = "mean",
    draws: int = 500,
    permutations: int = 24,
    random_seed: int = 0,
) -> pd.DataFrame:
    """
    Share the parameter uncertainty of an answer among nodes, with the reduction by one more run.

    Parameters
    ----------
    posterior : NetworkDraws
    target : str
    measure : {"mean", "probability"}
        The expected value of the target after its link, or the probability that it leaves its
        specification.
    draws : int
        At most so many draws.
    permutations : int
        Orders tried, each also backwards.
    random_seed : int

    Returns
    -------
    DataFrame
        Index node (the target and what is upstream); columns share of the answer's variance
        (Shapley over nodes), error (Monte Carlo standard error), rows (readings so far), and
        reduction: the share that one more reading of the node with its parents takes off, as
        1 / (rows + 1). attrs: sd of the answer.

    Raises
    ------
    ModelError
        An unknown measure, a target without specification for "probability", a single draw.

    Notes
    -----
    Parameters of different nodes are independent in the exact posterior; shares by pick-freeze,
    Song, Nelson and Staum (2016), doi:10.1137/15M1048070.

    Examples
    --------
    ``posterior.model_risk("titer@336").head(1)`` names the node to study next.
    """
    if measure not in ("mean", "probability"):
        raise ModelError(f"There is no measure {measure!r}; use mean or probability.")
    if posterior.draws < 2:
        raise ModelError("Stated parameters carry no uncertainty; fit the network to data first.")
    thin = posterior.thinned(draws)
    at = thin.index(target)
    chosen = thin.indices([*thin.network.ancestors(target), target])
    rng = np.random.default_rng(random_seed)
    other = rng.permutation(thin.draws)
    limits = thin.standardised_limits(target) if measure == "probability" else None

    def answer(fresh: np.ndarray) -> np.ndarray:
        """Evaluate with the parameters of some nodes taken from other draws."""
        intercept, variance = thin.intercept.copy(), thin.variance.copy()
        effect = thin.effects_by_edge.copy()
        for k in fresh:
            intercept[:, k], variance[:, k] = intercept[other, k], variance[other, k]
            effect[thin.graph_index.edges[k]] = effect[thin.graph_index.edges[k]][:, other]
        slope = thin.graph_index.gradient(effect, at)
        mean = (slope.T * intercept).sum(axis=1)
        if limits is None:
            return mean
        sd = np.sqrt((slope.T**2 * variance).sum(axis=1))
        return ndtr((limits[0] - mean) / sd) + ndtr((mean - limits[1]) / sd)

    base = answer(np.empty(0, int))
    whole = float(base.var())
    added = np.zeros((2 * permutations, len(chosen)))
    for turn in range(permutations):
        forwards = rng.permutation(len(chosen))
        for back, order in enumerate((forwards, forwards[::-1])):
            before = 0.0
            for count, k in enumerate(order, start=1):
                # Half the mean squared difference: variance explained by the fresh nodes (Jansen).
                now = 0.5 * float(((answer(chosen[order[:count]]) - base) ** 2).mean())
                added[2 * turn + back, k] = now - before
                before = now
    scale = np.std(base) * thin.spread[at] if limits is None else np.std(base)
    pairs = 0.5 * (added[::2] + added[1::2]) / (whole if whole > 0.0 else np.inf)
    pairs = pairs / max(pairs.mean(axis=0).sum(), 1e-300) if whole > 0.0 else pairs
    rows = thin.rows[chosen]
    share = pairs.mean(axis=0)
    table = pd.DataFrame(
        {
            "share": share,
            "error": pairs.std(axis=0, ddof=1) / np.sqrt(permutations),
            "rows": rows,
            "reduction": share / (rows + 1.0),
        },
        index=pd.Index([thin.names[k] for k in chosen], name="node"),
    ).sort_values("share", ascending=False, kind="stable")
    table.attrs["sd"] = float(scale)
    return table
