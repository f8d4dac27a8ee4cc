"""The official `openai` client, as it is installed: our address, our key, nothing else changed."""

import base64
import io
import uuid
from typing import Any

import httpx2 as httpx
import openai
import pytest
import requests

from tests.e2e.person import Person, open_image, photo
from tests.support.stack import Stack

SIDE = 96
STATED = {"Fotogenic-Attestation": "basis=public_domain; people_shown=consented"}


def client_of(person: Person, **named: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{person.stack.base_url}/v1", api_key=person.account.key, **named)


@pytest.fixture(scope="module")
def client(person: Person) -> openai.OpenAI:
    return client_of(person, default_headers=STATED)


def picture() -> tuple[str, bytes, str]:
    return "astronaut.jpg", photo(SIDE), "image/jpeg"


def edit(client: openai.OpenAI, prompt: str = "in starry-strokes", **named: Any) -> Any:
    return client.images.edit(**{"model": "local/style-1", "image": picture(), "prompt": prompt, **named})


def test_models_are_listed_and_retrieved(client: openai.OpenAI) -> None:
    assert "local/style-1" in [model.id for model in client.models.list()]
    assert client.models.retrieve("local/style-1").owned_by == "local"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("local/none")


def test_a_photo_is_edited_and_its_address_needs_no_key(client: openai.OpenAI, person: Person) -> None:
    before = person.available()
    answer = edit(client)
    found = requests.get(answer.data[0].url, timeout=30)
    assert found.status_code == 200
    assert open_image(found.content).size == (SIDE, SIDE)
    assert before - person.available() == 1
    assert person.get(f"/v1/generations/{answer.id}")["charged"] == 1


def test_a_photo_is_made_larger_and_comes_inside_the_answer(client: openai.OpenAI) -> None:
    answer = edit(client, "2x", model="local/upscale-1", response_format="b64_json")
    assert open_image(base64.b64decode(answer.data[0].b64_json)).size == (2 * SIDE, 2 * SIDE)


def test_a_photo_and_an_upload_are_one_too_many(client: openai.OpenAI, person: Person) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        edit(client, extra_body={"upload_id": person.ready(photo(SIDE))})
    assert refused.value.param == "image"


def test_an_upload_may_stand_for_the_photo(person: Person) -> None:
    answer = edit(client_of(person), "3", image=[], extra_body={"upload_id": person.ready(photo(SIDE))})
    assert answer.charged == 1


def test_a_picture_is_made_from_words_by_url_and_inside_the_answer(client: openai.OpenAI, person: Person) -> None:
    before = person.available()
    words: Any = {"model": "local/composer-1", "prompt": "two cats in the snow at night"}
    by_url: Any = client.images.generate(**words)
    found = requests.get(by_url.data[0].url, timeout=30)
    assert found.status_code == 200
    inside: Any = client.images.generate(**words, response_format="b64_json", user="someone")
    for data in (found.content, base64.b64decode(inside.data[0].b64_json)):
        assert min(open_image(data).size) > 0
    assert before - person.available() == by_url.charged + inside.charged


def test_the_demo_keys_photos_need_no_word_of_their_own(stack: Stack) -> None:
    demo = stack.demo
    client = openai.OpenAI(base_url=f"{stack.base_url}/v1", api_key=demo["api_key"])
    assert edit(client).charged == 1


def test_P17_a_photo_without_a_statement_is_refused_and_says_how(person: Person) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        edit(client_of(person))
    assert refused.value.code == "attestation-required"
    assert "Fotogenic-Attestation" in refused.value.message


def test_a_generation_is_made_once_whatever_its_retries(person: Person) -> None:
    """The first two answers never reach the client: it repeats, with a new boundary each time."""
    sent: list[httpx.Headers] = []

    class Lossy(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request.headers)
            answer = super().handle_request(request)
            if len(sent) < 3:
                answer.read()
                raise httpx.ReadError("the connection was cut")
            return answer

    before = person.available()
    http = httpx.Client(transport=Lossy())
    client = client_of(person, default_headers=STATED, http_client=http)
    answer = edit(client, "bold-ink")
    assert [headers["x-stainless-retry-count"] for headers in sent] == ["0", "1", "2"]
    assert len({headers["content-type"] for headers in sent}) == 3
    assert before - person.available() == answer.charged == 1


def test_two_calls_are_two_generations(client: openai.OpenAI) -> None:
    assert edit(client).id != edit(client).id


@pytest.mark.parametrize(
    ("named", "param"),
    [
        ({"mask": ("mask.png", b"x", "image/png")}, "mask"),
        ({"output_format": "webp"}, "output_format"),
        ({"size": "1024x1024"}, "size"),
        ({"model": "local/none"}, "model"),
        ({"prompt": "make it nice"}, "prompt"),
        ({"image": ("x.txt", b"some words", "text/plain")}, "image"),
        ({"extra_body": {"colour": "red"}}, "colour"),
    ],
)
def test_what_is_not_supported_is_named(client: openai.OpenAI, named: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        edit(client, **named)
    error = refused.value
    assert error.param == param
    assert error.type == "invalid_request_error"
    assert error.code in ("validation", "unsupported-parameter")


def test_errors_are_of_the_clients_own_types(stack: Stack, person: Person) -> None:
    right = person.account.key
    wrong = right[:-1] + ("x" if right[-1] != "x" else "y")
    bad = openai.OpenAI(base_url=f"{stack.base_url}/v1", api_key=wrong)
    with pytest.raises(openai.AuthenticationError):
        edit(bad)
    sent: list[str] = []
    http = httpx.Client(event_hooks={"request": [lambda request: sent.append(str(request.url))]})
    poor = Person(stack, stack.new_account())
    key = poor.as_session(
        "POST",
        "/v1/keys",
        json={"name": "poor", "scopes": ["generations", "uploads"], "cap": {"assets": 0, "window": "day"}},
    ).json()
    broke = openai.OpenAI(
        base_url=f"{stack.base_url}/v1", api_key=key["secret"], default_headers=STATED, http_client=http
    )
    with pytest.raises(openai.APIStatusError) as refused:
        edit(broke)
    assert (refused.value.status_code, len(sent)) == (402, 1)


def test_a_key_may_state_it_once_for_all_its_photos(person: Person) -> None:
    made = person.as_session("POST", "/v1/keys", json={"name": uuid.uuid4().hex, "scopes": ["generations"]}).json()
    assert made["attestation"] is None
    stated = {"basis": "own_work", "people_shown": "self"}
    changed = person.as_session("PATCH", f"/v1/keys/{made['id']}", json={"attestation": stated})
    shown = changed.json()["attestation"]
    assert shown == {**stated, "version": 1, "stated_at": shown["stated_at"]}
    client = openai.OpenAI(base_url=f"{person.stack.base_url}/v1", api_key=made["secret"])
    answer: Any = client.images.edit(model="local/style-1", image=io.BytesIO(photo(SIDE)), prompt="3")
    assert answer.charged == 1
    withdrawn = person.as_session("PATCH", f"/v1/keys/{made['id']}", json={"attestation": None})
    assert withdrawn.json()["attestation"] is None
    with pytest.raises(openai.PermissionDeniedError):
        edit(client, prompt="4")


def test_a_larger_photo_is_sent_to_the_uploads(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        edit(client, image=("large.jpg", b"\xff\xd8\xff" + b"x" * 4_500_000, "image/jpeg"))
    assert refused.value.status_code == 413


def test_a_check_of_provenance_says_once_that_it_is_not_built(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as refused:
        client.content_provenance_checks.create(file=("a.jpg", photo(), "image/jpeg"))
    assert refused.value.status_code == 501
    assert refused.value.code == "not-built"
    assert refused.value.response.headers["x-should-retry"] == "false"
