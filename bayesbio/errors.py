"""One family of errors: each says what came, what was expected, and what to do next."""


class BayesbioError(Exception):
    """Any error that bayesbio raises on purpose; catch this one to catch them all."""


class DataError(BayesbioError):
    """What was measured cannot be read or used as it stands."""


class UnitError(BayesbioError):
    """A unit is unknown, or does not fit the quantity it is given for."""


class ModelError(BayesbioError):
    """A process model, its parameters or its options do not fit together."""


class SolveError(BayesbioError):
    """A trajectory could not be computed."""


class CalibrationError(BayesbioError):
    """A calibration could not start, did not pass its checks, or its file cannot be used."""
