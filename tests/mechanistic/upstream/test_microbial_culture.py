"""Parts of a culture of one microbe: maintenance, growth laws, and those that do not fit."""

import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchCulture, FedBatchCulture, Moser
from bayesbio.mechanistic.kinetics import rates
from bayesbio.mechanistic.kinetics.growth_laws import GrowthLaw


def slopes(model, state, parameters, inputs=None, settings=None):
    made = model.rates(0.0, state, parameters, inputs, settings)
    return model.derivatives(0.0, state, parameters, inputs, settings, made)


def test_maintenance_takes_substrate_and_gives_no_cells():
    plain, maintained = BatchCulture(), BatchCulture(maintenance=True)
    state = plain.State(2.0, 3.0)
    without = slopes(plain, state, plain.Parameters(0.4, 0.2, 0.5))
    with_it = slopes(maintained, state, maintained.Parameters(0.4, 0.2, 0.5, 0.05))
    assert with_it.biomass == without.biomass
    assert_allclose(without.substrate - with_it.substrate, 0.05 * 2.0 * 3.0 / 3.01, rtol=1e-12)


def test_a_growth_law_may_be_a_part_a_name_or_an_archived_mapping():
    assert BatchCulture(growth=Moser()) == BatchCulture(growth="moser")
    assert BatchCulture(growth={"name": "moser"}) == BatchCulture(growth=Moser())


def test_a_growth_law_of_ones_own_is_a_part_like_any_other():
    class Blackman:
        name = "blackman"
        units = {"maximum_growth_rate": "1/h", "critical_substrate": "g/L"}
        defaults = {}

        def rate(self, substrate, biomass, parameters):
            limited = substrate / parameters.critical_substrate
            return parameters.maximum_growth_rate * (
                1 - rates.power_of_positive(1 - limited, exponent=1)
            )

    model = BatchCulture(growth=Blackman())
    assert "cell_yield" in model.Parameters._fields
    assert "critical_substrate" in model.Parameters._fields


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"growth": "mond"}, "Did you mean 'monod'?"),
        ({"growth": GrowthLaw}, "it needs the method 'rate'"),
        ({"growth": 3}, "3 is no growth law"),
        ({"growth": {"name": "monod", "exponent": 2}}, "has no option 'exponent'"),
        ({"product_inhibition": "levenspiel"}, "the product is left out; set product=True"),
        ({"product": True, "product_inhibition": "hyperbola"}, "Did you mean 'hyperbolic'?"),
    ],
)
def test_parts_that_do_not_fit_are_refused(options, sentence):
    for culture in (BatchCulture, FedBatchCulture):
        with pytest.raises(ModelError, match=sentence.replace("?", r"\?")):
            culture(**options)
