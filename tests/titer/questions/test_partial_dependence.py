"""Curves and surfaces."""

from numpy.testing import assert_allclose


def test_a_surface_agrees_with_a_curve_on_its_edge(fitted):
    surface = fitted.interaction_surface("ph", "feed", points=5)
    curve = fitted.partial_effect("ph", at={"feed": float(surface["feed"][-1])}, points=5)
    assert surface["eti_50"].dims == ("ph", "feed")
    assert_allclose(surface["eti_50"][:, -1], curve["eti_50"], rtol=0.01)
    assert (surface["eti_95"] > surface["eti_5"]).all()
