import pandas as pd

from bayesbio.report import draw_summary


def test_rows_are_grouped_by_unit_with_a_panel_each():
    table = pd.DataFrame(
        {
            "unit": ["1/h", "g/L", "1/h"],
            "eti_5": [1, 2, 3],
            "eti_50": [2, 3, 4],
            "eti_95": [3, 4, 5],
        },
        index=["growth_rate", "yield", "death_rate"],
    )
    figure = draw_summary(table)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "Median and 90 % interval [1/h]",
        "Median and 90 % interval [g/L]",
    ]


def test_a_table_without_intervals_says_so():
    assert "no intervals" in draw_summary(pd.DataFrame({"a": [1]})).texts[0].get_text()
