"""Mails: what they say, and that they are made again rather than kept."""

from email import message_from_bytes, policy

import pytest

from chalicelib.notices.gateway import MailGateway
from chalicelib.notices.mail import Mail, sign_in_code
from chalicelib.notices.service import Notices


class Gateway:
    def __init__(self):
        self.sent = []

    def send(self, mail):
        self.sent.append(mail)
        return "message-1"


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
    assert Notices(gateway, issue_code=lambda _: None).send_code("hash") is False
    assert gateway.sent == []


def test_a_repeated_message_mails_a_newer_code():
    gateway, codes = Gateway(), iter(["11111111", "22222222"])
    notices = Notices(gateway, issue_code=lambda _: ("ada@example.com", next(codes)))
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
