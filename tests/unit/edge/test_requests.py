"""What is read of every request: its id and where it came by, believed only when well-formed."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.edge.requests import base_url, request_id, text_headers
from chalicelib.kernel.ids import is_id


def request(path="/v1/keys", resource="/v1/keys", **parameters):
    return SimpleNamespace(headers={}, context={"path": path, "resourcePath": resource}, uri_params=parameters or None)


@pytest.mark.parametrize("given_id", ["req_0123456789", "a.b-c_d12", "A" * 128])
def test_a_well_formed_request_id_is_kept(given_id):
    assert request_id({"request-id": given_id}) == given_id


@given(st.one_of(st.text(max_size=7), st.text(alphabet=" \n\"'<>{}", min_size=1), st.just("a" * 129)))
def test_any_other_is_replaced_by_one_of_ours(given_id):
    assert is_id("req", request_id({"request-id": given_id}))


def test_header_names_are_lower_case():
    assert text_headers(SimpleNamespace(headers={"X-Thing": 1})) == {"x-thing": "1"}
    assert text_headers(SimpleNamespace(headers=None)) == {}


@pytest.mark.parametrize(
    ("host", "path", "resource", "url"),
    [
        ("api.example.com", "/v1/keys", "/v1/keys", "https://api.example.com"),
        (
            "x.execute-api.eu-west-1.amazonaws.com",
            "/api/v1/keys",
            "/v1/keys",
            "https://x.execute-api.eu-west-1.amazonaws.com/api",
        ),
        ("127.0.0.1:8000", "/v1/keys", "/v1/keys", "http://127.0.0.1:8000"),
        ("localhost", "/v1/keys", "/v1/keys", "http://localhost"),
        ("[::1]:8000", "/v1/keys", "/v1/keys", "http://[::1]:8000"),
        ("evil.example/<script>", "/v1/keys", "/v1/keys", ""),
        ("a b", "/v1/keys", "/v1/keys", ""),
        ("", "/v1/keys", "/v1/keys", ""),
    ],
)
def test_the_base_url_is_the_hosts_own_and_nothing_else(host, path, resource, url):
    assert base_url({"host": host}, request(path, resource)) == url


def test_the_stage_is_found_in_a_path_with_parameters():
    made = request("/api/v1/keys/key_1", "/v1/keys/{key_id}", key_id="key_1")
    assert base_url({"host": "api.example.com"}, made) == "https://api.example.com/api"
