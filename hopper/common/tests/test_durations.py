from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from hopper.common.durations import LONGEST, check_duration, in_words, read_duration


class TestReadDuration:
    """Durations as people write them."""

    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("4h", timedelta(hours=4)), ("4h 30m", timedelta(hours=4, minutes=30)), ("1w2d", timedelta(days=9)),
            ("0.5h", timedelta(minutes=30)), ("PT4H", timedelta(hours=4)), ("p1dt12h", timedelta(days=1.5)),
            (" 90 s ", timedelta(seconds=90)), ("2H", timedelta(hours=2)), (f"{LONGEST.days}d", LONGEST),
        ],
    )  # fmt: skip
    def test_understands(self, text, length):
        assert read_duration(text) == length

    @pytest.mark.parametrize("text", ["", " ", "soon", "4", "4x", "h4", "04:00:00", "4h and more", "-4h", "٤h!"])
    def test_says_how_to_write_it(self, text):
        with pytest.raises(ValidationError, match="write it like PT4H or 4h 30m"):
            read_duration(text)

    @pytest.mark.parametrize("text", ["0h", "P", "PT0S", "-PT4H", "P-1D", "0s 0m"])
    def test_refuses_what_takes_no_time(self, text):
        with pytest.raises(ValidationError, match=r"no time at all|write it like"):
            read_duration(text)

    @pytest.mark.parametrize(
        "text", [f"{LONGEST.days + 1}d", f"1{'0' * 400}w", "P99999999999999D", "P999999999DT24H", "9999999w"]
    )
    def test_refuses_what_no_column_holds(self, text):
        with pytest.raises(ValidationError, match=f"at most {LONGEST.days} days"):
            read_duration(text)

    @given(st.text(alphabet="PTwdhms0123456789.- ", max_size=30))
    def test_reads_or_refuses_any_text(self, text):
        try:
            length = read_duration(text)
        except ValidationError:
            return
        assert timedelta(0) < length <= LONGEST


class TestCheckDuration:
    """A stored duration is a text."""

    @pytest.mark.parametrize("value", [5, None, ["4h"], timedelta(hours=4)])
    def test_refuses_anything_but_text(self, value):
        with pytest.raises(ValidationError, match="A duration is a text"):
            check_duration(value)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, ""), (0.04, ""), (0.44, "0.4 s"), (9, "9.0 s"), (59.9, "59 s"), (60, "1 min"), (90, "1 min 30 s"),
     (3600, "1 h"), (3605, "1 h"), (7260, "2 h 1 min"), (86_400 + 60, "1 d"), (200_000, "2 d 7 h")],
)  # fmt: skip
def test_a_span_is_said_in_its_two_largest_units(seconds, said):
    assert in_words(timedelta(seconds=seconds)) == said
