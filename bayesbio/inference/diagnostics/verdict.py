"""Whether a posterior may be called a result: findings, thresholds and remedies."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class VerdictItem:
    """
    One check of a posterior.

    Attributes
    ----------
    name : str
        What was checked: "R-hat", "divergences", ...
    value : float
        What was found; NaN when it could not be computed.
    threshold : str
        What was expected: "<= 1.01".
    passed : bool
    sentence : str
        The finding in plain words.
    remedy : str
        What to do about a failure; empty when passed.
    advisory : bool
        An advisory item is said, but does not fail the verdict.
    question : "computation" or "model"
        Which of the two questions of a verdict it belongs to.
    """

    name: str
    value: float
    threshold: str
    passed: bool
    sentence: str
    remedy: str = ""
    advisory: bool = False
    question: str = "computation"


QUESTIONS = {
    "computation": ("Is the computation sound?", "computation sound", "computation not sound"),
    "model": (
        "Does the model describe these data?",
        "model describes these data",
        "model does not describe these data",
    ),
}


@dataclass(frozen=True)
class Badge:
    """
    Answer to one of the two questions of a verdict.

    Attributes
    ----------
    about : "computation" or "model"
    question : str
        "Is the computation sound?" or "Does the model describe these data?"
    state : "passed", "look" or "failed"
        A badge with advice is never green.
    answer : str
        "model does not describe these data"
    counts : str
        "8 of 11 checks passed, 1 failed, 2 to look at"
    """

    about: str
    question: str
    state: str
    answer: str
    counts: str

    def __str__(self) -> str:
        """Answer and counts in one line."""
        return f"{self.answer[0].upper()}{self.answer[1:]}: {self.counts}."


@dataclass(frozen=True)
class Verdict:
    """
    What the checks of a posterior came to: is the computation sound, and is the model adequate.

    Attributes
    ----------
    items : tuple of VerdictItem

    Examples
    --------
    >>> verdict = Verdict((
    ...     VerdictItem("R-hat", 1.002, "<= 1.01", True, "The chains agree: R-hat 1.002."),
    ...     VerdictItem("divergences", 7, "0", False, "7 of 4000 draws diverged.",
    ...                 "Give growth_sd_run a narrower prior."),
    ... ))
    >>> print(verdict)
    FAILED: 1 of 2 checks (divergences). Do not use these draws as a result.
    Computation not sound: 1 of 2 checks passed, 1 failed.
      ok    The chains agree: R-hat 1.002.
      FAIL  7 of 4000 draws diverged. Expected: 0.
    Remedies:
      1. Give growth_sd_run a narrower prior.
    >>> verdict.passed, verdict["R-hat"].value
    (False, 1.002)
    """

    items: tuple[VerdictItem, ...]

    @property
    def passed(self) -> bool:
        """Whether every check that is not advisory passed."""
        return all(item.passed or item.advisory for item in self.items)

    @property
    def badges(self) -> tuple[Badge, ...]:
        """Answers to the questions that were asked: computation first, then model."""
        badges = []
        for question, (words, good, bad) in QUESTIONS.items():
            items = [item for item in self.items if item.question == question]
            failed = sum(not (item.passed or item.advisory) for item in items)
            look = sum(item.advisory and not item.passed for item in items)
            parts = [f"{len(items) - failed - look} of {len(items)} checks passed"]
            parts += [f"{failed} failed"] if failed else []
            parts += [f"{look} to look at"] if look else []
            state = "failed" if failed else "look" if look else "passed"
            if items:
                answer = bad if failed else good
                badges.append(Badge(question, words, state, answer, ", ".join(parts)))
        return tuple(badges)

    @property
    def failures(self) -> tuple[VerdictItem, ...]:
        """Checks that failed the verdict."""
        return tuple(item for item in self.items if not (item.passed or item.advisory))

    @property
    def advice(self) -> tuple[VerdictItem, ...]:
        """Advisory checks that found something."""
        return tuple(item for item in self.items if item.advisory and not item.passed)

    def __getitem__(self, name: str) -> VerdictItem:
        """Item by name; KeyError when it was not checked."""
        for item in self.items:
            if item.name == name:
                return item
        raise KeyError(f"{name!r} was not checked; checked: {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the checks that were made."""
        return tuple(item.name for item in self.items)

    def remedies(self) -> tuple[str, ...]:
        """At most three things to do: for failures, or else for what advisory checks found."""
        wanted = self.failures or self.advice
        return tuple(dict.fromkeys(item.remedy for item in wanted if item.remedy))[:3]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for an archive or `metrics.json`; a value that is not finite becomes None."""
        items = [dataclasses.asdict(item) for item in self.items]
        for item in items:
            item["value"] = float(item["value"]) if math.isfinite(item["value"]) else None
            item["passed"], item["advisory"] = bool(item["passed"]), bool(item["advisory"])
        return {"passed": self.passed, "items": items}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Verdict":
        """Rebuild what `to_dict` wrote."""
        return cls(
            tuple(
                VerdictItem(
                    **{**item, "value": math.nan if item["value"] is None else item["value"]}
                )
                for item in content["items"]
            )
        )

    def __str__(self) -> str:
        """Open with the outcome, then one line per check, then the remedies."""
        failed = self.failures
        if failed:
            names = ", ".join(item.name for item in failed)
            lines = [
                f"FAILED: {len(failed)} of {len(self.items)} checks ({names}). "
                "Do not use these draws as a result."
            ]
        else:
            advice = f", {len(self.advice)} with advice" if self.advice else ""
            lines = [f"Passed: {len(self.items)} checks{advice}."]
        for badge in self.badges:
            lines.append(str(badge))
            for item in self.items:
                if item.question == badge.about:
                    mark = "ok  " if item.passed else "note" if item.advisory else "FAIL"
                    expected = "" if item.passed else f" Expected: {item.threshold}."
                    lines.append(f"  {mark}  {item.sentence}{expected}")
        remedies = self.remedies()
        if remedies:
            lines.append("Remedies:" if failed else "Worth a look:")
            lines += [f"  {number}. {remedy}" for number, remedy in enumerate(remedies, start=1)]
        return "\n".join(lines)


@dataclass(frozen=True)
class Gate:
    """
    Thresholds of a verdict.

    Attributes
    ----------
    r_hat : float
        Largest R-hat (Vehtari et al. 2021, doi:10.1214/20-BA1221).
    effective_draws : float
        Smallest bulk and tail effective sample size.
    divergences : int
        Divergences allowed after tuning.
    non_finite : float
        Share of draws whose path may meet a density that is not a number (failed solutions).
    coverage : tuple of float
        Range for the share of measurements inside their 90 % predictive intervals.
    energy : float
        Smallest fraction of missing information (Betancourt 2016, arXiv:1604.00695); advisory.
    pareto_k : float
        Largest Pareto k of leave-one-out weights (Vehtari et al. 2024, JMLR 25:72); advisory.
    lack_of_fit : float
        Error rate of each posterior predictive check of residuals and of data statistics: what
        chance explains less often than this is a finding.
    noise_excess : float
        Residuals this many times an assay's usual scatter fail; half of that asks for a look.
    prior_tail : float
        A posterior median further out in its prior than this is said; advisory.
    sensitivity : float
        Power-scaling sensitivity of prior and likelihood that is said (Kallioinen et al. 2024,
        doi:10.1007/s11222-023-10366-5); advisory.
    """

    r_hat: float = 1.01
    effective_draws: float = 400.0
    divergences: int = 0
    non_finite: float = 0.001
    coverage: tuple[float, float] = (0.80, 0.98)
    energy: float = 0.3
    pareto_k: float = 0.7
    lack_of_fit: float = 0.01
    noise_excess: float = 4.0
    prior_tail: float = 0.005
    sensitivity: float = 0.05
