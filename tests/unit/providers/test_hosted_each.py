"""What one hosted provider does that the others do not: its callbacks, its parameters, how it finds a job again."""

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.outbound.request import NoReply, NotSent
from chalicelib.providers import comfyui
from chalicelib.providers.job import (
    Accepted,
    BadCallback,
    Missing,
    Output,
    Pending,
    ProviderFailed,
    ProviderUnavailable,
    ProviderUncertain,
)
from tests.support import files
from tests.support.vendors import HOSTED, fal, replicate
from tests.support.vendors.comfyui import WORKFLOW
from tests.support.vendors.standin import as_reply, form_of
from tests.unit.providers.jobs import PROMPT, finish, job, photo

NOW = 1_800_000_000
BODY = b'{"id": "prediction0", "status": "succeeded"}'
SIGNED: dict[str, Any] = {"fal": fal.signed, "replicate": replicate.signed}
BOTH = pytest.mark.parametrize("name", SIGNED)


def made(name: str) -> tuple[Any, Any]:
    standin = HOSTED[name].standin()
    return HOSTED[name].provider(standin), standin


def model(name: str, at: int = 0) -> Any:
    return HOSTED[name].capability.models[at]


@BOTH
def test_F34_a_callback_is_believed_when_the_provider_signed_it(name: str) -> None:
    provider, _ = made(name)
    provider.check_callback(SIGNED[name](BODY, NOW), BODY, NOW)
    provider.check_callback(SIGNED[name](BODY, NOW), BODY, NOW + 299)


@BOTH
def test_F34_a_callback_that_is_forged_old_or_altered_is_not(name: str) -> None:
    provider, _ = made(name)
    good = SIGNED[name](BODY, NOW)
    wrong: list[tuple[dict[str, str], bytes, int]] = [
        ({}, BODY, NOW),
        (good, BODY + b" ", NOW),
        (good, BODY, NOW + 301),
        (good, BODY, NOW - 301),
        *(({**good, header: "x"}, BODY, NOW) for header in good),
        *(({**good, header: "9" * 5000}, BODY, NOW) for header in good),
        *(({header: value for header, value in good.items() if header != out}, BODY, NOW) for out in good),
    ]
    forged = {
        "fal": fal.signed(BODY, NOW, Ed25519PrivateKey.from_private_bytes(bytes(32))),
        "replicate": replicate.signed(BODY, NOW, "whsec_" + "QUJD" * 8),
    }
    wrong.append((forged[name], BODY, NOW))
    for headers, body, now in wrong:
        with pytest.raises(BadCallback):
            provider.check_callback(headers, body, now)


def test_fals_keys_are_fetched_once_a_day_and_soon_again_when_none_fits() -> None:
    provider, standin = made("fal")
    for later in (0, 60, 3600):
        provider.check_callback(fal.signed(BODY, NOW + later), BODY, NOW + later)
    assert len(standin.sent) == 1
    new = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    standin.keys = [new]
    provider.check_callback(fal.signed(BODY, NOW + 4000, new), BODY, NOW + 4000)
    assert len(standin.sent) == 2
    for later in range(4001, 4100):
        with pytest.raises(BadCallback):
            provider.check_callback(fal.signed(BODY, NOW + later), BODY, NOW + later)
    assert len(standin.sent) == 2, "forgeries do not make us call"


def test_a_callback_of_fals_is_not_believed_while_its_keys_cannot_be_had() -> None:
    provider, standin = made("fal")
    standin.asked = [NotSent("no"), as_reply(500), as_reply(200, b"<html>"), as_reply(200, {"keys": [{"x": 1}, 2]})]
    for later in (0, 300, 600, 900):
        with pytest.raises(BadCallback):
            provider.check_callback(fal.signed(BODY, NOW + later), BODY, NOW + later)
    provider.check_callback(fal.signed(BODY, NOW + 1200), BODY, NOW + 1200)


@BOTH
def test_only_a_provider_that_could_be_checked_is_told_where_to_call(name: str) -> None:
    url = "https://fotogenic.example/v1/provider-callbacks/x/handle?a=b"
    provider, standin = made(name)
    provider.submit(job(model(name), "generate", callback_url=url))
    sent = standin.begun[0]
    if name == "fal":
        assert parse_qs(urlsplit(sent.url).query) == {"fal_webhook": [url]}
    else:
        assert json.loads(sent.body)["webhook"] == url
        unsigned = {**HOSTED[name].configuration, "webhook_secret": None}
        silent = replace(HOSTED[name], configuration=unsigned)
        assert silent.capability.calls_back is False
        again = HOSTED[name].standin()
        silent.provider(again).submit(job(model(name), "generate", callback_url=url))
        assert "webhook" not in json.loads(again.begun[0].body)
        with pytest.raises(BadCallback):
            silent.provider(again).check_callback(replicate.signed(BODY, NOW), BODY, NOW)


