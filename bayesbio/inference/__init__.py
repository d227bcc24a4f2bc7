"""Draws from a posterior, and whether to believe them; knows nothing of process models."""

from bayesbio.inference.approximate.laplace import Approximation, laplace_approximation
from bayesbio.inference.approximate.pathfinder import pathfinder_approximation
from bayesbio.inference.approximate.smc import sequential_monte_carlo
from bayesbio.inference.archive.files import archive_card, read_archive, write_archive
from bayesbio.inference.archive.results import result_from_archive, result_hash, save_result
from bayesbio.inference.diagnostics.draws import (
    FlatDraws,
    flat_draws,
    stack_draws,
    summary_table,
)
from bayesbio.inference.diagnostics.fallbacks import fallback_record, record_fallback
from bayesbio.inference.diagnostics.posterior_checks import verdict_of
from bayesbio.inference.diagnostics.verdict import Gate, Verdict, VerdictItem
from bayesbio.inference.hierarchy.correlations import correlate, correlation_matrix, pairs
from bayesbio.inference.hierarchy.covariates import Design, are_identifiable, design
from bayesbio.inference.hierarchy.levels import (
    Grouping,
    covariate_levels,
    nesting,
    order_levels,
    pooling_factor,
    varying,
)
from bayesbio.inference.hierarchy.noncentering import (
    EffectInformation,
    JointlyNoncentered,
    member_values,
)
from bayesbio.inference.mcmc.checkpoint import Checkpoint
from bayesbio.inference.mcmc.density import FunctionDensity, LogDensity
from bayesbio.inference.mcmc.fingerprint import model_fingerprint
from bayesbio.inference.mcmc.mode import find_mode
from bayesbio.inference.mcmc.nutpie_backend import NoUTurn
from bayesbio.inference.mcmc.records import Mode, Whitening
from bayesbio.inference.mcmc.ridge_whitening import whiten
from bayesbio.inference.mcmc.sampler import ChainRequest, Sampler
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.inference.mcmc.starts import dispersed_starts
from bayesbio.inference.noise.assay_curve import assay
from bayesbio.inference.noise.base import NOISES, Noise, require_distinct_names
from bayesbio.inference.noise.count_noise import counts
from bayesbio.inference.noise.defaults import default_noise
from bayesbio.inference.noise.kinds import (
    combined,
    lognormal,
    normal,
    proportional,
    student_t,
)
from bayesbio.inference.noise.layered import (
    autocorrelated,
    draw_shared,
    register_shared,
    replicated,
    shared,
    shared_by,
)
from bayesbio.inference.parallel.jobs import JobResults, map_jobs
from bayesbio.inference.parallel.progress import Progress, progress_reporter
from bayesbio.inference.parallel.threads import thread_policy, usable_cores
from bayesbio.inference.priors.distributions import (
    between,
    describe,
    is_positive,
    prior_draws,
    prior_quantiles,
    register,
    registered,
    require_distribution,
)
from bayesbio.inference.priors.elicitation import from_quantiles, literature, source_of
from bayesbio.inference.validation.cross_validation_folds import (
    Fold,
    TableFold,
    folds,
    horizons_of,
    table_folds,
)
from bayesbio.inference.validation.psis import psis_weights, systematic_resample
from bayesbio.inference.validation.rank_statistics import Ranks, rank_band, rank_p_value
from bayesbio.inference.validation.rank_study import RankStudy
from bayesbio.inference.validation.sbc import simulation_based_calibration
from bayesbio.inference.validation.scores import (
    coverage,
    crps,
    interval_score,
    log_score,
    pool_scores,
    score_table,
    width,
)

__all__ = [
    "ChainRequest",
    "Checkpoint",
    "FunctionDensity",
    "NoUTurn",
    "Sampler",
    "Whitening",
    "model_fingerprint",
    "whiten",
    "thread_policy",
    "summary_table",
    "stack_draws",
    "record_fallback",
    "flat_draws",
    "fallback_record",
    "FlatDraws",
    "NOISES",
    "Approximation",
    "Design",
    "EffectInformation",
    "Fold",
    "Gate",
    "Grouping",
    "LogDensity",
    "Mode",
    "Noise",
    "Progress",
    "RankStudy",
    "Ranks",
    "JobResults",
    "JointlyNoncentered",
    "TableFold",
    "Verdict",
    "VerdictItem",
    "archive_card",
    "assay",
    "progress_reporter",
    "autocorrelated",
    "between",
    "combined",
    "counts",
    "correlate",
    "correlation_matrix",
    "coverage",
    "crps",
    "default_noise",
    "describe",
    "design",
    "dispersed_starts",
    "draw_shared",
    "systematic_resample",
    "find_mode",
    "folds",
    "psis_weights",
    "from_quantiles",
    "horizons_of",
    "interval_score",
    "is_positive",
    "laplace_approximation",
    "literature",
    "log_score",
    "lognormal",
    "member_values",
    "covariate_levels",
    "nesting",
    "normal",
    "pairs",
    "pathfinder_approximation",
    "pool_scores",
    "pooling_factor",
    "prior_draws",
    "prior_quantiles",
    "proportional",
    "rank_band",
    "rank_p_value",
    "read_archive",
    "register",
    "register_shared",
    "registered",
    "replicated",
    "require_distinct_names",
    "require_distribution",
    "result_from_archive",
    "result_hash",
    "map_jobs",
    "sample",
    "save_result",
    "score_table",
    "sequential_monte_carlo",
    "shared",
    "shared_by",
    "simulation_based_calibration",
    "source_of",
    "student_t",
    "table_folds",
    "are_identifiable",
    "usable_cores",
    "varying",
    "verdict_of",
    "order_levels",
    "width",
    "write_archive",
]
