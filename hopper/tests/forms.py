"""What a browser would send back of the form on a page."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    """The fields of every form on a page, with the values that a browser would send."""

    def __init__(self, page):
        super().__init__()
        self.values, self.select, self.area, self.option = {}, None, None, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        match tag:
            case "input" if given.get("type") not in ("submit", "button", "checkbox", "radio"):
                self._keep(given.get("name"), given.get("value") or "")
            case "input" if "checked" in given:
                self._keep(given.get("name"), given.get("value", "on"))
            case "select":
                self.select = given.get("name")
                self.values.setdefault(self.select, "")
            case "option" if self.select and "selected" in given:
                self._keep(self.select, given.get("value", ""))
            case "textarea":
                self.area = given.get("name")
                self.values[self.area] = ""

    def handle_endtag(self, tag):
        if tag == "select":
            self.select = None
        if tag == "textarea":
            self.values[self.area] = self.values[self.area].removeprefix("\n")
            self.area = None

    def handle_data(self, data):
        if self.area is not None:
            self.values[self.area] += data

    def _keep(self, name, value):
        if name:
            self.values[name] = value


def filled_in(page, **typed):
    """Return the fields of the page as they stand, with what a person types into some of them."""
    fields = _Fields(page.content.decode()).values
    missing = typed.keys() - fields.keys()
    assert not missing, f"{missing} cannot be typed here: {sorted(map(str, fields))}"
    left_out = {None, "action", "csrfmiddlewaretoken", "q", "language"}
    return {name: value for name, value in {**fields, **typed}.items() if name not in left_out and value is not None}


def send(client, path, **typed):
    """Open the page, type, and send it."""
    return client.post(path, filled_in(client.get(path), **typed))


def said_by(response):
    """Return what the page complains of: the errors of the form, else the messages."""
    form = response.context.get("adminform")
    if form is not None:
        return " ".join(text for texts in form.form.errors.values() for text in texts)
    return " ".join(str(message) for message in response.context["messages"])
