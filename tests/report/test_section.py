from bayesbio.report import Section


def test_a_section_is_a_heading_with_parts_below_it():
    part = Section("Detail", "One sentence.")
    assert Section("Whole", parts=(part,)).parts[0].title == "Detail"
