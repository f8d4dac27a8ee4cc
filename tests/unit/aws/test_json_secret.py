"""A secret that an operator may change: cached for minutes, read again at once when asked."""

from datetime import timedelta

import pytest

from chalicelib.aws import secrets
from chalicelib.aws.secrets import CACHE, JsonSecret
from tests.support.fakes import ManualClock


class Manager:
    """Secrets Manager with one secret."""

    def __init__(self):
        self.text, self.reads = '{"api_key": "one"}', 0

    def get_secret_value(self, **named):
        assert named == {"SecretId": "stripe"}
        self.reads += 1
        return {"SecretString": self.text}


@pytest.fixture
def manager(monkeypatch):
    made = Manager()
    monkeypatch.setattr(secrets, "client", lambda _: made)
    return made


def test_F16_it_is_cached_for_minutes_and_no_longer(manager):
    clock = ManualClock()
    secret = JsonSecret("stripe", clock)
    assert secret.read() == secret.read() == {"api_key": "one"}
    assert manager.reads == 1
    manager.text = '{"api_key": "two"}'
    clock.time += CACHE
    assert secret.read() == {"api_key": "one"}
    clock.time += timedelta(seconds=1)
    assert secret.read() == {"api_key": "two"}
    assert timedelta(minutes=5) >= CACHE


def test_F16_a_refresh_reads_it_at_once(manager):
    secret = JsonSecret("stripe", ManualClock())
    secret.read()
    manager.text = '{"api_key": "two"}'
    assert secret.refresh() == secret.read() == {"api_key": "two"}
    assert manager.reads == 2


@pytest.mark.parametrize("text", ["", "not json", "[]", '"text"', "null"])
def test_what_is_no_object_is_an_empty_secret(manager, text):
    manager.text = text
    assert JsonSecret("stripe", ManualClock()).read() == {}
