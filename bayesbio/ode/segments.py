"""What the solvers integrate: segments of every run, as plain arrays that compiled code takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Segments(NamedTuple):
    """
    Segments of every run, one after another.

    A segment starts with its jumps, integrates from edge to edge with inputs that are linear in
    time, and stores the state at its end in row ``saves`` (-1: not stored).

    Attributes
    ----------
    runs : int array, shape (runs + 1,)
        First segment of each run.
    edges : float array, shape (segments, 2) [h]
    saves : int array, shape (segments,)
    levels, slopes : float arrays, shape (segments, inputs)
        Inputs at the start of a segment, and their change an hour.
    jumps : int array, shape (segments + 1,)
        First jump of each segment.
    kinds : int array, shape (jumps,)
    amounts, given : float arrays, shape (jumps, states)
    """

    runs: np.ndarray
    edges: np.ndarray
    saves: np.ndarray
    levels: np.ndarray
    slopes: np.ndarray
    jumps: np.ndarray
    kinds: np.ndarray
    amounts: np.ndarray
    given: np.ndarray