def test_a_large_photo_goes_to_replicate_as_a_file_and_a_small_one_in_the_request() -> None:
    provider, standin = made("replicate")
    large = photo() + bytes(300_000)
    provider.submit(job(model("replicate", 1), "edit", photo=large))
    assert form_of(standin.sent[0])[1]["content"][2] == large
    assert json.loads(standin.begun[0].body)["input"]["input_image"] == replicate.FILE

    standin.asked = [NoReply("cut")]
    with pytest.raises(ProviderUnavailable):
        provider.submit(job(model("replicate", 1), "edit", photo=large))
    assert len(standin.begun) == 1, "a photo that did not arrive has begun nothing"


def test_fal_tells_how_many_wait_before_a_job() -> None:
    provider, standin = made("fal")
    standin.holds = 3
    ticket = provider.submit(job(model("fal"), "generate")).ticket
    said = [provider.poll(ticket, job(model("fal"), "generate")) for _ in range(3)]
    assert [each.queue_position for each in said] == [2, 1, None]


def test_fal_may_refuse_to_show_one_result_of_several() -> None:
    provider, standin = made("fal")
    wanted = job(model("fal"), "generate", n=2)
    ticket = provider.submit(wanted).ticket
    file = {"url": "https://v3.fal.media/files/b/x/out"}
    answer = {"images": [file, file], "seed": 7, "has_nsfw_concepts": [False, True]}
    standin.asked = [as_reply(200, {"status": "COMPLETED"}), as_reply(200, answer)]
    shown, hidden = provider.poll(ticket, wanted).outputs
    assert isinstance(shown, Output)
    assert isinstance(hidden, Missing)
    assert hidden.blocked


@pytest.mark.parametrize(("seconds", "asked", "cost"), [(1, "2", 43_200), (4, "4", 86_400), (4.2, "5", 108_000)])
def test_a_clip_is_of_whole_seconds_and_costs_by_them(seconds: float, asked: str, cost: int) -> None:
    standin = HOSTED["fal"].standin()
    wanted = job(model("fal", 2), "animate", {"seconds": seconds}, prompt=None)
    done = finish(HOSTED["fal"], standin, wanted)
    sent = json.loads(standin.begun[0].body)
    assert (sent["duration"], done.cost_microdollars) == (asked, cost)
    assert sent["prompt"]


def test_openai_is_asked_for_a_price_that_is_known_and_its_tokens_are_counted() -> None:
    standin = HOSTED["openai"].standin()
    done = finish(HOSTED["openai"], standin, job(model("openai", 1), "generate", {"transparent": True}))
    sent = json.loads(standin.begun[0].body)
    assert (sent["quality"], sent["size"], sent["background"]) == ("medium", "1024x1024", "transparent")
    assert done.cost_microdollars == 10 * 5 + 100 * 8 + 1000 * 32


def test_stability_is_sent_the_shape_that_a_size_has() -> None:
    standin = HOSTED["stability"].standin()
    parameters = {"size": "832x1216", "negative_prompt": "fog"}
    finish(HOSTED["stability"], standin, job(model("stability"), "generate", parameters, seed=0))
    fields, _ = form_of(standin.begun[0])
    assert (fields["aspect_ratio"], fields["negative_prompt"], fields["seed"]) == ("2:3", "fog", "1")


def test_a_seed_that_is_none_is_none() -> None:
    standin = HOSTED["stability"].standin()
    standin.script = [as_reply(200, files.png(), seed="9" * 5000)]
    done = finish(HOSTED["stability"], standin, job(model("stability"), "generate"))
    assert [output.seed for output in done.outputs if isinstance(output, Output)] == [None]


@pytest.mark.parametrize("info", ["[" * 100_000, "null", '"x"', '{"all_seeds": [null]}', ""])
def test_what_a1111_tells_of_its_seeds_may_be_nothing(info: str) -> None:
    standin = HOSTED["a1111"].standin()
    standin.script = [as_reply(200, {"images": [base64.b64encode(files.png()).decode()], "info": info})]
    done = finish(HOSTED["a1111"], standin, job(model("a1111"), "generate"))
    assert [output.seed for output in done.outputs if isinstance(output, Output)] == [None]


def test_a_form_whose_boundary_stands_in_the_photo_gets_another() -> None:
    standin = HOSTED["stability"].standin()
    wanted = job(model("stability", 4), "upscale")
    finish(HOSTED["stability"], standin, wanted)
    boundary = standin.begun[0].headers["Content-Type"].rpartition("=")[2]
    assert boundary.encode() not in photo()
    finish(HOSTED["stability"], standin, replace(wanted, photo=photo() + boundary.encode()))
    assert form_of(standin.begun[1])[1]["image"][2] == photo() + boundary.encode()


