"""Fingerprint of a model: its graph, priors, data and labels, the same in every process."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import toposort

# Digits of shared data: those that come from a search may differ in the last ones.
_DIGITS = 6


def model_fingerprint(density: Any) -> str:
    """
    SHA-256 of a model with its priors, its data and its labels.

    Hashed are every operation of the graph of the log density with its constants, the data that it
    shares, names and shapes of the unknowns, and the coordinates (labels of runs and groups).

    Parameters
    ----------
    density : LogDensity
        Any other density has the fingerprint of its size and values at two points.

    Examples
    --------
    >>> import pymc as pm
    >>> from bayesbio.inference import LogDensity
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 1.0, 2.0)
    >>> len(model_fingerprint(LogDensity(model)))
    64
    """
    digest = hashlib.sha256()
    model = getattr(density, "model", None)
    if model is None:
        points = (np.zeros(density.size), np.full(density.size, 0.1))
        values = [f"{density.value_and_gradient(point)[0]:.8g}" for point in points]
        digest.update(repr((density.size, values)).encode())
        return digest.hexdigest()
    for name, where in density.slices.items():
        digest.update(f"{name} {where.start} {where.stop}\n".encode())
    for dim, labels in sorted(model.coords.items()):
        digest.update(f"{dim} {list(map(str, labels or ()))}\n".encode())
    # deterministics are stored, too: a change of one is a change of the draws
    outputs = [model.logp(), *model.deterministics]
    named = {id(variable): str(name) for name, variable in model.named_vars.items()}
    named |= {id(variable): f"value of {variable.name}" for variable in model.value_vars}
    numbers: dict[int, int] = {}

    def number_of(variable: Any) -> int:
        if id(variable) not in numbers:
            numbers[id(variable)] = len(numbers)
            _hash_leaf(digest, variable, named)
        return numbers[id(variable)]

    for node in toposort(outputs):
        inputs = [number_of(variable) for variable in node.inputs]
        for variable in node.outputs:
            numbers.setdefault(id(variable), len(numbers))
        digest.update(
            f"{_described(node.op)} {inputs} {[str(o.type) for o in node.outputs]}\n".encode()
        )
    return digest.hexdigest()


def _hash_leaf(digest: Any, variable: Any, named: dict[int, str]) -> None:
    """Hash an input of the graph: what it is called, and its numbers where it has some."""
    digest.update(f"{variable.type} {named.get(id(variable), '')}\n".encode())
    if isinstance(variable, Constant):
        values = np.asarray(variable.data)
    elif isinstance(variable, SharedVariable) and not getattr(variable.tag, "failure_log", False):
        values = np.asarray(variable.get_value(borrow=True))
        if values.dtype.kind == "f":
            digest.update(" ".join(f"{each:.{_DIGITS}g}" for each in values.flat).encode())
            return
    else:
        return
    if values.dtype.kind in "bifucUS":  # states of random generators are no part of a model
        digest.update(values.tobytes())


def _described(op: Any) -> str:
    """Name of an operation with its properties, without addresses in memory."""
    properties = {name: getattr(op, name, None) for name in getattr(op, "__props__", None) or ()}
    return re.sub(r"0x[0-9a-f]+", "", f"{type(op).__name__} {op} {properties}")
