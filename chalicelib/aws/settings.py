"""The only reader of the environment. Everything a deployment can set is a member here, with its unit in its name."""

import os
from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Settings(BaseModel):
    """Read once per process from upper-case variables: `accounts_table` from `ACCOUNTS_TABLE`, and so on."""

    model_config = ConfigDict(frozen=True)

    accounts_table: str
    keys_table: str
    credits_table: str
    billing_table: str
    uploads_table: str
    generations_table: str
    webhooks_table: str
    vault_table: str
    uploads_bucket: str
    results_bucket: str
    mail_queue_url: str
    engine_queue_url: str
    provider_queue_url: str
    billing_queue_url: str
    webhook_queue_url: str
    peppers_secret: str = Field(description="name or ARN of the secret that holds the peppers")
    signing_secret: str = Field(description="name or ARN of the secret that signing keys are derived from")
    sealing_key: str = Field(description="id of the KMS key that wraps data keys")
    stripe_secret: str = Field(description="name or ARN of the secret with Stripe's API key and webhook secrets")
    providers_secret: str = Field(description="name or ARN of the secret with the providers' credentials and prices")
    stripe_base_url: str = Field("https://api.stripe.com", pattern=r"^https?://", description="where Stripe's API is")
    public_url: str = Field("", description="where providers reach this deployment, https; empty: they are polled")
    mail_sender: str = "Fotogenic <no-reply@fotogenic.invalid>"
    key_mode: str = Field("live", pattern="^(live|test)$", description="second part of the API keys made here")
    signup_bonus_assets: int = Field(0, ge=0, le=1_000_000)
    codes_per_source: int = Field(10, ge=1, description="sign-in codes that one network address may ask for in an hour")
    retention_hours: int = Field(48, ge=1, le=24 * 30, description="how long uploads and results live at most")
    requests_per_minute: int = Field(600, ge=1, description="per API key")
    generations_in_flight: int = Field(20, ge=1, description="per API key")
    webhooks_allow_loopback: bool = Field(False, description="webhooks may be sent to this very machine")
    engine_seconds: int = Field(120, ge=1, le=900, description="how long one generation may hold a worker")


class SettingsError(Exception):
    """The environment does not describe a deployment; the message names the variables."""


def read(environment: Mapping[str, str]) -> Settings:
    """Raises SettingsError naming each missing or malformed variable, never its value."""
    present = {name: environment[name.upper()] for name in Settings.model_fields if name.upper() in environment}
    try:
        return Settings.model_validate(present)
    except ValidationError as error:
        wrong = ", ".join(f"{str(e['loc'][0]).upper()} ({e['msg']})" for e in error.errors())
        raise SettingsError(f"cannot start: {wrong}") from None


@cache
def settings() -> Settings:
    """The settings of this process."""
    return read(os.environ)


def region() -> str:
    """The AWS region of this process."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
