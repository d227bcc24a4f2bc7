"""Path sums along the edges of a graph (structural equations), for every draw at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesbio.network.graph.structure import ProcessGraph


@dataclasses.dataclass(frozen=True, eq=False)
class GraphIndex:
    """
    A graph in numbers: for each node, in topological order, its parents and their edges.

    Parameters
    ----------
    parents, edges : list of integer arrays
        Positions in the order, and in the list of edges.

    Examples
    --------
    >>> index = GraphIndex.of(ProcessGraph(["a", "b"], [("a", "b")]))
    >>> index.parents[1], index.edges[1]
    (array([0]), array([0]))
    """

    parents: Sequence[np.ndarray]
    edges: Sequence[np.ndarray]

    @classmethod
    def of(cls, network: ProcessGraph) -> GraphIndex:
        """Index a graph."""
        position = {name: k for k, name in enumerate(network.order)}
        number = {edge: k for k, edge in enumerate(network.edges)}
        return cls(
            [np.array([position[p] for p in network.parents(n)], int) for n in network.order],
            [np.array([number[p, n] for p in network.parents(n)], int) for n in network.order],
        )

    def forward(self, effects: np.ndarray, values: np.ndarray) -> np.ndarray:
        """
        Solve the structural equations: add to each node the effects of its parents.

        `effects` has shape (edges, draws); `values`, (nodes, draws, ...), is what each node gets
        from elsewhere, and is not changed.
        """
        total = np.array(values, float)
        for k, (parents, edges) in enumerate(zip(self.parents, self.edges, strict=True)):
            if len(parents):
                total[k] += np.einsum("ps,ps...->s...", effects[edges], total[parents])
        return total

    def gradient(self, effects: np.ndarray, target: int) -> np.ndarray:
        """Total effect of each node on one target, shape (nodes, draws)."""
        return self.gradients(effects, np.array([target]))[:, :, 0]

    def gradients(self, effects: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Total effects on several targets, shape (nodes, draws, targets)."""
        slope = np.zeros((len(self.parents), effects.shape[1], len(targets)))
        slope[targets, :, np.arange(len(targets))] = 1.0
        reached = set(targets.tolist())
        for k in range(max(reached, default=-1), -1, -1):
            if k in reached and len(self.parents[k]):
                slope[self.parents[k]] += effects[self.edges[k]][:, :, None] * slope[k]
                reached.update(self.parents[k].tolist())
        return slope
