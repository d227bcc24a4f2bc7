"""Monitoring: which run is unusual, from which hour, and in which quantity."""

from bayesbio.monitoring.alignment import Alignment
from bayesbio.monitoring.control_charts import ControlChart, control_chart
from bayesbio.monitoring.detection_scores import area_under_roc, monitoring_scores
from bayesbio.monitoring.detectors import FAULT_BASELINES, FaultBaseline, FaultScore
from bayesbio.monitoring.fitted_monitor import FittedMonitor
from bayesbio.monitoring.monitor import Monitor
from bayesbio.monitoring.parameter_change import parameter_drift
from bayesbio.monitoring.run_score import RunScore

__all__ = [
    "FAULT_BASELINES",
    "Alignment",
    "ControlChart",
    "FaultBaseline",
    "FaultScore",
    "FittedMonitor",
    "Monitor",
    "RunScore",
    "area_under_roc",
    "control_chart",
    "monitoring_scores",
    "parameter_drift",
]
