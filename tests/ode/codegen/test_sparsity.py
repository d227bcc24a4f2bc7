"""Symbolic factorisation: little fill, and an order that depends on the pattern alone."""

from bayesbio.ode.codegen.sparsity import symbolic_factors


def test_a_chain_of_600_states_fills_nothing_in():
    entries = [(i, j) for i in range(600) for j in (i - 1, i, i + 1) if 0 <= j < 600]
    found = symbolic_factors(entries, 600)
    assert len(found["FACTOR_COLUMNS"]) == len(entries)
    assert sorted(found["ORDER"].tolist()) == list(range(600))


def test_a_hub_is_eliminated_last():
    star = [(0, 0), *((0, i) for i in range(1, 9)), *((i, 0) for i in range(1, 9))]
    found = symbolic_factors(star, 9)
    assert 0 in found["ORDER"][-2:].tolist()
    assert len(found["FACTOR_COLUMNS"]) == 9 + 16  # the diagonal and the pattern: no fill
