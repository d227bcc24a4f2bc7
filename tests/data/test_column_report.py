from bayesbio.data import Columns, ColumnUse


def test_a_column_is_described_in_one_line():
    use = ColumnUse("Glc (mM)", "measurement", "glucose", "mM", "g/L", 2, "fill words left out")
    assert (
        str(use)
        == "'Glc (mM)' -> glucose (measurement, replicate 2), mM -> g/L; fill words left out"
    )


def test_several_sheets_are_listed_apart():
    uses = Columns([ColumnUse("a", "run", sheet="S1"), ColumnUse("b", "run", sheet="S2")])
    assert str(uses).splitlines() == ["S1:", "  'a' -> run", "S2:", "  'b' -> run"]
    assert Columns.from_list(uses.to_list()) == uses and len(uses + uses) == 2
