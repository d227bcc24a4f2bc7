"""For a reader: figures, diagnostics, sentences, and the page that holds them."""

from bayesbio.report.answers import sentence
from bayesbio.report.figures.correction_figures import draw_correction
from bayesbio.report.figures.course_figures import (
    draw_courses,
    draw_effects,
    draw_predictive,
    draw_stopping,
)
from bayesbio.report.figures.factor_figures import (
    draw_held_out,
    draw_key_factors,
    draw_partial_effects,
    draw_surface,
)
from bayesbio.report.figures.fidelity_figures import (
    draw_equivalence,
    draw_fidelities,
    draw_fidelity_scores,
)
from bayesbio.report.figures.house_style import figure_style
from bayesbio.report.figures.monitoring_figures import (
    draw_control_results,
    draw_roc,
    draw_run_score,
    draw_scores,
)
from bayesbio.report.figures.network_figures import (
    draw_criticality,
    draw_forecasts,
    draw_network,
    draw_risk,
)
from bayesbio.report.figures.prior_figures import draw_prior_check
from bayesbio.report.figures.rank_figures import draw_rank_counts, draw_rank_differences
from bayesbio.report.figures.scale_figures import (
    draw_scale_errors,
    draw_scale_parity,
    draw_scale_residuals,
    draw_scale_trends,
    draw_scale_weights,
    draw_scales,
    draw_variance_parts,
)
from bayesbio.report.figures.summary_figures import draw_summary
from bayesbio.report.index import write_index
from bayesbio.report.quick_look_page import write_model_choice, write_quick_look
from bayesbio.report.section import Section
from bayesbio.report.writing import write_report

__all__ = [
    "Section",
    "draw_control_results",
    "draw_correction",
    "draw_courses",
    "draw_criticality",
    "draw_effects",
    "draw_equivalence",
    "draw_fidelities",
    "draw_fidelity_scores",
    "draw_forecasts",
    "draw_held_out",
    "draw_key_factors",
    "draw_network",
    "draw_partial_effects",
    "draw_predictive",
    "draw_prior_check",
    "draw_rank_counts",
    "draw_rank_differences",
    "draw_risk",
    "draw_scale_errors",
    "draw_scale_parity",
    "draw_scale_residuals",
    "draw_scale_trends",
    "draw_scale_weights",
    "draw_scales",
    "draw_roc",
    "draw_run_score",
    "draw_scores",
    "draw_stopping",
    "draw_summary",
    "draw_surface",
    "draw_variance_parts",
    "figure_style",
    "sentence",
    "write_index",
    "write_model_choice",
    "write_quick_look",
    "write_report",
]
