import pytest
from django.core.exceptions import ValidationError

from hopper.common.errors import Invalid
from instances import operations
from instances.config import OWN_TO, check_config, effective_config
from instances.models import Instance
from instances.tests.factories import InstanceFactory

END = "2027-01-31T18:00:00Z"
RIGHT = [
    {"owner": "ada"}, {"members": []}, {"members": ["ada"]}, {"window": {"ends_at": END}},
    {"window": {"starts_at": "2027-01-31T18:30:00+01:00", "ends_at": END}},
    {"peer": {"url": "https://hopper.example.org", "key": "north"}}, {"fair_share_weight": 0.5},
    {"confidence_threshold": 0}, {"confidence_threshold": {"urgent": 0.5, "confidence": 0.8}},
    {"confidence_costs": {"wrong": 10, "review": 2}}, {"confidence_costs": {"low": {"wrong": 4, "review": 1}}},
    {"complexity_threshold": 10}, {"colour": {"any": ["thing"]}},
]  # fmt: skip
WRONG = [
    ({"owner": ""}, "owner is the name"), ({"owner": "x" * 101}, "at most 100"), ({"owner": 5}, "owner is the name"),
    ({"members": "ada"}, "members is a list"), ({"members": [""]}, "members is the name"),
    ({"window": END}, "window is {"), ({"window": {}}, "window is {"),
    ({"window": {"ends_at": END, "a": 1}}, "window is {"),
    ({"window": {"ends_at": "soon"}}, "window.ends_at is a moment"),
    ({"window": {"ends_at": "2027-01-31T18:00:00"}}, "with its zone"), ({"window": {"ends_at": None}}, "is a moment"),
    ({"window": {"starts_at": END, "ends_at": END}}, "ends before it starts"),
    ({"peer": "https://a.org"}, "peer is {"), ({"peer": {"url": "ftp://a.org"}}, "peer.url begins with"),
    ({"peer": {"url": 5}}, "peer.url begins with"),
    ({"peer": {"url": "https://a.org", "key": 5}}, "peer.key is the name"),
    ({"fair_share_weight": 0}, "above 0"), ({"fair_share_weight": True}, "above 0"),
    ({"fair_share_weight": float("inf")}, "above 0"), ({"fair_share_weight": float("nan")}, "above 0"),
    ({"confidence_threshold": {"soon": 0.5}}, "has no 'soon'. Known: confidence, urgent, high, medium, low."),
    ({"confidence_threshold": {"urgent": 2}}, "confidence_threshold.urgent is a number from 0 to 1"),
    ({"confidence_threshold": {}}, "from 0 to 1"), ({"confidence_costs": {}}, "what a review costs"),
    ({"confidence_costs": {"wrong": 1}}, "what a review costs"), ({"confidence_costs": 4}, "what a review costs"),
    ({"confidence_costs": {"wrong": 0, "review": 1}}, "confidence_costs.wrong is a number above 0"),
    ({"confidence_costs": {"wrong": 2, "review": 1}, "confidence_threshold": 0.5}, "Say confidence_threshold or"),
    ({"complexity_threshold": 0}, "from 1 to 10"), ({"complexity_threshold": "7"}, "from 1 to 10"),
]  # fmt: skip


class TestCheckConfig:
    @pytest.mark.parametrize("config", RIGHT, ids=str)
    def test_takes(self, config):
        check_config(config)

    @pytest.mark.parametrize(("config", "said"), WRONG, ids=str)
    def test_refuses_in_words(self, config, said):
        with pytest.raises(ValidationError) as refusal:
            check_config(config)

        assert said in refusal.value.messages[0]

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("name", "value"),
        [("owner", "ada"), ("members", []), ("window", {"ends_at": END}), ("peer", {"url": "https://a.org"})],
    )
    def test_leaves_what_belongs_to_a_scope_to_that_scope(self, name, value):
        operations.create_instance(name="a", scope=OWN_TO[name], config={name: value}, actor="ada")

        with pytest.raises(Invalid, match=f"{name} belongs to {OWN_TO[name]} instances; this one is GLOBAL"):
            operations.create_instance(name="a", scope="GLOBAL", config={name: value}, actor="ada")


@pytest.mark.django_db
class TestEffectiveConfig:
    """What an instance does not say is said above it."""

    @pytest.fixture
    def leaf(self):
        root = InstanceFactory(id="root", scope="FAMILY", config={
            "members": ["ada"], "confidence_threshold": 0.6, "auto_delegate": True, "northbound": "off",
        })  # fmt: skip
        middle = InstanceFactory(
            id="middle", scope="PERSONAL", parent=root, config={"owner": "ada", "auto_delegate": False}
        )
        return InstanceFactory(
            id="leaf", scope="ORCHESTRATION", parent=middle, config={"confidence_threshold": 0.9, "colour": None}
        )

    FOUND = {
        "auto_delegate": (False, "middle"), "colour": (None, "leaf"), "confidence_threshold": (0.9, "leaf"),
        "northbound": ("off", "root"),
    }  # fmt: skip

    def test_is_the_nearest_value_with_its_origin(self, leaf):
        found = effective_config("leaf", Instance.objects.path_to("leaf"))

        assert {name: (setting.value, setting.origin) for name, setting in found.items()} == self.FOUND

    def test_keeps_what_is_a_scopes_own(self, leaf):
        assert "owner" in effective_config("middle", Instance.objects.path_to("middle"))
        assert not OWN_TO.keys() & effective_config("leaf", Instance.objects.path_to("leaf")).keys()

    def test_is_served_in_three_queries_however_deep(self, leaf, api, django_assert_max_num_queries):
        client = api()
        client.get("/instances/leaf/effective-config")

        with django_assert_max_num_queries(3):  # the key, the instance, its path
            answer = client.get("/instances/leaf/effective-config").json()

        assert answer == {name: {"value": value, "from": origin} for name, (value, origin) in self.FOUND.items()}

    def test_comes_to_an_end_in_a_circle_of_broken_rows(self):
        a = InstanceFactory.build(id="a", parent_id="b", config={"auto_delegate": True})
        b = InstanceFactory.build(id="b", parent_id="a")

        assert effective_config("b", [a, b])["auto_delegate"].origin == "a"
