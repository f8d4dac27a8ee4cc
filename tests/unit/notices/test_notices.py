"""Mails: what they say, and that they are made again rather than kept."""

from email import message_from_bytes, policy

import pytest

from chalicelib.kernel.errors import Unauthorized
from chalicelib.notices.gateway import MailGateway
from chalicelib.notices.mail import NOTICES, Mail, sign_in_code
from chalicelib.notices.service import Notices, UnknownNotice


class Gateway:
    def __init__(self):
        self.sent = []

    def send(self, mail):
        self.sent.append(mail)
        return "message-1"


def notices_of(gateway, **members):
    given = {"issue_code": lambda _: None, "address_of": lambda _: "ada@example.com", "describe": lambda *_: None}
    return Notices(gateway, **given | members)


class Ses:
    def send_email(self, **members):
        self.members = members
        return {"MessageId": "m-1"}


def test_a_code_is_mailed_in_two_groups_with_what_to_do_about_it():
    mail = sign_in_code("ada@example.com", "01234567")
    assert mail.to == "ada@example.com"
    assert "    0123 4567\n" in mail.text
    assert "10 minutes" in mail.text
    assert "ignore this mail" in mail.text
    assert "0123" not in mail.subject


def test_nobody_who_waits_gets_no_mail():
    gateway = Gateway()
    assert notices_of(gateway).send_code("hash") is False
    assert gateway.sent == []


def test_a_repeated_message_mails_a_newer_code():
    gateway, codes = Gateway(), iter(["11111111", "22222222"])
    notices = notices_of(gateway, issue_code=lambda _: ("ada@example.com", next(codes)))
    assert notices.send_code("hash")
    assert notices.send_code("hash")
    assert ["1111" in mail.text for mail in gateway.sent] == [True, False]


def test_the_mail_that_leaves_is_whole_and_marked_as_automatic(monkeypatch):
    ses = Ses()
    monkeypatch.setattr("chalicelib.notices.gateway.client", lambda _: ses)
    gateway = MailGateway("Fotogenic <no-reply@example.com>")
    assert gateway.send(sign_in_code("ada@example.com", "01234567")) == "m-1"
    message = message_from_bytes(ses.members["Content"]["Raw"]["Data"], policy=policy.default)
    assert message["From"] == "Fotogenic <no-reply@example.com>"
    assert message["To"] == "ada@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "0123 4567" in message.get_content()


@pytest.mark.parametrize("header", ["to", "subject"])
def test_no_header_can_be_smuggled_into_a_mail(monkeypatch, header):
    ses = Ses()
    monkeypatch.setattr("chalicelib.notices.gateway.client", lambda _: ses)
    members = {"to": "ada@example.com", "subject": "hello", "text": "text"}
    members[header] += "\r\nBcc: eve@example.com"
    with pytest.raises(ValueError):
        MailGateway("Fotogenic <no-reply@example.com>").send(Mail(**members))
    assert not hasattr(ses, "members")


#: What each notice is told, and what its mail must then say.
FACTS = {
    "top_up_completed": (
        {"pack": "Starter pack", "assets": "100", "price": "5.00 USD", "receipt": "https://invoice.example/1"},
        ["Starter pack", "100 assets", "5.00 USD", "Receipt: https://invoice.example/1"],
    ),
    "top_up_failed": ({"pack": "Starter pack", "price": "5.00 USD"}, ["Starter pack", "Nothing was charged"]),
    "payment_failed": (
        {"plan": "Pro plan", "invoice": "https://invoice.example/2", "again": "3 December 2026"},
        ["Pro plan", "3 December 2026", "Invoice: https://invoice.example/2"],
    ),
    "balance_low": ({"available": "7", "below": "20"}, ["7 assets left", "below 20"]),
    "auto_top_up_failed": ({"pack": "Starter pack", "failures": "3"}, ["turned off", "3 times", "until you turn it"]),
    "webhook_endpoint_disabled": ({"endpoint": "whe_1", "because": "gone"}, ["whe_1", "disabled", "410", "replay"]),
}


@pytest.mark.parametrize("notice", NOTICES)
def test_P3_every_notice_says_what_happened_and_where_to_go(notice):
    gateway = Gateway()
    facts, says = FACTS[notice]
    asked = []

    def describe(*about):
        asked.append(about)
        return facts

    notices = notices_of(gateway, describe=describe)
    assert notices.send("acct_1", notice, "top_1")
    (mail,) = gateway.sent
    assert asked == [("acct_1", notice, "top_1")]
    assert mail.to == "ada@example.com"
    assert [word for word in says if word not in mail.text] == []
    assert "\n" not in mail.subject


@pytest.mark.parametrize(("notice", "member"), [("top_up_completed", "receipt"), ("payment_failed", "invoice")])
def test_a_link_that_is_not_known_leaves_no_empty_line_about_it(notice, member):
    gateway = Gateway()
    facts = FACTS[notice][0] | {member: ""}
    notices_of(gateway, describe=lambda *_: facts).send("acct_1", notice, "top_1")
    assert "Receipt" not in gateway.sent[0].text
    assert "Invoice" not in gateway.sent[0].text


def test_a_renewal_that_is_not_tried_again_promises_no_day():
    facts = FACTS["payment_failed"][0] | {"again": ""}
    gateway = Gateway()
    notices_of(gateway, describe=lambda *_: facts).send("acct_1", "payment_failed", "in_1")
    assert "tried again" not in gateway.sent[0].text


def test_what_is_not_so_any_more_is_not_mailed():
    gateway = Gateway()
    assert notices_of(gateway).send("acct_1", "balance_low", "acct_1") is False
    assert gateway.sent == []


def test_P8_an_account_that_was_erased_is_told_nothing():
    def gone(_):
        raise Unauthorized

    gateway = Gateway()
    notices = notices_of(gateway, describe=lambda *_: FACTS["balance_low"][0], address_of=gone)
    assert notices.send("acct_1", "balance_low", "acct_1") is False
    assert gateway.sent == []


def test_F18_a_notice_that_only_newer_code_knows_stays_in_the_queue():
    with pytest.raises(UnknownNotice):
        notices_of(Gateway()).send("acct_1", "a_newer_one", "x")
