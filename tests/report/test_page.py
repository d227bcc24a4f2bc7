import pandas as pd
from matplotlib.figure import Figure

from bayesbio.report.page import MOST_BYTES, Picture, render_page, table_html


def test_tables_escape_text_and_round_numbers():
    table = pd.DataFrame({"run": ["<b>R1</b>"], "value": [0.123456], "flag": [True]})
    html = table_html(table)
    assert "&lt;b&gt;R1&lt;/b&gt;" in html and "0.123<" in html and "yes" in html


def test_a_page_with_too_many_pictures_is_shrunk_below_its_limit():
    import numpy as np

    figure = Figure(figsize=(12, 12))
    figure.figimage(np.random.default_rng(1).integers(0, 255, (1800, 1800, 3), dtype=np.uint8))
    picture = Picture.of(figure, name="noise", words="noise")
    pictures = [picture] * 3
    content = dict(title="t", label="l", converged=True, others=0, pictures=pictures, estimates="")
    assert len(render_page("quick_look.html", content, pictures).encode()) <= MOST_BYTES
