import pytest

from hopper.tests.refusals import nothing_stored, refused

pytestmark = pytest.mark.django_db
DEEP = 50_000

# the body, and what the answer says of it
UNREADABLE = [
    pytest.param(b'{"title": NaN}', "NaN is no JSON number", id="NaN"),
    pytest.param(b'{"title": Infinity}', "Infinity is no JSON number", id="Infinity"),
    pytest.param(b'{"title": -Infinity}', "-Infinity is no JSON number", id="-Infinity"),
    pytest.param(b'{"title": 1e999}', "1e999 is too large", id="1e999"),
    pytest.param(b'{"title": -1e999}', "-1e999 is too large", id="-1e999"),
    pytest.param(b'{"title": %s}' % (b"9" * 5000), "digits", id="5,000 digits"),
    pytest.param(b'{"title": "a", "title": "b"}', "the key 'title' stands twice", id="duplicate keys"),
    pytest.param(b'{"a": {"b": 1, "b": 2}}', "the key 'b' stands twice", id="duplicate keys below"),
    pytest.param(b'{"title": "a\x00b"}', "control character", id="raw NUL"),
    pytest.param(b'{"title": "\xff\xfe"}', "not UTF-8", id="not UTF-8"),
    pytest.param('{"title": "é"}'.encode("latin-1"), "not UTF-8", id="latin-1"),
    pytest.param(b'\xef\xbb\xbf{"title": "a"}', "BOM", id="byte order mark"),
    pytest.param(b'{"title": "a"', "not valid JSON", id="cut off"),
    pytest.param(b"title=a", "not valid JSON", id="a form"),
    pytest.param(b"{'title': 'a'}", "not valid JSON", id="single quotes"),
    pytest.param(b'[{"title": "a"}]', "Send one JSON object", id="a list"),
    pytest.param(b'"title"', "Send one JSON object", id="a text"),
    pytest.param(b"null", "Send one JSON object", id="null"),
    pytest.param(b"5", "Send one JSON object", id="a number"),
    pytest.param(b"[" * DEEP, "nested deeper than 32", id="lists 50,000 deep"),
    pytest.param(b'{"a":' * DEEP + b"1" + b"}" * DEEP, "nested deeper than 32", id="objects 50,000 deep"),
    pytest.param(b'{"title": ' + b"[" * 33 + b"]" * 33 + b"}", "nested deeper than 32", id="33 deep"),
]

# the body, the field at fault, and what the answer says of it
UNSTORABLE = [
    pytest.param(rb'{"title": "a\u0000b"}', "title", "NUL", id="NUL"),
    pytest.param(rb'{"title": "a", "tags": ["\u0000"]}', "tags", "NUL", id="NUL in a list"),
    pytest.param(rb'{"title": "a", "context": {"deep": {"\u0000": 1}}}', "context", "NUL", id="NUL in a key"),
    pytest.param(rb'{"\u0000": 1}', r"\x00", "NUL", id="NUL as the field"),
    pytest.param(rb'{"title": "\ud800"}', "title", "lone surrogate", id="lone surrogate"),
    pytest.param(rb'{"title": "\uDFFF\uD800"}', "title", "lone surrogate", id="surrogates in the wrong order"),
    pytest.param(rb'{"\ud800": 1}', r"\ud800", "lone surrogate", id="lone surrogate as the field"),
]


class TestABody:
    """What is ambiguous or hostile is refused with a sentence, and nothing is stored."""

    @pytest.mark.parametrize(("body", "said"), UNREADABLE)
    def test_that_cannot_be_read_is_refused(self, api, body, said):
        client = api()

        with nothing_stored():
            assert said in refused(client.raw("post", "/tasks", body), 400)

    @pytest.mark.parametrize(("body", "field", "said"), UNSTORABLE)
    def test_that_cannot_be_stored_is_refused_by_field(self, api, body, field, said):
        client = api()

        with nothing_stored():
            assert said in refused(client.raw("post", "/tasks", body), 400, field)

    def test_of_7_mb_is_too_large(self, api):
        client = api()

        with nothing_stored():
            said = refused(client.raw("post", "/tasks", b'{"title": "%s"}' % (b"a" * 7_000_000)), 413)

        assert "send less at a time" in said

    def test_of_2_mb_is_taken_by_bulk_alone(self, api):
        client, body = api(), b'{"create": [{"title": "a", "context": "%s"}]}' % (b"a" * 190_000)
        body = body.replace(b"}]}", b"}" + b" " * 2_000_000 + b"]}")

        assert client.raw("post", "/tasks/bulk", body).status_code == 200
        refused(client.raw("post", "/tasks", body), 413)

    @pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"])
    def test_of_another_kind_is_refused(self, api, kind):
        client = api()

        with nothing_stored():
            refused(client.raw("post", "/tasks", b'{"title": "a"}', content_type=kind), 415)

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_is_read_as_strictly_when_a_row_is_changed(self, api, method):
        client = api()
        client.post("/tasks?route=false", id="old", title="before")

        with nothing_stored():
            refused(client.raw(method, "/tasks/old", b'{"title": NaN}'), 400)

        assert client.get("/tasks/old").json()["title"] == "before"

    def test_may_nest_to_32_and_escape_brackets_in_texts(self, api):
        deep = b'{"a":' * 30 + b"1" + b"}" * 30
        body = b'{"name": "a", "executor_config": %s, "repository": "[[[{{{\\"[[["}' % deep

        made = api().raw("post", "/projects", body)

        assert made.status_code == 201
        assert made.json()["repository"] == '[[[{{{"[[['

    def test_may_have_surrogate_pairs(self, api):
        made = api().raw("post", "/tasks", rb'{"title": "\ud83d\ude80"}')

        assert made.json()["title"] == "🚀"

    def test_that_is_empty_lacks_its_fields(self, api):
        assert "required" in refused(api().raw("post", "/tasks", b""), 400, "title")
