"""Where the chains of a calibration start: its compiled density and the mode of it."""

from __future__ import annotations

import dataclasses

from bayesbio.calibrate.coordinates.correction_weights import curvatures
from bayesbio.calibrate.coordinates.run_information import data_of, said_by_runs
from bayesbio.calibrate.model import model_of
from bayesbio.calibrate.problem.formulation import Formulation
from bayesbio.calibrate.start_diagnosis import explain_failed_start
from bayesbio.errors import CalibrationError
from bayesbio.inference import LogDensity, Mode, find_mode


def density_and_mode(
    formulation: Formulation,
    *,
    random_seed: int,
    rtol: float,
    atol: float,
    side_by_side: bool = False,
) -> tuple[LogDensity, Mode]:
    """Compile the density and find its mode, as `settled_mode`."""
    density = LogDensity(model_of(formulation, rtol=rtol, atol=atol, side_by_side=side_by_side))
    return density, settled_mode(density, formulation, random_seed=random_seed)


def settled_mode(density: LogDensity, formulation: Formulation, *, random_seed: int) -> Mode:
    """
    Find the mode of a density, and tell the density what runs say about their own effects there.

    That is first judged at the prior medians, which may be far from the data.
    """
    try:
        mode = find_mode(density, hold=spreads(formulation), random_seed=random_seed)
    except CalibrationError as error:
        raise explain_failed_start(formulation, error) from error
    return _settled(density, formulation, mode, random_seed=random_seed)


def _settled(
    density: LogDensity, formulation: Formulation, mode: Mode, *, random_seed: int
) -> Mode:
    """
    Move a density to the coordinates that its mode asks for; gives the mode in these.

    There the effects of groups and corrections are all nought, everything else is as it was.
    """
    told = data_of(said_by_runs(formulation, mode.values)) | curvatures(formulation, mode.values)
    if not told:
        return mode
    density.set_data(told)
    point = mode.point.copy()
    for name, place in density.places.items():
        if name.endswith(("_effect_of_levels", "_effect_of_knots")):
            point[place] = 0.0
    found = find_mode(density, hold=mode.held, random_seed=random_seed, near=point)
    evaluations = mode.evaluations + found.evaluations
    return dataclasses.replace(found, elsewhere=mode.elsewhere, evaluations=evaluations)


def spreads(formulation: Formulation) -> tuple[str, ...]:
    """Names of standard deviations along which the density has no mode: of groups and errors."""
    between_groups = (
        f"{unknown.name}_sd_{level}" for unknown in formulation.unknowns for level in unknown.levels
    )
    of_errors = (
        name
        for quantity, noise in formulation.noise.items()
        for name in noise.without_mode(quantity)
    )
    carried = () if formulation.carried is None else formulation.carried.names
    return tuple(
        dict.fromkeys(name for name in (*between_groups, *of_errors) if name not in carried)
    )
