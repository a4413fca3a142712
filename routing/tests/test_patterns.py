import pytest

from hopper.common.errors import Invalid
from hopper.events.models import Event
from routing.models import Pattern
from routing.operations import change_pattern, create_pattern, delete_pattern

pytestmark = pytest.mark.django_db


def make_pattern(**fields):
    return create_pattern(actor="ada", **{"name": "logins", "pattern_type": "tag", "target_project": "web", **fields})


class TestAPattern:
    def test_is_kept_with_its_event(self):
        pattern = make_pattern(tag_criteria=["Bug", "api"])
        pattern.refresh_from_db()
        assert (pattern.tag_criteria, pattern.confidence, pattern.is_active) == (["api", "bug"], 0.5, True)
        assert Event.objects.about(pattern).get().type == "pattern.created"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"target_project": None}, "target_project"),
            ({"confidence": 1.5}, "confidence"),
            ({"confidence": -0.1}, "confidence"),
            ({"pattern_type": "smell"}, "pattern_type"),
            ({"name": ""}, "name"),
            ({"usage_count": -1}, "usage_count"),
        ],
    )
    def test_is_refused_with_the_field_that_is_wrong(self, fields, field):
        with pytest.raises(Invalid) as caught:
            make_pattern(**fields)
        assert list(caught.value.errors) == [field]

    def test_may_aim_at_an_instance_that_is_not_known_here(self):
        assert make_pattern(target_project=None, target_instance="far-away").target_instance == "far-away"

    def test_can_be_changed_and_deleted(self):
        pattern = change_pattern(pattern=make_pattern(), confidence=0.9, is_active=False, actor="ada")
        assert (pattern.confidence, pattern.version) == (0.9, 2)
        assert not Pattern.objects.active().exists()
        delete_pattern(pattern=pattern, actor="ada")
        assert [event.type for event in Event.objects.order_by("id")] == [
            "pattern.created", "pattern.changed", "pattern.deleted",
        ]  # fmt: skip

    def test_keeps_a_target_when_it_is_changed(self):
        with pytest.raises(Invalid, match="Name the project or the instance"):
            change_pattern(pattern=make_pattern(), target_project=None, actor="ada")
