import pytest

from instances.tests.factories import InstanceFactory


@pytest.mark.django_db
class TestNamesOfRelations:
    """A relation has its column's name; the short one is understood too."""

    @pytest.mark.parametrize("name", ["parent_id", "parent"])
    def test_are_taken_long_and_short(self, api, name):
        top = InstanceFactory(scope="GLOBAL")

        made = api().post("/instances", name="below", scope="PROJECT", **{name: top.pk})

        assert (made.status_code, made.json()["parent_id"]) == (201, top.pk)

    def test_are_refused_twice(self, api):
        top = InstanceFactory(scope="GLOBAL")

        refused = api().post("/instances", name="below", scope="PROJECT", parent=top.pk, parent_id=top.pk)

        assert refused.status_code == 400
        assert "parent" in refused.json()["errors"]
