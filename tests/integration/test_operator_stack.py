"""Mails about money, automatic top-up and the audit on a whole running service, each function with its own rights."""

import json
import secrets
import subprocess
import sys

import requests

from tests.e2e.person import Person
from tests.support.stack import PROJECT, Account, Stack, wait_until

BACK = "https://shop.example/back"


def buy(stack: Stack, who: Account, **more: object) -> requests.Response:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    body = {"pack": "starter", "return_url": BACK, **more}
    answer = stack.api("POST", "/v1/top-ups", key=who.token, json=body, headers=headers)
    answer.raise_for_status()
    return answer


def available(stack: Stack, who: Account) -> int:
    return int(stack.api("GET", "/v1/balance", key=who.key).json()["available"])


def test_P3_money_is_told_by_mail_and_spent_by_itself_and_the_books_are_clean(stack: Stack) -> None:
    who = stack.new_account()
    bonus = available(stack, who)
    before = stack.outbox()
    order = buy(stack, who, save_card=True).json()
    stack.stripe.pay(order["checkout_url"])
    receipt = stack.mail(who.email, after=before)
    assert "100 assets are in your balance" in receipt
    assert "Receipt: http" in receipt
    wait_until(lambda: available(stack, who) == bonus + 100, "the assets")

    before = stack.outbox()
    threshold = bonus + 150
    body = {"pack": "starter", "below": threshold, "monthly_ceiling_minor": 500, "currency": "usd"}
    stack.api("PUT", "/v1/auto-top-up", key=who.token, json=body).raise_for_status()
    wait_until(lambda: available(stack, who) == bonus + 200, "the automatic top-up")
    assert "Your Starter pack has been paid" in stack.mail(who.email, after=before)
    known = stack.api("GET", "/v1/auto-top-up", key=who.token).json()
    assert (known["enabled"], known["spent_this_month_minor"]) == (True, 500)

    command = [sys.executable, "-m", "infra.fotogenic", "audit", "--json", "--stripe", "--laptop", str(stack.data)]

    def findings() -> list[dict[str, str]]:
        said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=100, check=False)
        found = json.loads(said.stdout)["findings"]
        return [finding for finding in found if who.account_id in finding["where"]]

    assert findings() == []


def test_P3_a_low_balance_is_told_once_by_mail(stack: Stack) -> None:
    who = stack.new_account()
    person = Person(stack, who)
    left = available(stack, who)
    stack.api("PUT", "/v1/balance-alert", key=who.token, json={"below": left}).raise_for_status()
    before = stack.outbox()
    made = person.stylize(person.ready())
    mail = stack.mail(who.email, after=before)
    assert f"You have {left - made['charged']} assets left; you asked to be told below {left}." in mail
    again = stack.outbox()
    person.stylize(person.ready())
    wait_until(lambda: available(stack, who) == left - 2 * made["charged"], "the second charge")
    assert stack.outbox() == again
