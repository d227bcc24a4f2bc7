import pandas as pd

from bayesbio.data import read_table


def test_limits_of_responses_are_flags_and_those_of_factors_are_reported():
    sheet = pd.DataFrame({"glucose (g/L)": ["<1", "5"], "Titer (g/L)": ["1 .. 2", ">ULOQ"]})
    table = read_table(sheet, factors=["glucose (g/L)"])
    assert table.flag("titer")[0] == "between" and table.upper("titer")[0] == 2.0
    assert "is a factor, and 1 of its cells state a limit" in str(table.findings)
    assert "above the range of the assay" in str(table.findings)


def test_a_dialect_and_a_decimal_sign_hold_for_tables(tmp_path):
    (tmp_path / "lab.toml").write_text('[columns]\n"Y" = "titer [mg/L]"\n')
    sheet = pd.DataFrame({"run": ["a", "b"], "Y": ["1,500", "2,500"]})
    table = read_table(sheet, dialect=tmp_path / "lab.toml", decimal=".")
    assert table["titer"].tolist() == [1.5, 2.5] and table.groups == ("run",)


def test_a_table_of_one_column_with_a_name_of_its_own_is_read(tmp_path):
    (tmp_path / "rows.csv").write_text("strength\n0.0\n9.0\n")
    assert read_table(tmp_path / "rows.csv").frame["strength"].tolist() == [0.0, 9.0]
