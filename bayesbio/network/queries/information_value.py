"""Value of information: EVPI, EVPPI by regression, EVSI of future runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.errors import ModelError
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.queries.intervention import with_intervention
from bayesbio.network.queries.risk import probability_out_of_specification


def expected_value_of_perfect_information(values: Any) -> tuple[float, float]:
    """
    Estimate the EVPI: the value of knowing every parameter before choosing.

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
    Estimate the value of learning some numbers before choosing, by regression on them.

    With parameters this is the value of partial perfect information (EVPPI); with summaries of a
    future data set, the value of that data (EVSI).

    Parameters
    ----------
    values : array, shape (draws, actions)
        What each action is worth; more is better.
    known : array, shape (draws, numbers)
        The numbers learned, in the same draws.
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
    learned = np.asarray(known, float).reshape(len(worth), -1)
    learned = learned[:, learned.std(axis=0) > 0.0]
    if not learned.shape[1]:
        return 0.0, 0.0
    scaled = (learned - learned.mean(axis=0)) / learned.std(axis=0)
    # Collinear directions count once.
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
            f"{len(worth)} draws came for {design.shape[1]} terms; fit with more draws, or ask "
            "for fewer nodes at once."
        )
    fitted = design @ np.linalg.lstsq(design, worth, rcond=None)[0]
    return _gained(fitted, fitted)


@dataclasses.dataclass(frozen=True, eq=False)
class InformationValue:
    """
    A choice between actions, and the value of information before it.

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
    posterior: NetworkDraws,
    actions: Mapping[str, Mapping[str, Any]],
    *,
    loss: Callable[[NetworkDraws], np.ndarray] | None = None,
    costs: Mapping[str, float] | None = None,
    nodes: Sequence[str] | None = None,
    runs: int = 4,
    random_seed: int = 0,
) -> InformationValue:
    """
    Compare actions by expected loss, with the value of information about parameters.

    Parameters
    ----------
    posterior : NetworkDraws
    actions : mapping of name to interventions
        Such as {"as now": {}, "cooler": {"temperature": 30.0}}; see `with_intervention`.
    loss : function of the network under an action, optional
        Gives the expected loss in each draw, shape (draws,). By default the probability of any
        value out of specification.
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

    def risk(network: NetworkDraws) -> np.ndarray:
        return np.asarray(probability_out_of_specification(network).posterior["any"]).ravel()

    evaluate = loss or risk
    worth = np.column_stack(
        [
            -np.asarray(evaluate(with_intervention(posterior, do)), float).ravel()
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
    summaries = _future_summaries(posterior, list(nodes), runs, rng)
    results = []
    for name in nodes:
        k = posterior.index(name)
        parameters = np.column_stack(
            [
                posterior.intercept[:, k],
                posterior.effect[:, posterior.graph_index.edges[k]],
                np.log(np.maximum(posterior.variance[:, k], 1e-300)),
            ]
        )
        results.append(
            expected_value_of_learning(worth, parameters)
            + expected_value_of_learning(worth, summaries[name])
        )
    whole = expected_value_of_learning(worth, np.column_stack(list(summaries.values())), degree=1)
    return InformationValue(
        expected,
        str(expected.idxmin()),
        perfect,
        perfect_error,
        pd.DataFrame(
            results,
            index=pd.Index(list(nodes), name="node"),
            columns=["partial", "partial_error", "sample", "sample_error"],
        ),
        *whole,
    )


def _future_summaries(
    posterior: NetworkDraws, nodes: Sequence[str], runs: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Simulate runs under each draw; conjugate posterior means of each node's parameters."""
    intercept, variance = posterior.intercept.T, posterior.variance.T
    start = np.repeat(intercept[:, :, None], runs, axis=2)
    start += np.sqrt(variance)[:, :, None] * rng.standard_normal(start.shape)
    rows = posterior.graph_index.forward(posterior.effects_by_edge, start)
    means = {}
    for name in nodes:
        k = posterior.index(name)
        parents, edges = posterior.graph_index.parents[k], posterior.graph_index.edges[k]
        # The current posterior as a normal with the same moments.
        drawn = np.column_stack([posterior.intercept[:, k], posterior.effect[:, edges]])
        covariance = np.atleast_2d(np.cov(drawn.T)) + 1e-12 * np.eye(drawn.shape[1])
        precision = np.linalg.inv(covariance) * float(posterior.variance[:, k].mean())
        design = np.concatenate([np.ones((1, *rows.shape[1:])), rows[parents]])
        gram = precision + np.einsum("psr,qsr->spq", design, design)
        pull = precision @ drawn.mean(axis=0) + np.einsum("psr,sr->sp", design, rows[k])
        means[name] = np.linalg.solve(gram, pull[:, :, None])[:, :, 0]
    return means


def _worth(values: Any) -> np.ndarray:
    worth = np.asarray(values, float)
    if worth.ndim != 2 or min(worth.shape) < 2 or not np.isfinite(worth).all():
        raise ModelError(
            f"Values of actions came with shape {worth.shape}; expected finite numbers (draws, "
            "actions), two or more of each."
        )
    return worth


def _gained(fitted: np.ndarray, worth: np.ndarray) -> tuple[float, float]:
    """E[max of the fitted] - max E, and its standard error."""
    best = int(worth.mean(axis=0).argmax())
    gain = fitted.max(axis=1) - fitted[:, best]
    return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
