"""What holds for every operation of every model of every hosted provider, against its stand-in."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.generation.operations import operations
from chalicelib.outbound.request import Forbidden, NoReply, NotSent, ReplyTooLarge
from chalicelib.providers.capability import Modality, Model, Proof, Runs
from chalicelib.providers.job import (
    Accepted,
    BadCallback,
    ContentBlocked,
    Missing,
    Output,
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUncertain,
)
from tests.support import files
from tests.support.vendors import HOSTED
from tests.support.vendors.standin import QUOTED, StandIn, as_reply
from tests.unit.providers.jobs import IDS, PROMPT, QUEUED, WORK, finish, job, photo, refused, standin_for

EACH_JOB = pytest.mark.parametrize(("name", "model", "operation"), WORK, ids=IDS)
EACH = pytest.mark.parametrize("name", HOSTED)
CALLS_BACK = {name for name, hosted in HOSTED.items() if hosted.capability.calls_back}
#: Those whose models make what another asks for at once.
SEVERAL = [(name, model, operation) for name, model, operation in WORK if model.max_outputs > 1]


def seen(standin: StandIn) -> bytes:
    """Everything that was sent, of every request."""
    return b"".join(
        request.url.encode() + repr(dict(request.headers)).encode() + request.body for request in standin.sent
    )


@EACH
def test_every_hosted_provider_declares_what_the_service_asks(name: str) -> None:
    capability = HOSTED[name].capability
    assert capability.runs is Runs.HOSTED
    assert capability.hosts
    for model in capability.models:
        for operation in model.operations:
            fields = set(operations()[operation].parameters.model_fields)
            assert "size" not in model.takes or model.sizes, model.id
            assert not model.sizes or "size" in fields
        known = {field for each in model.operations for field in operations()[each].parameters.model_fields}
        # A workflow may have places that its operation knows no parameter for.
        assert set(model.takes) <= known or name == "comfyui"


@EACH_JOB
def test_a_job_is_done(name: str, model: Model, operation: str) -> None:
    hosted, standin = HOSTED[name], standin_for(name, model)
    standin.holds = 2 if name in QUEUED else 0

    done = finish(hosted, standin, job(model, operation))

    (output,) = done.outputs
    assert isinstance(output, Output)
    assert output.content_type.startswith(f"{model.modality}/")
    if model.modality is Modality.AUDIO:
        assert (output.width, output.height, output.seconds) == (None, None, 1.5)
    else:
        sides = (48, 32) if model.modality is Modality.IMAGE else (64, 36)
        assert (output.width, output.height) == sides
    assert files.CANARY.encode() not in output.data
    assert done.request_id or name == "a1111"
    is_own = name in ("a1111", "comfyui", "openai-compatible")
    assert (done.cost_microdollars is None) == is_own
    assert len(standin.begun) == 1


@EACH_JOB
def test_P6_no_provider_learns_whose_job_it_is(name: str, model: Model, operation: str) -> None:
    standin = standin_for(name, model)
    finish(HOSTED[name], standin, job(model, operation))
    assert b"gen_" not in seen(standin)
    assert b"acct_" not in seen(standin)


@EACH_JOB
def test_the_same_submission_is_the_same_request(name: str, model: Model, operation: str) -> None:
    sent = []
    for _ in range(2):
        standin = standin_for(name, model)
        finish(HOSTED[name], standin, job(model, operation))
        sent.append(standin.begun[0])
    assert sent[0] == sent[1]


@EACH_JOB
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (NotSent("no"), ProviderUnavailable),
        (Forbidden("no"), ProviderUnavailable),
        (as_reply(429, {"error": QUOTED}), ProviderUnavailable),
        (as_reply(503, {"error": f"overloaded {QUOTED}"}), ProviderUnavailable),
        (as_reply(401, {"error": QUOTED}), ProviderUnavailable),
        (as_reply(402, {"detail": QUOTED}), ProviderUnavailable),
        (as_reply(400, {"error": {"code": "invalid_size", "message": QUOTED}}), ProviderRefused),
        (as_reply(422, QUOTED.encode()), ProviderRefused),
        (as_reply(400, b"[" * 200_000), ProviderRefused),
        (as_reply(302, location="https://elsewhere.example/"), ProviderFailed),
        (NoReply("cut"), ProviderUncertain),
        (ReplyTooLarge("big"), ProviderUncertain),
        (as_reply(500, {"error": QUOTED}), ProviderUncertain),
        (as_reply(502, b"<html>"), ProviderUncertain),
        (as_reply(200, b'{"cut'), ProviderFailed),
        (as_reply(200, b""), ProviderFailed),
        (as_reply(200, {"unexpected": QUOTED}), ProviderFailed),
    ],
    ids=lambda value: (
        value.__name__ if isinstance(value, type) else f"{getattr(value, 'status', type(value).__name__)}"
    ),
)
def test_each_refusal_and_each_silence_means_one_thing(
    name: str, model: Model, operation: str, step: Any, expected: type[ProviderError]
) -> None:
    standin = standin_for(name, model)
    standin.script = [step]
    if name == "comfyui" and getattr(step, "status", 0) == 200:
        # Its id is ours, so its answer is not needed.
        assert isinstance(HOSTED[name].provider(standin).submit(job(model, operation)), Accepted)
        return

    error = refused(HOSTED[name], standin, job(model, operation))

    assert type(error) is expected
    assert len(standin.begun) == 1, "nothing that may have been done is begun twice"
    assert error.may_have_run == (expected in (ProviderUncertain, ProviderFailed))


@EACH
def test_F35_how_long_to_wait_is_told_on(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    no_seconds = ("Wed, 21 Oct 2026 07:28:00 GMT", "-1", "9" * 5000)
    for said, expected in (("7", 7), ("999999", 3600), *((each, None) for each in no_seconds)):
        standin = standin_for(name, model)
        standin.script = [as_reply(429, **{"retry-after": said})]
        error = refused(hosted, standin, job(model, model.operations[0]))
        assert isinstance(error, ProviderUnavailable)
        assert error.retry_after_seconds == expected


@EACH_JOB
def test_F37_refused_content_is_told_apart(name: str, model: Model, operation: str) -> None:
    hosted, blocked = HOSTED[name], standin_for(name, model).blocked()
    standin = standin_for(name, model)
    if blocked is not None:
        standin.script = [blocked]
    elif name in ("bedrock", "fal", "replicate"):
        standin.ends = "blocked"
    else:
        return  # nobody's content is refused on the operator's own machine
    assert type(refused(hosted, standin, job(model, operation))) is ContentBlocked


@EACH_JOB
@pytest.mark.parametrize(
    "made",
    [
        b"",
        b"<html><body>not here</body></html>",
        files.png()[:60],
        files.jpeg()[:300],
        files.png()[:16] + bytes(8) + files.png()[24:],
        b"\x89PNG\r\n\x1a\n" + files.png()[8:16] + b"\x00\x01\x00\x00\x00\x01\x00\x00" + files.png()[24:],
        files.mp4()[:-40],
        files.wav()[:60],
        b"PK\x03\x04" + bytes(100),
    ],
    ids=["empty", "page", "cut-png", "cut-jpeg", "no-size", "bomb", "cut-mp4", "cut-wav", "archive"],
)
def test_F36_a_result_that_is_none_is_a_failure(name: str, model: Model, operation: str, made: bytes) -> None:
    standin = standin_for(name, model)
    standin.made = made
    error = refused(HOSTED[name], standin, job(model, operation))
    assert type(error) is ProviderFailed


@EACH_JOB
def test_F36_a_result_of_another_kind_is_a_failure(name: str, model: Model, operation: str) -> None:
    standin = standin_for(name, model)
    standin.made = files.wav() if model.modality is not Modality.AUDIO else files.png()
    assert type(refused(HOSTED[name], standin, job(model, operation))) is ProviderFailed


@pytest.mark.parametrize(("name", "model", "operation"), SEVERAL, ids=[f"{m.id}-{o}" for _, m, o in SEVERAL])
def test_F39_what_is_missing_is_missing_and_the_rest_is_there(name: str, model: Model, operation: str) -> None:
    whole = standin_for(name, model)
    done = finish(HOSTED[name], whole, job(model, operation, n=model.max_outputs))
    assert len(done.outputs) == model.max_outputs
    assert all(isinstance(output, Output) for output in done.outputs)

    standin = standin_for(name, model)
    standin.short = 1
    done = finish(HOSTED[name], standin, job(model, operation, n=model.max_outputs))

    assert [type(output) for output in done.outputs] == [Output] * (model.max_outputs - 1) + [Missing]


@EACH_JOB
def test_a_job_that_does_not_fit_is_refused_and_nothing_is_sent(name: str, model: Model, operation: str) -> None:
    hosted = HOSTED[name]
    other = next(each for each in operations() if each not in model.operations)
    fits = job(model, operation)
    wrong = [
        (replace(fits, operation=other), "wrong_operation"),
        (replace(fits, model="openai/none"), "wrong_operation"),
        (replace(fits, n=model.max_outputs + 1), "too_many_outputs"),
        (replace(fits, n=0), "too_many_outputs"),
    ]
    if operations()[operation].needs_photo and name != "comfyui":
        wrong.append((replace(fits, photo=None), "photo_missing"))
    if model.max_input_pixels:
        wrong += [
            (replace(fits, photo=b"<html>"), "photo_unreadable"),
            (replace(fits, photo=_huge()), "photo_too_large"),
        ]
    for unfit, code in wrong:
        standin = standin_for(name, model)
        error = refused(hosted, standin, unfit)
        assert (type(error), error.code) == (ProviderRefused, code)
        assert standin.sent == []


def _huge() -> bytes:
    """A JPEG whose header claims 20,000 x 10,000 pixels."""
    whole = bytearray(photo())
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 9] = (10_000).to_bytes(2, "big") + (20_000).to_bytes(2, "big")
    return bytes(whole)


@pytest.mark.parametrize("name", sorted(set(HOSTED) - QUEUED))
def test_what_is_done_at_once_gives_no_tickets(name: str) -> None:
    hosted = HOSTED[name]
    provider, model = hosted.provider(hosted.standin()), hosted.capability.models[0]
    with pytest.raises(ProviderFailed):
        provider.poll("ticket", job(model, model.operations[0]))
    with pytest.raises(ProviderFailed):
        provider.cancel("ticket")


@pytest.mark.parametrize("name", sorted(name for name in HOSTED if HOSTED[name].capability.proof is Proof.NONE))
def test_F32_who_cannot_be_asked_says_so(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    standin = hosted.standin()
    with pytest.raises(ProviderUncertain):
        hosted.provider(standin).find(job(model, model.operations[0]))
    assert standin.sent == []


@pytest.mark.parametrize("name", sorted(set(HOSTED) - CALLS_BACK))
def test_who_calls_nobody_back_believes_no_callback(name: str) -> None:
    hosted = HOSTED[name]
    with pytest.raises(BadCallback):
        hosted.provider(hosted.standin()).check_callback({}, b"{}", 1_800_000_000)


@pytest.mark.parametrize("name", ["fal", "replicate", "openai-compatible"])
def test_a_result_at_a_host_that_was_not_declared_is_not_fetched(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    for url in ("https://evil.example/x", "https://evil.example/fal.media", "http://169.254.169.254/", "file:///etc/x"):
        standin = standin_for(name, model)
        standin.elsewhere = url
        error = refused(hosted, standin, job(model, model.operations[0]))
        assert error.code == "result_elsewhere"
        assert not [request for request in standin.sent if request.url.startswith(url)]


def test_messages_of_refusals_name_the_providers_own_code() -> None:
    hosted = HOSTED["openai"]
    model = hosted.capability.models[0]
    standin = standin_for("openai", model)
    standin.script = [as_reply(400, {"error": {"code": "invalid_size", "message": json.dumps(PROMPT)}})]
    error = refused(hosted, standin, job(model, "generate"))
    assert error.message == "OpenAI does not take this job (invalid_size)."
