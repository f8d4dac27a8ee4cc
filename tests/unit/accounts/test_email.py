"""Addresses: one person, one spelling, and every accepted one can be written to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.accounts.email import MAX_CHARACTERS, normalise
from chalicelib.notices.gateway import MailGateway
from chalicelib.notices.mail import sign_in_code


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com\n", "ada@example.com"),
        ("\uff41\uff44\uff41@example.com", "ada@example.com"),
        ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
        ("o'hara+tag@sub.example.co.uk", "o'hara+tag@sub.example.co.uk"),
    ],
)
def test_spellings_of_one_address_become_one(given, kept):
    assert normalise(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "a b@example.com",
        "ada@exa mple.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@example.com-",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a@b@example.com",
        "a\x00b@example.com",
        "a\x7fb@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com,eve@example.com",
        "Ada <ada@example.com>",
        '"a b"@example.com',
        "\u00e4da@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "a" * 64 + ".com",
        "ada@" + "abc." * 70 + "com",
    ],
)
def test_what_is_no_address_or_cannot_be_written_to_is_refused(given):
    with pytest.raises(ValueError, match="is not an e-mail address"):
        normalise(given)


TEXTS = st.one_of(st.text(max_size=60), st.emails(), st.builds(lambda a, b: f"{a}@{b}.com", st.text(), st.text()))


@given(TEXTS)
def test_an_accepted_address_is_normal_already(text):
    try:
        once = normalise(text)
    except ValueError:
        return
    assert normalise(once) == once
    assert once.isascii()
    assert once == once.lower()
    assert len(once) <= MAX_CHARACTERS


class Outbox:
    """Takes the place of the SES client's one call."""

    def __init__(self):
        self.sent = []

    def send_email(self, **members):
        self.sent.append(members)
        return {"MessageId": "1"}


@given(st.one_of(st.emails(), st.from_regex(r"[!-~]{1,10}@[a-z0-9.-]{1,12}\.com", fullmatch=True)))
def test_every_accepted_address_can_be_put_on_a_mail(text):
    try:
        address = normalise(text)
    except ValueError:
        return
    outbox = Outbox()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chalicelib.notices.gateway.client", lambda _: outbox)
        MailGateway("Fotogenic <no-reply@example.com>").send(sign_in_code(address, "12345678"))
    raw = outbox.sent[0]["Content"]["Raw"]["Data"]
    head = raw.split(b"\r\n\r\n")[0]
    assert address.encode() in head.replace(b"\r\n ", b"")
    assert outbox.sent[0]["Destination"] == {"ToAddresses": [address]}
