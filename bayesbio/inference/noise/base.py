"""Observation models: the contract that every kind of noise keeps, and their registry."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytensor.tensor as pt

from bayesbio.errors import CalibrationError

NOISES: dict[str, Callable[[], Noise]] = {}  # what can be asked for by name, see `by_name`
_KINDS: dict[str, type[Noise]] = {}  # what a saved description is rebuilt as
_ANY = "\0"  # stands for the quantity in a template of names


def by_name[C: Callable[..., Any]](constructor: C) -> C:
    """
    Let a noise be asked for by its name, ``noise="proportional"``, without arguments.

    Examples
    --------
    >>> from bayesbio.inference import lognormal
    >>> NOISES["lognormal"]() == lognormal()
    True
    """
    NOISES[getattr(constructor, "kind", constructor.__name__)] = constructor
    return constructor


@dataclasses.dataclass(frozen=True)
class Noise(abc.ABC):
    """
    How readings of one quantity scatter around its mean trajectory.

    Made by `normal`, `proportional`, `combined`, `lognormal`, `student_t`, `counts` or `assay`, and
    built upon by `replicated`, `autocorrelated` and `shared`. One distribution serves the sampler
    (PyTensor) and predictions (numpy). Flagged rows count exactly: ``below`` with the probability
    of a reading under the limit, ``above`` with that over it, ``between`` with that of the band
    from ``value`` to ``value_upper``. A class that names its `kind` is registered by that.

    Notes
    -----
    A row with an ``sd`` [unit of the quantity] uses it in place of the estimated scale; lognormal
    noise turns it into sqrt(log(1 + (sd / value)^2)), which has the same coefficient of variation.
    Where every row has one, nothing is left to estimate, and new readings scatter with the root
    mean square of them.

    Examples
    --------
    >>> from bayesbio.inference import lognormal
    >>> frozen = lognormal().frozen(4.0, {"noise_titer": 0.1})
    >>> round(float(frozen.median()), 9)
    4.0
    """

    kind: ClassVar[str] = "noise"
    relative: ClassVar[bool] = False
    """Whether the scale is a fraction of the mean rather than in the unit of the quantity."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Register a kind, so that saved noise is rebuilt."""
        super().__init_subclass__(**options)
        if "kind" in vars(cls):
            _KINDS[cls.kind] = cls

    @property
    def source(self) -> str | None:
        """Model quantity that was read; None where it has the name of the readings."""
        return None

    # What a reader may call -----------------------------------------------------------------

    @abc.abstractmethod
    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Noise:
        """
        Check the rows and fix what the data decide: default prior, floor, known scale.

        Parameters
        ----------
        quantity : str
            Name, for messages.
        rows : DataFrame
            Rows of that quantity as from ``campaign.to_frame(details=True)``, without excluded
            ones: value, flag and, where known, value_upper, sd, run, time_h.

        Returns
        -------
        Noise
            A copy that needs no data any more: `frozen` and `draw` follow from it alone.

        Raises
        ------
        DataError
            If a row cannot have this noise, or nothing in the data says how large the noise is.

        Examples
        --------
        >>> from bayesbio.inference import normal
        >>> rows = pd.DataFrame({"value": [1.0, 3.0], "flag": ["", ""]})
        >>> normal().scaled_to("glucose", rows).size
        0.5
        """

    @abc.abstractmethod
    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        """
        Register the unknowns of the noise in the current ``pm.Model``.

        Parameters
        ----------
        quantity : str
            Gives the names ``noise_<quantity>`` (and ``noise_<quantity>_degrees_of_freedom``).
        rows : DataFrame
            As for `scaled_to`.

        Returns
        -------
        dict of name to random variable
            Without the scale where every row brings its own ``sd``.

        Raises
        ------
        DataError
            As `scaled_to`.
        """

    @abc.abstractmethod
    def likelihood(
        self,
        quantity: str,
        mean: Any,
        rows: pd.DataFrame,
        parameters: Mapping[str, Any],
    ) -> None:
        """
        Register the readings in the current ``pm.Model``.

        The terms are called ``<quantity>`` and, where such rows occur, ``<quantity>_below``,
        ``<quantity>_above`` and ``<quantity>_between``; the flagged ones simulate what an assay
        with these limits would report.

        Parameters
        ----------
        quantity : str
            Name of the terms.
        mean : PyTensor vector, shape (rows,) [unit of the quantity]
            Mean trajectory at the rows; any finite value gives a finite density.
        rows : DataFrame
            As for `scaled_to`, in the same order.
        parameters : mapping of name to random variable
            What `parameters` returned.

        Raises
        ------
        DataError
            As `scaled_to`.
        """

    @abc.abstractmethod
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        """
        Distribution of readings around a mean, as a frozen ``scipy.stats`` distribution.

        Errors that several readings share (`replicated`, `autocorrelated`, `shared`) are left out.

        Parameters
        ----------
        mean : array, any shape [unit of the quantity]
            Mean trajectory (median, for lognormal noise).
        parameters : mapping of name to array, broadcastable with ``mean``
            ``noise_<quantity>`` (and ``..._degrees_of_freedom``), as the posterior names them:
            those of one quantity, whatever it is called.

        Returns
        -------
        frozen scipy.stats distribution

        Raises
        ------
        CalibrationError
            If the scale is missing, or the noise was never scaled to data where it has to be.
        """

    @abc.abstractmethod
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        """
        Log density of quantified rows and log probability of flagged ones, in plain numbers.

        Parameters
        ----------
        mean : array, shape (..., rows) [unit of the quantity]
            Mean trajectory at the rows; leading axes are draws.
        rows : DataFrame
            As for `scaled_to`, in the same order.
        parameters : mapping of name to array, shape (...)
            One value a draw, without an axis for the rows. Errors that readings share are
            DataArrays whose last dimension says which run, sample or reading they belong to.

        Returns
        -------
        array, shape (..., rows)

        Examples
        --------
        >>> from bayesbio.inference import normal
        >>> rows = pd.DataFrame({"value": [0.2], "flag": ["below"]})
        >>> float(normal().log_likelihood([0.2], rows, {"noise_glucose": 0.1}).round(6)[0])
        -0.693147
        """

    def log_likelihood_of_new(
        self,
        mean: Any,
        rows: pd.DataFrame,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """
        Log density of readings of a run that was not calibrated on.

        As `log_likelihood`, but errors that readings share are drawn anew, one draw for each of the
        leading axes; their average over draws is the predictive density of each reading.

        Parameters
        ----------
        mean, rows, parameters
            As for `log_likelihood`; a column known marks rows of runs that were calibrated on in
            part and keep the errors of their own.
        rng : numpy Generator
            Source of chance.

        Returns
        -------
        array, shape (..., rows)
        """
        del rng
        return self.log_likelihood(mean, rows, parameters)

    @abc.abstractmethod
    def draw(
        self,
        mean: Any,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
        *,
        rows: pd.DataFrame | None = None,
    ) -> np.ndarray:
        """
        Draw new readings around a mean.

        Parameters
        ----------
        mean : array, any shape [unit of the quantity]
            Mean trajectory; NaN stays NaN.
        parameters : mapping of name to array, broadcastable with ``mean``
            As for `frozen`; errors that readings share as for `log_likelihood`.
        rng : numpy Generator
            Source of chance.
        rows : DataFrame, optional
            One row for each element of the last axis of ``mean``. Columns run, time_h and known
            (whether the run was calibrated on): which readings share an error; without, none do.
            Where it has value, flag and sd too, a reading with an sd scatters with that.

        Returns
        -------
        array, broadcast shape [unit of the quantity]
        """

    @abc.abstractmethod
    def describe(self) -> str:
        """
        Say in words what the noise is and which priors it has.

        Examples
        --------
        >>> from bayesbio.inference import normal
        >>> rows = pd.DataFrame({"value": [1.0, 3.0], "flag": ["", ""]})
        >>> normal().scaled_to("glucose", rows).describe()
        'normal, scale ~ HalfNormal(0, 0.5)'
        """

    @abc.abstractmethod
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        """
        Compute the standard deviation of readings around a mean, before or after a fit.

        That of `frozen`, at the medians of the priors where nothing is estimated yet; where a
        Student t distribution has none, its scale.

        Parameters
        ----------
        quantity : str
        mean : array, shape (rows,) [unit of the quantity]
        estimates : mapping of name to number
            Unknowns of the model that are estimated by now; empty before the fit.

        Returns
        -------
        array, shape (rows,) [unit of the mean]
        """

    def names(self, quantity: str) -> tuple[str, ...]:
        """
        Names that the posterior may hold for the noise of a quantity.

        Examples
        --------
        >>> from bayesbio.inference import student_t
        >>> student_t().names("titer")
        ('noise_titer', 'noise_titer_degrees_of_freedom')
        """
        return (f"noise_{quantity}",)

    def units(self, quantity: str, unit: str) -> dict[str, str]:
        """
        Give the unit of each of these names, where readings are in ``unit``.

        Examples
        --------
        >>> from bayesbio.inference import lognormal, normal
        >>> normal().units("titer", "g/L"), lognormal().units("titer", "g/L")
        ({'noise_titer': 'g/L'}, {'noise_titer': '1'})
        """
        return dict.fromkeys(self.names(quantity), "1") | {
            f"noise_{quantity}": "1" if self.relative else unit
        }

    def spreads(self, quantity: str) -> tuple[str, ...]:
        """Names of standard deviations of errors that several readings share."""
        return ()

    def coordinates(self, quantity: str) -> tuple[str, ...]:
        """Names of variables that only serve the sampler: standardised errors."""
        return ()

    def without_mode(self, quantity: str) -> tuple[str, ...]:
        """
        Names to hold while a mode is searched, because the density has none along them.

        Only for a noise that was scaled to data.
        """
        return self.spreads(quantity)

    def priors(self, quantity: str) -> dict[str, Any]:
        """Priors of the unknowns of a noise that was scaled to data, by name."""
        return {}

    # Plain numbers ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """
        Describe the noise by plain numbers, enough to predict with it again.

        A prior given as a PyMC distribution is left out: after sampling, the posterior has taken
        its place.
        """
        kept = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), float | int | str)
        }
        return {"kind": self.kind, **kept}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Noise:
        """
        Make the noise that `to_dict` described.

        Raises
        ------
        CalibrationError
            If its kind is unknown.

        Examples
        --------
        >>> from bayesbio.inference import lognormal
        >>> Noise.from_dict(lognormal().to_dict()) == lognormal()
        True
        """
        kind = content.get("kind")
        if kind not in _KINDS:
            raise CalibrationError(
                f"Noise of kind {kind!r} is unknown; expected one of {', '.join(_KINDS)}. Was the "
                "file written by a newer bayesbio? Install that version to read it."
            )
        rest = {key: value for key, value in content.items() if key != "kind"}
        return _KINDS[kind]._rebuilt(rest)

    @classmethod
    def _rebuilt(cls, content: dict[str, Any]) -> Noise:
        return cls(**content)

    # Names -----------------------------------------------------------------------------------

    def quantity_of(self, parameters: Mapping[str, Any]) -> str:
        """
        Quantity whose noise has exactly these names.

        Raises
        ------
        CalibrationError
            When they are not those of one quantity.

        Examples
        --------
        >>> from bayesbio.inference import combined
        >>> names = combined().names("monomer_fraction")
        >>> combined().quantity_of(dict.fromkeys(names, 0.1))
        'monomer_fraction'
        """
        given = set(parameters)
        if given <= set(self.names(_ANY)):  # shared by all quantities, or none at all
            return _ANY
        fitting: list[tuple[int, str]] = []
        for template in self.names(_ANY):
            head, _, tail = template.partition(_ANY)
            for name in given:
                quantity = name[len(head) : len(name) - len(tail)]
                if template.replace(_ANY, quantity) == name and given <= set(self.names(quantity)):
                    fitting.append((len(given & set(self._needed(quantity))), quantity))
        if not fitting:
            expected = " and ".join(name.replace(_ANY, "<quantity>") for name in self.names(_ANY))
            raise CalibrationError(
                f"The noise of one quantity came with {len(parameters)} parameters "
                f"({', '.join(parameters)}); expected {expected or 'none'}. Pass only those of "
                "this quantity."
            )
        return max(fitting)[1]

    def _needed(self, quantity: str) -> tuple[str, ...]:
        """Names without which there is no distribution."""
        return self.names(quantity)


def require_distinct_names(noise: Mapping[str, Noise]) -> None:
    """
    Refuse quantities whose noise would share an unknown by the accident of their names.

    Raises
    ------
    CalibrationError

    Examples
    --------
    >>> from bayesbio.inference import combined, normal
    >>> require_distinct_names({"monomer": normal(), "monomer_fraction": normal()})
    """
    owner: dict[str, str] = {}
    for quantity, each in noise.items():
        names, common = each.names(quantity), set(each.names(_ANY))
        for place, name in enumerate(names):
            key = _ANY if name in common and name not in names[:place] else quantity
            if owner.setdefault(name, key) != key:
                other = owner[name] if owner[name] != _ANY else "errors that analytes share"
                raise CalibrationError(
                    f"The noise of {quantity!r} and that of {other!r} would both have an unknown "
                    f"called {name}. Rename the quantity {quantity!r}, or choose a noise without "
                    "that unknown for one of them."
                )


def prior_or_none(kind: str, prior: Any) -> Any:
    """
    Accept an unnamed PyMC distribution or nothing; the kind of noise is for the message.

    Raises
    ------
    CalibrationError
        When it is something else.

    Examples
    --------
    >>> prior_or_none("normal", None)
    """
    if prior is None or (isinstance(prior, pt.Variable) and prior.owner is not None):
        return prior
    raise CalibrationError(
        f"{kind}({prior!r}): expected an unnamed PyMC distribution as prior, such as "
        "pm.HalfNormal.dist(0.1). A known standard deviation belongs in the data's sd column."
    )
