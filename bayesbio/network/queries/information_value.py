"""What is not known of the process, what it costs, and what learning would be worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from bayesbio.errors import ModelError
from bayesbio.network.learning.conjugate import NormalInverseGamma
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.queries.intervention import under
from bayesbio.network.queries.risk import probability_out_of_specification


def model_risk(
    posterior: NetworkPosterior,
    target: str,
    *,
    measure: str = "mean",
    draws: int = 500,
    permutations: int = 24,
    random_seed: int = 0,
) -> pd.DataFrame:
    """
    Tell which nodes' parameters the answer is unsure of, and what one more run would mend.

    Parameters
    ----------
    posterior : NetworkPosterior
    target : str
    measure : {"mean", "probability"}
        The expected value of the target on its scale, or the probability that it leaves its
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
    ``posterior.model_risk("titer@336").head(1)`` names the node to learn more about.
    """
    if measure not in ("mean", "probability"):
        raise ModelError(f"There is no measure {measure!r}; use mean or probability.")
    if posterior.draws < 2:
        raise ModelError("Stated parameters carry no uncertainty; fit the network to data first.")
    kept = posterior.thinned(draws)
    place = kept.place(target)
    chosen = kept.places([*kept.network.ancestors(target), target])
    rng = np.random.default_rng(random_seed)
    other = rng.permutation(kept.draws)
    limits = (
        (np.array(kept.network[target].limits()) - kept.centre[place]) / kept.spread[place]
        if measure == "probability"
        else None
    )

    def answer(fresh: np.ndarray) -> np.ndarray:
        """Evaluate with the parameters of some nodes taken from other draws."""
        intercept, variance = kept.intercept.copy(), kept.variance.copy()
        effect = kept.effects_by_edge.copy()
        for k in fresh:
            intercept[:, k], variance[:, k] = intercept[other, k], variance[other, k]
            effect[kept.plan.edges[k]] = effect[kept.plan.edges[k]][:, other]
        slope = kept.plan.gradient(effect, place)
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
                # Half the mean squared difference is what the fresh nodes leave to be explained.
                now = 0.5 * float(((answer(chosen[order[:count]]) - base) ** 2).mean())
                added[2 * turn + back, k] = now - before
                before = now
    scale = np.std(base) * kept.spread[place] if limits is None else np.std(base)
    pairs = 0.5 * (added[::2] + added[1::2]) / (whole if whole > 0.0 else np.inf)
    pairs = pairs / max(pairs.mean(axis=0).sum(), 1e-300) if whole > 0.0 else pairs
    rows = kept.rows[chosen]
    share = pairs.mean(axis=0)
    told = pd.DataFrame(
        {
            "share": share,
            "error": pairs.std(axis=0, ddof=1) / np.sqrt(permutations),
            "rows": rows,
            "reduction": share / (rows + 1.0),
        },
        index=pd.Index([kept.names[k] for k in chosen], name="node"),
    ).sort_values("share", ascending=False, kind="stable")
    told.attrs["sd"] = float(scale)
    return told


def expected_value_of_perfect_information(values: Any) -> tuple[float, float]:
    """
    Tell what knowing every parameter before choosing would add.

    Parameters
    ----------
    values : array, shape (draws, actions)
        What each action is worth in each draw; more is better.

    Returns
    -------
    value, error : float
        E[max] - max E, and its Monte Carlo standard error.

    Raises
    ------
    ModelError
        If fewer than two draws or actions came.

    Notes
    -----
    Raiffa and Schlaifer (1961), Applied Statistical Decision Theory.

    Examples
    --------
    >>> expected_value_of_perfect_information([[0.0, 1.0], [0.0, -1.0]])[0]
    0.5
    """
    worth = _worth(values)
    return _gained(worth, worth)


def expected_value_of_learning(values: Any, known: Any, *, degree: int = 2) -> tuple[float, float]:
    """
    Tell what learning some numbers before choosing would add: by regression on them.

    With parameters this is the value of partial perfect information (EVPPI); with what a future
    data set will say of them, the value of that data (EVSI).

    Parameters
    ----------
    values : array, shape (draws, actions)
        What each action is worth; more is better.
    known : array, shape (draws, numbers)
        What would be learned, in the same draws.
    degree : {1, 2}
        Powers and products in the regression.

    Returns
    -------
    value, error : float

    Raises
    ------
    ModelError
        If fewer draws came than the regression has terms.

    Notes
    -----
    Strong, Oakley and Brennan (2014), doi:10.1177/0272989X13505910; Strong et al. (2015),
    doi:10.1177/0272989X15575286.

    Examples
    --------
    >>> theta = np.random.default_rng(1).normal(size=20_000)
    >>> values = np.column_stack([np.zeros_like(theta), theta])
    >>> expected_value_of_learning(values, theta[:, None])[0]  # 1 / sqrt(2 pi) = 0.399
    0.40
    """
    worth = _worth(values)
    told = np.asarray(known, float).reshape(len(worth), -1)
    told = told[:, told.std(axis=0) > 0.0]
    if not told.shape[1]:
        return 0.0, 0.0
    scaled = (told - told.mean(axis=0)) / told.std(axis=0)
    # Directions that say the same are kept once.
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    scaled = left[:, size > 1e-8 * size[0]] * np.sqrt(len(scaled))
    terms = [np.ones((len(scaled), 1)), scaled]
    if degree > 1:
        first, second = np.triu_indices(scaled.shape[1])
        if 4 * len(first) < len(scaled):
            terms.append(scaled[:, first] * scaled[:, second])
        else:
            terms.append(scaled**2)
    design = np.concatenate(terms, axis=1)
    if 2 * design.shape[1] > len(worth):
        raise ModelError(
            f"{len(worth)} draws came for {design.shape[1]} terms; fit with more draws, or learn "
            "of fewer nodes at once."
        )
    fitted = design @ np.linalg.lstsq(design, worth, rcond=None)[0]
    return _gained(fitted, fitted)


@dataclasses.dataclass(frozen=True, eq=False)
class InformationValue:
    """
    A choice between actions, and what learning before it would be worth.

    Attributes
    ----------
    expected : Series
        Expected loss of each action.
    best : str
        The action of smallest expected loss.
    perfect : float
        Value of knowing every parameter (EVPI), in the unit of the loss.
    perfect_error : float
        Its Monte Carlo standard error.
    nodes : DataFrame
        Index node; columns partial (EVPPI: knowing the node's parameters), sample (EVSI: one more
        set of runs in which the node and its parents are read), and their errors.
    runs : float
        EVSI of the runs with every node read, and its error.
    runs_error : float
    """

    expected: pd.Series
    best: str
    perfect: float
    perfect_error: float
    nodes: pd.DataFrame
    runs: float
    runs_error: float


def value_of_information(
    posterior: NetworkPosterior,
    actions: Mapping[str, Mapping[str, Any]],
    *,
    loss: Callable[[NetworkPosterior], np.ndarray] | None = None,
    costs: Mapping[str, float] | None = None,
    nodes: Sequence[str] | None = None,
    runs: int = 4,
    random_seed: int = 0,
) -> InformationValue:
    """
    Compare actions by expected loss, and tell what learning more would save.

    Parameters
    ----------
    posterior : NetworkPosterior
    actions : mapping of name to interventions
        Such as {"as now": {}, "cooler": {"temperature": 30.0}}; see `under`.
    loss : function of the network under an action, optional
        Gives the expected loss in each draw, shape (draws,). By default the probability that any
        specification is left.
    costs : mapping of action to float, optional
        Added to the loss.
    nodes : sequence of str, optional
        Whose parameters could be learned; by default every node with parents that leads to a
        specification.
    runs : int
        Size of the future experiment.
    random_seed : int

    Returns
    -------
    InformationValue

    Raises
    ------
    ModelError
        Fewer than two actions, stated parameters instead of draws, a cost of an unknown action.

    Examples
    --------
    ``posterior.value_of_information({"as now": {}, "richer": {"feed": 12.0}}, costs={"richer":
    0.02})``
    """
    if len(actions) < 2 or posterior.draws < 2:
        raise ModelError(
            "A choice needs at least two actions, and learning needs draws of the parameters: "
            f"{len(actions)} actions and {posterior.draws} draws came."
        )
    unknown = [name for name in costs or {} if name not in actions]
    if unknown:
        raise ModelError(f"A cost is given for {unknown[0]!r}, which is no action.")

    def risk(network: NetworkPosterior) -> np.ndarray:
        return np.asarray(probability_out_of_specification(network).draws["any"]).ravel()

    evaluate = loss or risk
    worth = np.column_stack(
        [
            -np.asarray(evaluate(under(posterior, do)), float).ravel()
            - (costs or {}).get(name, 0.0)
            for name, do in actions.items()
        ]
    )
    expected = pd.Series(-worth.mean(axis=0), index=list(actions), name="expected_loss")
    perfect, perfect_error = expected_value_of_perfect_information(worth)
    network = posterior.network
    if nodes is None:
        judged = network.specifications
        upstream = {*network.ancestors(*judged), *judged} if judged else set(network.order)
        nodes = [name for name in network.order if name in upstream and network.parents(name)]
    rng = np.random.default_rng(random_seed)
    messages = _future(posterior, list(nodes), runs, rng)
    told = []
    for name in nodes:
        k = posterior.place(name)
        parameters = np.column_stack(
            [
                posterior.intercept[:, k],
                posterior.effect[:, posterior.plan.edges[k]],
                np.log(np.maximum(posterior.variance[:, k], 1e-300)),
            ]
        )
        told.append(
            expected_value_of_learning(worth, parameters)
            + expected_value_of_learning(worth, messages[name])
        )
    whole = expected_value_of_learning(worth, np.column_stack(list(messages.values())), degree=1)
    return InformationValue(
        expected,
        str(expected.idxmin()),
        perfect,
        perfect_error,
        pd.DataFrame(
            told,
            index=pd.Index(list(nodes), name="node"),
            columns=["partial", "partial_error", "sample", "sample_error"],
        ),
        *whole,
    )


def _future(
    posterior: NetworkPosterior, nodes: Sequence[str], runs: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Simulate runs under each draw, and tell what they would say of each node's parameters."""
    intercept, variance = posterior.intercept.T, posterior.variance.T
    start = np.repeat(intercept[:, :, None], runs, axis=2)
    start += np.sqrt(variance)[:, :, None] * rng.standard_normal(start.shape)
    rows = posterior.plan.forward(posterior.effects_by_edge, start)
    told = {}
    for name in nodes:
        k = posterior.place(name)
        parents, edges = posterior.plan.parents[k], posterior.plan.edges[k]
        # What is believed now stands in for the readings so far: normal, with its moments.
        drawn = np.column_stack([posterior.intercept[:, k], posterior.effect[:, edges]])
        now = NormalInverseGamma(
            drawn.mean(axis=0),
            np.linalg.inv(np.atleast_2d(np.cov(drawn.T)) + 1e-12 * np.eye(drawn.shape[1]))
            * float(posterior.variance[:, k].mean()),
            1.0,
            1.0,
        )
        design = np.concatenate([np.ones((1, *rows.shape[1:])), rows[parents]])
        gram = now.precision + np.einsum("psr,qsr->spq", design, design)
        pull = now.precision @ now.mean + np.einsum("psr,sr->sp", design, rows[k])
        told[name] = np.linalg.solve(gram, pull[:, :, None])[:, :, 0]
    return told


def _worth(values: Any) -> np.ndarray:
    worth = np.asarray(values, float)
    if worth.ndim != 2 or min(worth.shape) < 2 or not np.isfinite(worth).all():
        raise ModelError(
            f"Values of actions came with shape {worth.shape}; expected finite numbers (draws, "
            "actions), two or more of each."
        )
    return worth


def _gained(fitted: np.ndarray, worth: np.ndarray) -> tuple[float, float]:
    """Give E[max of the fitted] - max E, and its standard error."""
    best = int(worth.mean(axis=0).argmax())
    gain = fitted.max(axis=1) - fitted[:, best]
    return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
