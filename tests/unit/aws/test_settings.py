"""What a deployment can set: complete or refused, and never quoted."""

import pytest

from chalicelib.aws.entropy import digits, jitter
from chalicelib.aws.settings import Settings, SettingsError, read

WHOLE = {name.upper(): f"value-of-{name}" for name, field in Settings.model_fields.items() if field.is_required()}


def test_settings_are_read_by_their_upper_case_names_and_others_are_ignored():
    found = read({**WHOLE, "RETENTION_HOURS": "24", "HOME": "/root"})
    assert (found.accounts_table, found.retention_hours) == ("value-of-accounts_table", 24)


@pytest.mark.parametrize("name", WHOLE)
def test_each_missing_variable_is_named(name):
    with pytest.raises(SettingsError, match=name):
        read({key: value for key, value in WHOLE.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [("RETENTION_HOURS", "canary"), ("RETENTION_HOURS", "0"), ("KEY_MODE", "canary"), ("SIGNUP_BONUS_ASSETS", "-1")],
)
def test_a_malformed_variable_is_named_and_its_value_is_not(name, value):
    with pytest.raises(SettingsError, match=name) as refused:
        read({**WHOLE, name: value})
    assert "canary" not in str(refused.value)


def test_codes_are_digits_with_their_leading_zeros():
    drawn = [digits(8) for _ in range(500)]
    assert all(len(code) == 8 and code.isdigit() for code in drawn)
    assert len(set(drawn)) > 490
    assert {len(digits(1)) for _ in range(50)} == {1}


def test_jitter_is_anywhere_below_its_ceiling():
    waits = [jitter(2.0) for _ in range(500)]
    assert 0 <= min(waits) < 0.2
    assert 1.8 < max(waits) < 2.0
