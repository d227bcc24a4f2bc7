"""Simulation-based calibration of several models, judged together."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

import pandas as pd

from bayesbio.errors import DataError
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.verdict import Verdict
from bayesbio.inference.validation.rank_statistics import FAMILY_WISE, Ranks


@dataclasses.dataclass(frozen=True, eq=False)
class RankStudy:
    """
    Ranks of several models: what a report of simulation-based calibration rests on.

    Attributes
    ----------
    studies : mapping of name to Ranks
    random_seed : int

    Raises
    ------
    DataError
        When there is no study.

    Examples
    --------
    >>> import numpy as np
    >>> ranks = Ranks(pd.DataFrame({"rate": np.arange(100)}), draws=99)
    >>> RankStudy({"growth": ranks}, random_seed=1).check().names
    ('ranks of growth', 'replications of growth')
    """

    studies: Mapping[str, Ranks]
    random_seed: int

    def __post_init__(self) -> None:
        if not self.studies:
            raise DataError("A study needs the ranks of at least one model.")

    def check(self, *, probability: float = FAMILY_WISE) -> Verdict:
        """Judge each model by the family-wise band over all of its numbers."""
        return Verdict(
            tuple(
                dataclasses.replace(
                    item,
                    name=f"{item.name} of {name}",
                    sentence=f"{name[:1].upper()}{name[1:]}: "
                    f"{item.sentence[:1].lower()}{item.sentence[1:]}",
                )
                for name, ranks in self.studies.items()
                for item in ranks.check(probability=probability).items
            )
        )

    def summary(self) -> pd.DataFrame:
        """
        Join the summaries of all models.

        Returns
        -------
        DataFrame
            Index "model: name", columns as of `Ranks.summary`.
        """
        parts = [
            ranks.summary().rename(index=lambda each, name=name: f"{name}: {each}")
            for name, ranks in self.studies.items()
        ]
        return pd.concat(parts).rename_axis("name")

    def evidence(self) -> Evidence:
        """Give what a report asks of it."""
        return Evidence(self, f"Ranks of {len(self.studies)} models")

    @property
    def hash(self) -> str:
        """Hash of all ranks."""
        found = hashlib.sha256()
        for name, ranks in self.studies.items():
            found.update(f"{name} {ranks.draws} {','.join(ranks.names)}".encode())
            found.update(ranks.table.to_numpy(float).tobytes())
        return found.hexdigest()

    @property
    def data_hash(self) -> str:
        """The same: the ranks are the data."""
        return self.hash
