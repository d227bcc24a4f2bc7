"""One microbe with a feed: dilution, and the batch as the limit without feed."""

from types import SimpleNamespace

from numpy.testing import assert_allclose

from bayesbio.mechanistic import BatchCulture, FedBatchCulture, Hyperbolic


def slopes(model, state, parameters, inputs=None, settings=None):
    made = model.rates(0.0, state, parameters, inputs, settings)
    return model.derivatives(0.0, state, parameters, inputs, settings, made)


def test_a_feed_dilutes_and_brings_substrate():
    model = FedBatchCulture(product=True, product_inhibition=Hyperbolic())
    parameters = model.Parameters(0.4, 0.2, 0.5, 0.4, 0.02, 8.0)
    x, s, p, v, f, fed = 3.0, 10.0, 12.0, 2.0, 0.1, 400.0
    mu = 0.4 * s / (0.2 + s) * 8.0 / (8.0 + p)
    expected = [
        mu * x - f / v * x,
        -mu / 0.5 * x + f / v * (fed - s),
        (0.4 * mu + 0.02) * x - f / v * p,
        f,
    ]
    found = slopes(
        model,
        model.State(x, s, p, v),
        parameters,
        SimpleNamespace(feed_rate=f),
        SimpleNamespace(feed_substrate=fed),
    )
    assert_allclose(found, expected, rtol=1e-12)


def test_without_feed_a_fed_batch_is_a_batch():
    batch, fed = BatchCulture(), FedBatchCulture()
    parameters = batch.Parameters(0.4, 0.2, 0.5)
    nothing = SimpleNamespace(feed_rate=0.0), SimpleNamespace(feed_substrate=100.0)
    closed = slopes(batch, batch.State(2.0, 3.0), parameters)
    assert slopes(fed, fed.State(2.0, 3.0, 1.0), parameters, *nothing)[:2] == closed
    assert fed.input_defaults == {"feed_rate": 0.0}
