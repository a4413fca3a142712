"""What a refusal is: a problem document, and nothing stored."""

from contextlib import contextmanager

from hopper.common.db.info import row_counts


@contextmanager
def nothing_stored():
    """Hold that the block leaves every table with as many rows as before."""
    before = row_counts()
    yield
    assert row_counts() == before


def refused(response, status, field=None):
    """Return what the problem document says: of the field, if one is named, else as a whole."""
    assert response["Content-Type"] == "application/problem+json", response.content
    document = response.json()
    assert (response.status_code, document["status"]) == (status, status), document
    assert document.keys() >= {"type", "title", "detail", "code"}
    if field is None:
        return document["detail"]
    assert field in document["errors"], document
    return " ".join(document["errors"][field])
