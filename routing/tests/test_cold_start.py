"""The first hour: nothing was confirmed yet, so projects are found by the words that they describe themselves with."""

import pytest

from projects.models import Project
from projects.operations import register_project
from projects.tests.factories import ProjectFactory
from routing.models import EpisodeJudgement
from routing.operations import route_task
from tasks.operations import submit_task

pytestmark = pytest.mark.django_db
HOUSE = {
    "payment-gateway": {"tags": ["billing", "invoices"], "capabilities": {"stripe": 4, "sql": 2}},
    "web-shop": {"tags": ["checkout", "browser"], "capabilities": {"css": 4, "javascript": 4}},
    "platform": {"tags": ["cluster"], "capabilities": {"kubernetes": 5, "terraform": 3}},
    "data-lake": {"tags": ["reports"], "capabilities": {"sql": 5, "spark": 4}},
    "mobile-app": {"tags": ["android"], "capabilities": {"kotlin": 4}},
}


@pytest.fixture(params=[0, 40], ids=["a small house", "a large house"])
def house(request):
    """Five projects that say what they are for, alone or among forty others."""
    for name, said in HOUSE.items():
        register_project(name=name, actor="ada", **said)
    Project.objects.bulk_create(
        ProjectFactory.build(name=f"unit {number:02}", capabilities=[f"craft{number:02}"])
        for number in range(request.param)
    )


def placed(title, **fields):
    decision = route_task(task=submit_task(title=title, actor="bob", route=False, **fields))
    assert not EpisodeJudgement.objects.exists()
    return decision.project_id, [place["project"] for place in decision.alternatives]


@pytest.mark.usefixtures("house")
class TestBeforeAnyFeedback:
    @pytest.mark.parametrize(
        ("title", "fields", "project"),
        [
            ("Stripe refuses the card of a customer: no billing", {}, "payment-gateway"),
            ("Upgrade Kubernetes, then rebuild the cluster with Terraform", {}, "platform"),
            ("The CSS of the checkout breaks in an old browser", {}, "web-shop"),
            ("The gateway for payment answers twice", {}, "payment-gateway"),
            ("Rewrite the widget", {"tags": ["android", "kotlin"]}, "mobile-app"),
            ("Speed it up", {"required_capabilities": {"spark": 3}}, "data-lake"),
            ("Reports by SQL", {"description": "The lake of data is slow since we use Spark."}, "data-lake"),
        ],
    )
    def test_a_task_goes_where_its_words_are_at_home(self, title, fields, project):
        assert placed(title, **fields)[0] == project

    @pytest.mark.parametrize(
        ("title", "likeliest"),
        [("The SQL is slow", {"payment-gateway", "data-lake"}), ("A new browser is out", {"web-shop"})],
    )
    def test_a_single_word_names_a_likely_place_and_a_person_is_asked(self, title, likeliest):
        project, alternatives = placed(title)
        assert project is None
        assert set(alternatives[: len(likeliest)]) == likeliest

    @pytest.mark.parametrize("title", ["Buy flowers for the office", "?!", "Stripes on the wall", "platforms"])
    def test_words_that_nobody_knows_go_to_a_person(self, title):
        assert placed(title)[0] is None

    def test_the_same_words_for_two_places_go_to_a_person(self):
        assert placed("Kubernetes cluster for the browser and its CSS")[0] is None
