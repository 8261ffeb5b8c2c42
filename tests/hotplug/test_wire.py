"""One JSON object a line."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.hotplug.wire import json_line


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20)))
def test_a_value_is_one_line_that_reads_back(value: dict[str, str]) -> None:
    """Line ends inside of texts are no line ends of the stream."""
    line = json_line(value)
    assert 1 == line.count(b"\n")
    assert value == json.loads(line)


def test_what_utf_8_cannot_carry_becomes_a_question_mark() -> None:
    """A file name that is no text must not end the stream."""
    assert {"path": ["?"]} == json.loads(json_line({"path": ("\udc80",)}))
