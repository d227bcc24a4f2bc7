import re
from pathlib import Path

import pytest

import bayesbio
from bayesbio.cli.wording import in_options

PYTHON = re.compile(r"(?:priors|vary|noise|columns|roles|settings|quantities)=\{")


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("fix it: priors={'death_rate': 0.01}.", "fix it: --prior death_rate=0.01."),
        ("roles={'Note': 'ignore'}", "--role 'Note=ignore'"),
        ("roles={...: 'profile'}", "--role 'HEADER=profile'"),
        ("vary={'growth': 'run'}: no", "--vary growth=run: no"),
        ("choose noise={'titer': normal()}", "choose --noise titer=normal"),
        ("with columns={...}, or", "with --column 'HEADER=name [unit]', or"),
        ("give settings={'initial_volume': ...}, or", "give a column 'initial_volume', or"),
        ("read_campaign(..., quantities={'hare': '1'}).", "--column 'HEADER=hare [UNIT]'."),
        ("raise target_accept=0.95 or tune=2000", "raise --target-accept 0.95 or --tune 2000"),
    ],
)
def test_arguments_become_options(said, typed):
    assert in_options(said) == typed


def test_no_mapping_of_the_rooms_that_a_command_enters_stays_python():
    rooms = [Path(bayesbio.__file__).parent / room for room in ("data", "calibrate/problem")]
    quoted = re.compile(r"^\s*f?\"(.*)\"", re.MULTILINE)
    sentences = [
        text.replace("{{", "{").replace("}}", "}")
        for room in rooms
        for file in room.rglob("*.py")
        for text in quoted.findall(file.read_text(encoding="utf-8"))
        if PYTHON.search(text) and text.count("{{") == text.count("}}")
    ]
    filled = [re.sub(r"\{([\w.]+)!r\}", r"'\1'", text) for text in sentences]
    filled = [re.sub(r"\{[\w.]+:g\}", "1.5", text) for text in filled]
    assert len(filled) > 8
    assert not [text for text in filled if PYTHON.search(in_options(text))]
