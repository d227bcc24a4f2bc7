import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Specification
from bayesbio.errors import DataError, ModelError
from bayesbio.network import (
    Node,
)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(role="input"), "role 'input'"),
        (dict(link="ln"), "link 'ln'"),
        (dict(distribution=(0.0, -1.0)), "standard deviation of zero or more"),
        (dict(specification=Specification("titer", lower=1)), "specification of 'titer'"),
        (dict(time=24.0), "given the time 24 h"),
    ],
)
def test_a_node_that_contradicts_itself_is_refused(options, sentence):
    with pytest.raises(ModelError, match=sentence):
        Node("glucose@12", **options)


def test_limits_reversed_are_refused():
    with pytest.raises(DataError, match="above its upper limit"):
        Node("titer", specification=Specification("titer", lower=2.0, upper=1.0))


@pytest.mark.parametrize("link", ["identity", "log", "logit"])
def test_links_have_inverses(link):
    values = np.array([1e-7, 0.3, 0.999])
    node = Node("x", link=link)
    assert_allclose(node.from_link(node.to_link(values)), values, rtol=1e-12)


def test_values_outside_the_domain_of_the_link_are_refused():
    with pytest.raises(DataError, match="log link but the value 0"):
        Node("x", link="log").to_link([1.0, 0.0])


def test_limits_beyond_the_scale_bind_nothing():
    limit = Specification("x", lower=0.0, upper=1.0)
    assert Node("x", link="logit", specification=limit).limits() == (-np.inf, np.inf)


@pytest.mark.parametrize("name", ["run", "any", "outside", "chain"])
def test_names_of_dimensions_are_no_names_of_nodes(name):
    with pytest.raises(ModelError, match=f"cannot be named '{name}'"):
        Node(name)
