import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from hopper.common.fields import normalise_levels, normalise_tag, normalise_tags
from projects.models import Project
from tasks.models import Task
from tasks.tests.factories import TaskFactory


class TestATag:
    """1 to 64 printable characters, case-folded, without quotes."""

    @pytest.mark.parametrize(
        ("given_", "kept"), [(" API ", "api"), ("Straße", "strasse"), ("c++", "c++"), ("日本", "日本")]
    )
    def test_is_trimmed_and_folded(self, given_, kept):
        assert normalise_tag(given_) == kept

    @pytest.mark.parametrize(
        "wrong",
        ["", "  ", "x" * 65, "ß" * 33, 'a"b', "a'b", "a\\b", "a\nb", "a\x00", "a\u202eb", "a\u200bb", 5, None, [], {}],
    )
    def test_is_refused_with_the_remedy(self, wrong):
        with pytest.raises(ValidationError, match=r"is no tag: use|send a list like"):
            normalise_tag(wrong)

    @given(st.text())
    def test_is_stable_or_refused(self, text):
        try:
            tag = normalise_tag(text)
        except ValidationError:
            return
        assert normalise_tag(tag) == tag
        assert 1 <= len(tag) <= 64


class TestTags:
    """A sorted list in Python, an object in the table."""

    def test_are_sorted_and_each_once(self):
        assert normalise_tags(["b", "A", "a"]) == ["a", "b"]

    @pytest.mark.parametrize("wrong", ["api", 5, None, [["api"]], [f"t{n}" for n in range(65)]])
    def test_are_refused_in_another_shape(self, wrong):
        with pytest.raises(ValidationError):
            normalise_tags(wrong)

    @pytest.mark.django_db
    def test_come_back_as_they_went_in(self):
        task = TaskFactory(tags=["Bug", "api", "bug"])

        assert Task.objects.get(pk=task.pk).tags == ["api", "bug"]
        assert Task.objects.filter(tags__has_key="bug").exists()

    @pytest.mark.django_db
    @pytest.mark.parametrize("tag", ["a.b", "$[0]", "a[1]", "%", "_", "日本", "a,b", "{}", "-1", "0"])
    def test_are_found_whatever_they_look_like(self, tag):
        TaskFactory(tags=[tag])
        TaskFactory(tags=["other"])

        assert [task.tags for task in Task.objects.tagged(tag)] == [[tag]]


class TestLevels:
    """Three shapes of skills, one way of keeping them."""

    @pytest.mark.parametrize(
        ("given_", "kept"),
        [
            (["Python", "mcp"], {"python": 3, "mcp": 3}),
            ({"python": 5}, {"python": 5}),
            ({"languages": ["python", "go"], "tools": {"git": 2}}, {"git": 2, "go": 3, "python": 3}),
            ([], {}),
            ({}, {}),
        ],
    )
    def test_are_read_in_three_shapes(self, given_, kept):
        assert normalise_levels(given_) == kept

    @pytest.mark.parametrize(
        "wrong", ["python", 5, None, {"python": 0}, {"python": 6}, {"python": True}, {"python": 2.5}, {"python": "4"},
                  {"python": None}, [5], [["python"]], {"": 3}, {"languages": [5]}]
    )  # fmt: skip
    def test_are_refused_in_another_shape(self, wrong):
        with pytest.raises(ValidationError):
            normalise_levels(wrong)

    @pytest.mark.django_db
    def test_of_a_list_depend_on_who_lists_them(self):
        TaskFactory(required_capabilities=["python"])
        Project.objects.create(name="sark", slug="sark", capabilities=["python"])

        assert Task.objects.get().required_capabilities == {"python": 1}
        assert Project.objects.get().capabilities == {"python": 3}
