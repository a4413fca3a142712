"""What a search means, asked of the rows themselves: the same cases on both databases."""

import pytest

from hopper.common.words import read_question
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ROWS = {
    "login": {"title": "Login page fails", "description": "An ERROR 500 after the second try.", "tags": ["web ui"]},
    "logo": {"title": "A new logo", "description": "Catalogue and JIRA-123, see https://example.org/issues/77."},
    "cafe": {"title": "Café déjà vu", "description": "Straße, İstanbul, ﬁle", "tags": ["größe"]},
    "cjk": {"title": "修复数据库连接错误", "description": "검색이 안 됩니다"},
    "cyr": {"title": "Ошибка Входа", "description": "don't touch x_y"},
    "0193e512-7abc-7def-8123-0242ac120002": {"title": "Nothing", "external_id": "owner/repo#4711"},
}
UUID = "0193e512-7abc-7def-8123-0242ac120002"
FINDS = [
    ("login", {"login"}), ("FAILS login", {"login"}), ("error web", {"login"}), ("login logo", set()),
    ("log", {"login", "logo"}), ("log page", set()), ("cat", {"logo"}), ("alogue", set()), ("l", set()),
    ("a", {"logo"}),
    ('"login page"', {"login"}), ('"page login"', set()), ('"second tr"', set()), ('"second try" log', {"login"}),
    ("-login log", {"logo"}), ('-"new logo" log', {"login"}), ("-login", set()), ("login or logo", {"login", "logo"}),
    ("login or logo -new", {"login"}), ("or", set()), ("login or", {"login"}), ("JIRA-123", {"logo"}),
    ("123", {"logo"}), ("jira-12", {"logo"}), ("jira-23", set()), ("example.org", {"logo"}), ("issues/77", {"logo"}),
    ("cafe", {"cafe"}), ("CAFÉ deja", {"cafe"}), ("grösse", {"cafe"}), ("STRASSE", {"cafe"}), ("straße", {"cafe"}),
    ("istanbul", {"cafe"}),
    ("file", {"cafe"}), ("数据库", {"cjk"}), ("库数", set()), ("错误", {"cjk"}), ("검색", {"cjk"}), ("входа", {"cyr"}),
    ("don't", {"cyr"}), ("x_y", {"cyr"}), ("x y", {"cyr"}), ("web ui", {"login"}), ("true", set()), (UUID, {UUID}),
    (UUID[:13], {UUID}), ("0193", set()), ("zebra or 修复", {"cjk"}), ("owner/repo#4711", {UUID}),
    ("4711", {UUID}), ("", set(ROWS)), ("  ", set(ROWS)), ("500 second", {"login"}),
]  # fmt: skip
HOSTILE = [
    "'", '"', "''", '"""', "\\", "\x00", "a\x00b", "&", "a & | !", "!a", "(((", "a <-> b", "a:*", ":*", "%", "_", "-",
    "--", '-"', "* or *", "or or or", "🎉", "'; DROP TABLE tasks; --", "\ud800", "x" * 10_000, "a," * 5_000,
    "-a " * 3_000, "\u0300" * 50, "㐀" * 500, "' || pg_sleep(5) || '", "%s %(a)s {} {0}",
]  # fmt: skip


@pytest.fixture(scope="module")
def rows(django_db_setup, django_db_blocker):
    """The rows, once for all cases."""
    with django_db_blocker.unblock():
        for key, fields in ROWS.items():
            TaskFactory(id=key, **fields)
        yield
        Task.objects.all().delete()


@pytest.mark.usefixtures("rows")
class TestASearch:
    """Words, phrases, exclusions and alternatives; nothing that is typed is an error."""

    @pytest.mark.parametrize(("text", "keys"), FINDS, ids=[text or "nothing" for text, _ in FINDS])
    def test_finds(self, text, keys):
        assert set(Task.objects.search(text).values_list("pk", flat=True)) == keys

    @pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text)[:20] for text in HOSTILE])
    def test_takes_whatever_is_typed(self, text):
        assert Task.objects.search(text).count() < len(ROWS)

    def test_can_be_narrowed_and_counted_like_any_filter(self):
        found = Task.objects.search("log").exclude(pk="logo").search("fails")
        assert [task.pk for task in found] == ["login"]


class TestWeighing:
    """Title before tags before description, and often before once."""

    def test_prefers_the_title(self):
        question = read_question("login error")
        parts = [
            ("Login error", "", ""),
            ("Login", "error", ""),
            ("Login", "", "error"),
            ("", "", "login error"),
            ("",) * 3,
        ]
        weights = [question.weigh(one) for one in parts]
        assert weights == sorted(weights, reverse=True)
        assert len(set(weights)) == len(weights)
        assert weights[-1] == 0

    def test_counts_how_often(self):
        assert read_question("map").weigh(["map map", "", ""]) > read_question("map").weigh(["map", "", ""])


class TestAQuestion:
    def test_means_what_is_not_ruled_out(self):
        assert read_question('login "the page" -logo -"a b"').meant == "login the page"

    def test_rules_texts_out(self):
        assert read_question("login -error").is_refused_by("An Error")
        assert not read_question("login -error or logo").is_refused_by("An Error")
        assert not read_question("login").is_refused_by("An Error")
