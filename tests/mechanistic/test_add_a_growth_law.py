"""How to add a growth law: one entry in `kinetics/growth_laws.py`, written here as an example."""

from numpy.testing import assert_allclose

from bayesbio.mechanistic import BatchCulture, Parameter, check_units, exp
from bayesbio.mechanistic.kinetics.growth_laws import GROWTH_LAWS
from bayesbio.mechanistic.parts import Law

BLUM = Law(  # this entry is all: names, units, priors, archives and promise tests follow from it
    lambda substrate, biomass, p: (
        p.maximum_growth_rate * (1 - exp(-substrate / p.scale_of_limitation))
    ),
    {
        "maximum_growth_rate": ("1/h", Parameter(0.05, 0.8, "an example")),
        "scale_of_limitation": ("g/L", Parameter(0.01, 1.0, "an example")),
    },
)


def test_an_entry_of_the_table_is_a_growth_law(monkeypatch):
    monkeypatch.setitem(GROWTH_LAWS, "blum", BLUM)
    model = BatchCulture(growth="blum", maintenance=True)
    check_units(model)
    assert model.Parameters._fields[:2] == ("maximum_growth_rate", "scale_of_limitation")
    assert model == BatchCulture(growth={"name": "blum"}, maintenance=True)
    parameters = model.Parameters(0.5, 0.1, 0.5, 0.02)
    rates = model.rates(0.0, model.State(2.0, 0.1), parameters, None, None)
    assert_allclose(rates["growth"], 0.5 * (1 - exp(-1.0)))
