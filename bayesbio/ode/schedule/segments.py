"""What the solvers integrate: segments of every run, as plain arrays that compiled code takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SWITCH, STOP = -1, -2  # kinds of a dynamic event that are no jump of the state


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


class DynamicEvents(NamedTuple):
    """
    Events whose time or amount is only known when a run is solved, run by run.

    Beside them go two arrays that may depend on parameters (see `Problem`): ``triggers``, the time
    of each event or the limit that starts it; ``amounts``, those of a jump, or the level of a
    switch in the first column.

    Attributes
    ----------
    runs : int array, shape (runs + 1,)
        First dynamic event of each run.
    kinds : int array, shape (events,)
        Index into the model's kinds of jump, or `SWITCH` or `STOP`.
    inputs : int array, shape (events,)
        Which input a switch sets.
    watched : int array, shape (events,)
        Observed quantity that starts the event when it passes its limit; -1: a time does.
    signs : float array, shape (events,)
        1 where it has to rise, -1 where it has to fall.
    previous : int array, shape (events,)
        Event that has to happen first, for the repetitions of one that re-arms; -1: none.
    given : float array, shape (events, states)
    overridden : float array, shape (segments, inputs) [h]
        Time of the last switch at a fixed time, which ends what earlier dynamic ones set.
    """

    runs: np.ndarray
    kinds: np.ndarray
    inputs: np.ndarray
    watched: np.ndarray
    signs: np.ndarray
    previous: np.ndarray
    given: np.ndarray
    overridden: np.ndarray


class Problem(NamedTuple):
    """
    What is solved, apart from parameters, settings and initial states.

    Attributes
    ----------
    segments : Segments
    events : DynamicEvents
    triggers : float array, shape (events,)
    amounts : float array, shape (events, states)
    """

    segments: Segments
    events: DynamicEvents
    triggers: np.ndarray
    amounts: np.ndarray


class Options(NamedTuple):
    """Tolerances of a step, the code of the method, and whether steps are recorded."""

    rtol: float
    atol: float
    method: int
    keep: bool


class Record(NamedTuple):
    """
    What a solution leaves for its derivatives and for dense output.

    Attributes
    ----------
    tape : float array, shape (runs, steps, row)
        Accepted steps: time, step, method, state, stages.
    step_index : int array, shape (pieces,)
        Number of steps at the end of each piece.
    event_times : float array, shape (events, 3)
        Time of each dynamic event, whether its limit was met exactly, and its rank.
    """

    tape: np.ndarray
    step_index: np.ndarray
    event_times: np.ndarray


class Gradients(NamedTuple):
    """Gradients by ``theta`` (or one row of it), and by the arrays of a `Problem`."""

    theta: np.ndarray
    triggers: np.ndarray
    amounts: np.ndarray
    levels: np.ndarray
    slopes: np.ndarray
    segment_amounts: np.ndarray


class Layout(NamedTuple):
    """
    Pieces of one run once the times of its dynamic events are known.

    Attributes
    ----------
    edges : float array, shape (pieces, 2) [h]
    saves : int array, shape (pieces,)
    jumps : int array, shape (pieces, 2)
        First jump at the start of a piece, and the one after its last.
    sources : int array, shape (pieces,)
        The segment that a piece is cut from.
    causes : int array, shape (pieces,)
        Dynamic event at the start of a piece, or -1.
    switches : int array, shape (pieces, inputs)
        Dynamic event that sets an input, or -1.
    """

    edges: np.ndarray
    saves: np.ndarray
    jumps: np.ndarray
    sources: np.ndarray
    causes: np.ndarray
    switches: np.ndarray
