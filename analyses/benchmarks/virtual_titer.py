"""Virtual cultures with a known truth: which factors act on the titer, how, and how strongly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy.stats import norm

from bayesbio.data.table import Table, TableColumn

NAMES = (
    "temperature",
    "ph",
    "dissolved_oxygen",
    "feed_rate",
    "glucose",
    "glutamine",
    "seeding_density",
    "osmolality",
    "carbon_dioxide",
    "agitation",
    "antifoam",
    "trace_metals",
)


@dataclasses.dataclass(frozen=True)
class VirtualTiter:
    """
    A rule by which twelve factors make a titer, and tables drawn from it.

    Six factors act: two along a line (or one of them with saturation), one with an optimum, one
    along a line and together with another, and two only together (a pure interaction: neither
    matters on average). Six decoys do nothing; three of them go along with an active factor
    (correlation 0.7).

    Parameters
    ----------
    order : tuple of int
        Places of the factors: six that act, then six decoys.
    linear : array, shape (6,)
        Change of log titer per standard deviation of each active factor.
    curvature : float
        Of the third active factor.
    together : float
        Of the first with the fourth active factor.
    pure : float
        Of the fifth with the sixth.
    normal : bool
        Whether factors are normal rather than uniform.
    saturating : bool
        Whether the second active factor levels off instead of acting along a line.
    noise : float
        Standard deviation of log titer of a culture.
    below : float
        Share of titers below the detection limit.

    Examples
    --------
    >>> truth = VirtualTiter.drawn(random_seed=1)
    >>> table = truth.table(60, random_seed=1)
    >>> len(table), len(truth.active), int((table.flag("titer") == "below").sum())
    (60, 6, 5)
    """

    order: tuple[int, ...]
    linear: np.ndarray
    curvature: float
    together: float
    pure: float
    normal: bool = False
    saturating: bool = False
    noise: float = 0.1
    below: float = 0.08

    @classmethod
    def drawn(
        cls, *, random_seed: int, normal: bool = False, saturating: bool = False
    ) -> VirtualTiter:
        """Draw a rule: signs, sizes and which factors act."""
        rng = np.random.default_rng([random_seed, 1])
        sign = rng.choice([-1.0, 1.0], size=9)
        size = rng.uniform(0.12, 0.25, size=4)
        linear = np.array([*(sign[:4] * size), 0.0, 0.0])
        linear[2] *= 0.5
        return cls(
            order=tuple(int(place) for place in rng.permutation(12)),
            linear=linear,
            curvature=float(-rng.uniform(0.1, 0.18)),
            together=float(sign[5] * rng.uniform(0.12, 0.2)),
            pure=float(sign[6] * rng.uniform(0.15, 0.22)),
            normal=normal,
            saturating=saturating,
        )

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the factors that act."""
        return tuple(NAMES[place] for place in self.order[:6])

    @property
    def pure_interaction(self) -> tuple[str, str]:
        """Name the two factors that act only together."""
        return NAMES[self.order[4]], NAMES[self.order[5]]

    def factors(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Draw standardised factors, shape (rows, 12), in the order of `NAMES`."""
        scores = rng.normal(size=(rows, 12))
        for decoy, partner in ((6, 0), (7, 2), (8, 4)):
            scores[:, decoy] = 0.7 * scores[:, partner] + np.sqrt(0.51) * scores[:, decoy]
        if not self.normal:
            scores = np.sqrt(12.0) * (norm.cdf(scores) - 0.5)
        placed = np.empty_like(scores)
        placed[:, list(self.order)] = scores
        return placed

    def log_titer(self, factors: np.ndarray) -> np.ndarray:
        """Mean log titer of standardised factors, shape (rows,)."""
        x = factors[:, list(self.order)].copy()
        if self.saturating:
            x[:, 1] = 2.0 * (1.0 - np.exp(-0.8 * (x[:, 1] + 1.0)))
        return (
            np.log(3.0)
            + x[:, :6] @ self.linear
            + self.curvature * (x[:, 2] ** 2 - 1.0)
            + self.together * x[:, 0] * x[:, 3]
            + self.pure * x[:, 4] * x[:, 5]
        )

    def table(self, rows: int, *, random_seed: int, censored: bool = True) -> Table:
        """
        Draw cultures: factors on scales from 0 to 10, titer in g/L.

        Parameters
        ----------
        rows : int
        random_seed : int
        censored : bool
            Whether titers below the limit are only known to be below it.

        Returns
        -------
        Table
        """
        rng = np.random.default_rng([random_seed, 2])
        factors = self.factors(rows, rng)
        titer = np.exp(self.log_titer(factors) + self.noise * rng.normal(size=rows))
        frame = pd.DataFrame(5.0 + 1.5 * factors, columns=list(NAMES)).assign(titer=titer)
        flags = pd.DataFrame({"titer": np.full(rows, "")})
        if censored:
            limit = float(np.quantile(titer, self.below))
            flags.loc[titer < limit, "titer"] = "below"
            frame.loc[titer < limit, "titer"] = limit
        columns = [TableColumn(name, "factor", "1") for name in NAMES]
        return Table(frame, [*columns, TableColumn("titer", "response", "g/L")], flags)
