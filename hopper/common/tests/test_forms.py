"""Text that a person writes for JSON columns."""

import pytest
from django.core.exceptions import ValidationError

from hopper.common.forms import LevelsField, ObjectField, TagsField, TextsField


class TestTagsField:
    @pytest.mark.parametrize(
        ("text", "tags"),
        [("API, bug", ["api", "bug"]), (" b ,, a,b", ["a", "b"]), ('["x", "y"]', ["x", "y"]), ("", []), (None, [])],
    )
    def test_reads_a_line(self, text, tags):
        assert TagsField(required=False).clean(text) == tags

    def test_shows_what_it_reads(self):
        field = TagsField(required=False)
        assert field.clean(field.prepare_value(["api", "bug"])) == ["api", "bug"]

    @pytest.mark.parametrize("text", ["a" * 65, "it's", "[1", "[" * 50_000, ",".join(map(str, range(65)))])
    def test_refuses_what_is_no_tag(self, text):
        with pytest.raises(ValidationError):
            TagsField(required=False).clean(text)

    def test_knows_that_order_is_no_change(self):
        assert not TagsField(required=False).has_changed(["api", "bug"], "bug, api")


class TestLevelsField:
    @pytest.mark.parametrize(
        ("text", "levels"),
        [
            ("python, mcp", {"python": 3, "mcp": 3}),
            ("python: 4, mcp", {"python": 4, "mcp": 3}),
            ('{"python": 5}', {"python": 5}),
            ('["python"]', {"python": 3}),
            ('{"languages": ["python"]}', {"python": 3}),
            ("area:web", {"area:web": 3}),
            ("", {}),
        ],
    )
    def test_reads_a_line_or_json(self, text, levels):
        assert LevelsField(required=False).clean(text) == levels

    def test_gives_a_bare_name_its_own_level(self):
        assert LevelsField(required=False, level=1).clean("python") == {"python": 1}

    def test_shows_what_it_reads(self):
        field = LevelsField(required=False)
        assert field.clean(field.prepare_value({"python": 4, "mcp": 1})) == {"python": 4, "mcp": 1}

    @pytest.mark.parametrize("text", ["python: 9", "python: 0", '{"python": "x"}', "{python}", '"python"'])
    def test_refuses_what_is_no_level(self, text):
        with pytest.raises(ValidationError):
            LevelsField(required=False).clean(text)


class TestTextsField:
    def test_reads_one_text_in_each_line(self):
        assert TextsField(required=False).clean(" waiting, for keys \r\n\r\nno staging\n") == [
            "waiting, for keys",
            "no staging",
        ]

    def test_says_so_after_the_column_s_own_help(self):
        assert TextsField(help_text="Ids.").help_text == "Ids. One in each line."


class TestObjectField:
    def test_left_empty_is_the_column_s_default(self):
        assert ObjectField(default=dict, required=False).clean("") == {}

    def test_is_shown_on_lines_of_its_own(self):
        assert ObjectField(default=dict).prepare_value({"größe": 1}) == '{\n  "größe": 1\n}'

    def test_keeps_what_was_typed_wrong(self):
        field = ObjectField(default=dict)
        assert field.prepare_value(field.bound_data("{oops", None)) == "{oops"
