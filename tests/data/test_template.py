import pytest

from bayesbio.data import read_campaign, write_template
from bayesbio.errors import DataError


def test_the_template_is_read_without_a_finding_as_workbook_and_as_tables(tmp_path):
    book = read_campaign(write_template(tmp_path))
    tables = read_campaign(tmp_path / "csv")
    assert not book.findings and book == tables
    assert len(book["example 1"].events) == 3 and "feed_rate" in book["example 1"].profiles


def test_a_template_never_overwrites(tmp_path):
    write_template(tmp_path)
    with pytest.raises(DataError, match="already there"):
        write_template(tmp_path)
