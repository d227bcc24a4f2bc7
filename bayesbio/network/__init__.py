"""The process as a Bayesian network: risk, sensitivity, prediction and what to measure next."""

from bayesbio.network.structure import Node, ProcessNetwork, UnitOperation, dependencies

__all__ = ["Node", "ProcessNetwork", "UnitOperation", "dependencies"]