def test_F32_comfyui_is_asked_for_a_job_by_an_id_of_ours() -> None:
    provider, standin = made("comfyui")
    standin.holds = 2
    wanted = job(model("comfyui"), "generate")
    assert provider.find(wanted) is None
    accepted = provider.submit(wanted)
    assert provider.find(wanted) == accepted
    assert provider.find(replace(wanted, idempotency_key="gen_0/2")) is None
    while isinstance(provider.poll(accepted.ticket, wanted), Pending):
        pass
    assert provider.find(wanted) == accepted
    assert isinstance(accepted, Accepted)


def test_comfyui_that_cannot_be_asked_proves_nothing() -> None:
    provider, standin = made("comfyui")
    standin.asked = [NoReply("cut")]
    with pytest.raises(ProviderUnavailable):
        provider.find(job(model("comfyui"), "generate"))


def test_comfyui_tells_how_many_wait_before_a_job() -> None:
    provider, standin = made("comfyui")
    standin.holds, standin.before = 9, ["another", "a-third"]
    ticket = provider.submit(job(model("comfyui"), "generate")).ticket
    assert provider.poll(ticket, job(model("comfyui"), "generate")).queue_position == 2


def test_comfyui_is_never_told_to_stop_what_is_anothers() -> None:
    provider, standin = made("comfyui")
    standin.holds, standin.before = 9, ["another"]
    ticket = provider.submit(job(model("comfyui"), "generate")).ticket
    provider.cancel(ticket)
    assert standin.interrupted == []
    provider.cancel("00000000-0000-0000-0000-000000000000")
    assert standin.interrupted == []


def test_a_job_that_comfyui_has_forgotten_is_lost() -> None:
    provider, _ = made("comfyui")
    with pytest.raises(ProviderFailed) as lost:
        provider.poll(comfyui.ticket_of("gen_9/1"), job(model("comfyui"), "generate"))
    assert lost.value.code == "job_lost"


def test_what_a_prompt_says_is_never_a_placeholder() -> None:
    values = {"prompt": 'say "{seed}" and {photo}', "negative_prompt": None, "seed": 5, "photo": "p.png", "n": 1}
    sides = {"width": 8, "height": 9, "strength": None, "seconds": None, "voice": None, "speed": None, "scale": None}
    found = comfyui.filled(WORKFLOW, {**values, **sides})
    assert found["6"]["inputs"] == {"text": 'masterpiece, say "{seed}" and {photo}', "not": ""}
    assert found["3"]["inputs"]["seed"] == 5
    assert found["3"]["inputs"]["positive"] == ["6", 0]


def test_a_picture_behind_a_url_of_its_own_host_is_fetched() -> None:
    standin = HOSTED["openai-compatible"].standin()
    standin.elsewhere = "http://127.0.0.1:9/images/1.png"
    done = finish(HOSTED["openai-compatible"], standin, job(model("openai-compatible"), "generate"))
    assert isinstance(done.outputs[0], Output)
    standin.asked = [NoReply("cut"), NoReply("cut")]
    with pytest.raises(ProviderFailed) as gone:
        finish(HOSTED["openai-compatible"], standin, job(model("openai-compatible"), "generate"))
    assert gone.value.code == "result_gone"


def test_what_a_system_of_the_operators_writes_into_pictures_is_taken_out() -> None:
    standin = HOSTED["a1111"].standin()
    standin.made = files.png()
    done = finish(HOSTED["a1111"], standin, job(model("a1111"), "generate", n=2))
    assert [output.seed for output in done.outputs if isinstance(output, Output)] == [7, 8]
    sent = json.loads(standin.begun[0].body)
    assert (sent["width"], sent["height"], sent["steps"], sent["prompt"]) == (512, 512, 20, PROMPT)


def test_bedrock_that_breaks_on_a_job_failed() -> None:
    standin = HOSTED["bedrock"].standin()
    standin.ends = "failed"
    with pytest.raises(ProviderFailed):
        finish(HOSTED["bedrock"], standin, job(model("bedrock"), "generate"))


@pytest.mark.parametrize("status", [408, 424])
def test_F32_a_model_that_broke_off_at_bedrock_may_have_been_billed(status: int) -> None:
    standin = HOSTED["bedrock"].standin()
    standin.script = [as_reply(status)]
    with pytest.raises(ProviderUncertain):
        finish(HOSTED["bedrock"], standin, job(model("bedrock"), "generate"))


@pytest.mark.parametrize("name", ["fal", "replicate"])
def test_F32_a_lost_answer_of_a_queue_is_uncertain_though_the_job_is_in_it(name: str) -> None:
    provider, standin = made(name)
    standin.script = [NoReply("cut")]
    with pytest.raises(ProviderUncertain) as lost:
        provider.submit(job(model(name), "generate"))
    assert lost.value.may_have_run
