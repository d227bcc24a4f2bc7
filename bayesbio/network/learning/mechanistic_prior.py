"""Power priors of nodes from simulated runs of a calibrated process model, if linear enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.errors import DataError, ModelError
from bayesbio.network.graph.nodes import Node
from bayesbio.network.graph.slicing import profiles_of
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning.conjugate import NodePrior

Graph = TypeVar("Graph", bound=ProcessGraph)
REMEDIES = (
    "give the node or its parents another link (log, logit)",
    "add a further parent, or a slice in between",
    "leave it out of nodes= and let the process model itself be the node "
    "(posterior.with_process_model)",
)


def add_mechanistic_prior[Graph: ProcessGraph](
    network: Graph,
    calibration: Any,
    *,
    nodes: Sequence[str] | None = None,
    strength: float = 4.0,
    discount: float | Sequence[float] = 1.0,
    threshold: float = 0.9,
    draws: int = 200,
    random_seed: int = 0,
) -> Graph:
    """
    Informative priors of nodes from posterior trajectories of a process model.

    Trajectories with the noise of their assays are pseudo-batches: their regressions become the
    prior of each node, worth ``discount * strength`` batches and no more.

    Parameters
    ----------
    network : ProcessNetwork
    calibration : Calibration
        Its runs are predicted at the times of the nodes; settings of the runs serve nodes without
        a time, profiles that drive the model those of their name.
    nodes : sequence of str, optional
        By default every node that the process model describes together with its parents, and for
        which a straight line is good enough.
    strength : float
        The number of batches that the process model is worth at most.
    discount : float, or several, each 0 to 1
        Factor on the strength. Several: `fit_network` weighs them by marginal likelihood.
    threshold : float
        Smallest R2 of a node given its parents along the trajectories (`check_linearity`).
    draws : int
        At most so many posterior draws.
    random_seed : int

    Returns
    -------
    The same class, with `priors`.

    Raises
    ------
    ModelError
        A node that the model does not describe, or one asked for by name that is not linear enough
        (with what to do); strength or discount out of range.

    Examples
    --------
    ``network.add_mechanistic_prior(calibration, strength=6, discount=(0.0, 0.3, 1.0)).fit(table)``
    """
    discounts = tuple(float(value) for value in np.atleast_1d(discount))
    if not strength > 0.0 or not all(0.0 <= value <= 1.0 for value in discounts):
        raise ModelError(
            f"strength = {strength}, discount = {discount}; expected a strength above zero and "
            "discounts between 0 and 1."
        )
    checked = check_linearity(network, calibration, nodes=nodes, draws=draws)
    poor = checked.index[checked["r_squared"] < threshold]
    if nodes is not None and len(poor):
        raise ModelError(
            f"A straight line explains {checked.at[poor[0], 'r_squared']:.2f} of {poor[0]!r} along "
            f"the trajectories of {_called(calibration)}, less than {threshold:g}. Remedies: "
            f"{'; '.join(REMEDIES)}."
        )
    chosen = [name for name in checked.index if name not in poor]
    columns = _columns(network, calibration, chosen, draws=draws, noise=random_seed)
    priors = dict(network.priors)
    doubt = "" if calibration.check().passed else ", whose checks failed"
    for name in chosen:
        parents = network.parents(name)
        rows, values = _regression(columns, name, parents)
        mean, variance, _ = _line(rows, values)
        priors[name] = NodePrior(
            parents,
            mean,
            rows.T @ rows / len(rows),
            variance,
            strength,
            discounts,
            f"{len(rows)} pseudo-batches of {_called(calibration)}{doubt}",
        )
    return network.replace(priors=priors)


def check_linearity(
    network: ProcessGraph,
    calibration: Any,
    *,
    nodes: Sequence[str] | None = None,
    draws: int = 200,
) -> pd.DataFrame:
    """
    Linearity of a process model after the links of the nodes: R2 of each node given its parents.

    Parameters
    ----------
    network : ProcessNetwork
    calibration : Calibration
    nodes : sequence of str, optional
        By default every node that the model describes together with its parents.
    draws : int

    Returns
    -------
    DataFrame
        Index node; columns r_squared (of trajectories without noise, over draws and runs) and
        remedy (blank from 0.9 on).

    Raises
    ------
    ModelError
        If a node asked for is not described by the model.

    Examples
    --------
    ``check_linearity(network, calibration)`` comes before `add_mechanistic_prior`.
    """
    driving = set(profiles_of(calibration.campaign)) & set(calibration.model.inputs)
    described = {
        *calibration.model.State._fields,
        *getattr(calibration.model, "output_names", ()),
        *driving,
    }
    settings = set(map(str, calibration.campaign.settings_frame().columns))

    def known(node: Node) -> bool:
        return node.quantity in described if node.time is not None else node.name in settings

    possible = [
        name
        for name in network.order
        if network.parents(name)
        and network[name].time is not None
        and network[name].quantity not in driving
        and all(known(network[other]) for other in (name, *network.parents(name)))
    ]
    for name in nodes or ():
        network.node(name)
        if name not in possible:
            lacking = [o for o in (name, *network.parents(name)) if not known(network[o])]
            raise ModelError(
                f"{_called(calibration)} does not describe {name!r} with its parents; it lacks "
                f"{', '.join(lacking) or 'parents of it'}. Leave it out of nodes=."
            )
    chosen = possible if nodes is None else list(nodes)
    columns = _columns(network, calibration, chosen, draws=draws, noise=None)
    fits = [_line(*_regression(columns, name, network.parents(name)))[2] for name in chosen]
    remedy = ["" if fit >= 0.9 else "; or ".join(REMEDIES) for fit in fits]
    return pd.DataFrame(
        {"r_squared": np.array(fits, float), "remedy": remedy}, index=pd.Index(chosen, name="node")
    )


def _columns(
    network: ProcessGraph,
    calibration: Any,
    nodes: Sequence[str],
    *,
    draws: int,
    noise: int | None,
) -> dict[str, np.ndarray]:
    """Nodes and their parents along the trajectories, after their links, shape (batches,)."""
    wanted = dict.fromkeys(n for name in nodes for n in (name, *network.parents(name)))
    timed = {network[name].time for name in wanted}
    times = sorted(time for time in timed if time is not None)
    if not times:
        return {}
    course: xr.Dataset = calibration.predict(
        times=times, noise=noise is not None, random_seed=noise or 0
    )
    thinned = max(1, draws // course.sizes["chain"])
    step = max(1, course.sizes["draw"] // thinned)
    course = course.isel(draw=slice(None, None, step))
    settings = calibration.campaign.settings_frame()
    shape = (course.sizes["chain"], course.sizes["draw"], course.sizes["run"])
    columns = {}
    for name in wanted:
        node = network[name]
        if node.time is None:
            held = settings.loc[[str(run) for run in course["run"].to_numpy()], name]
            values = np.broadcast_to(held.to_numpy(float), shape)
        elif node.quantity not in course:
            runs = [calibration.campaign[str(run)] for run in course["run"].to_numpy()]
            held = np.array([run.profiles[node.quantity].at(node.time) for run in runs], float)
            values = np.broadcast_to(held, shape)
        else:
            slices = course[node.quantity].sel(time=node.time, method="nearest")
            values = slices.transpose("chain", "draw", "run").to_numpy()
        flat = np.array(values, float).ravel()
        if node.link != "identity":  # noise may leave the domain of the link
            flat[(flat <= 0.0) | ((flat >= 1.0) & (node.link == "logit"))] = np.nan
        columns[name] = node.to_link(flat)
    return columns


def _regression(
    columns: dict[str, np.ndarray], name: str, parents: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Design matrix (1, parents) and response, where all are finite."""
    together = np.column_stack([columns[name], *(columns[parent] for parent in parents)])
    together = together[np.isfinite(together).all(axis=1)]
    if len(together) < 4 * together.shape[1]:
        raise DataError(
            f"Only {len(together)} trajectories give {name!r} and its parents as values that fit "
            "their links. Use link='identity', or a later time."
        )
    return np.column_stack([np.ones(len(together)), together[:, 1:]]), together[:, 0]


def _line(rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Least squares: intercept and effects, residual variance, and R2."""
    centre, spread = rows[:, 1:].mean(axis=0), rows[:, 1:].std(axis=0)
    scaled = (rows[:, 1:] - centre) / np.where(spread > 0.0, spread, 1.0)
    middle = values.mean()
    # Directions without variation along the trajectories get no effect and no weight.
    slopes = np.linalg.lstsq(scaled, values - middle, rcond=1e-6)[0]
    effects = np.where(spread > 0.0, slopes / np.where(spread > 0.0, spread, 1.0), 0.0)
    mean = np.concatenate([[middle - effects @ centre], effects])
    residual, whole = float((values - rows @ mean).var()), float(values.var())
    return mean, residual, 1.0 - residual / whole if whole > 0.0 else 1.0


def _called(calibration: Any) -> str:
    return type(calibration.model).__name__
