import dataclasses

import numpy as np
import xarray as xr

from bayesbio.inference.archive.representation import short_repr


@dataclasses.dataclass
class Fit:
    """A result with parts of every kind."""

    draws: xr.Dataset
    tree: xr.DataTree
    matrix: np.ndarray
    options: dict
    names: list
    __repr__ = short_repr


def test_parts_are_named_by_their_size_never_by_their_numbers():
    draws = xr.Dataset({"a": (("chain", "draw"), np.ones((4, 500)))})
    tree = xr.DataTree.from_dict({"posterior": draws, "prior": draws})
    printed = repr(Fit(draws, tree, np.ones((9, 3)), {f"o{i}": i for i in range(99)}, [1] * 50))
    assert "draws=Dataset of chain 4, draw 500" in printed
    assert "tree=DataTree of posterior, prior" in printed
    assert "matrix=ndarray of 9 x 3" in printed and "names=list of 50" in printed
    assert len(printed) < 600 and max(map(len, printed.splitlines())) < 140
