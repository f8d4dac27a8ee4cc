"""https://platform.stability.ai/docs/api-reference (v2beta)"""

from chalicelib.outbound.request import Reply, Request
from tests.support.vendors.standin import KEY, QUOTED, StandIn, as_reply, form_of, has, is_photo

API = "https://api.stability.ai/v2beta/stable-image"
WORDS = {"prompt", "negative_prompt", "seed", "output_format"}
#: path → (fields that must be there, fields that may).
FORMS = {
    "generate/core": ({"prompt"}, WORDS | {"aspect_ratio", "style_preset"}),
    "generate/ultra": ({"prompt"}, WORDS | {"aspect_ratio", "strength"}),
    "generate/sd3": ({"prompt"}, WORDS | {"aspect_ratio", "mode", "model", "strength", "cfg_scale"}),
    "upscale/fast": (set[str](), {"output_format"}),
    "edit/remove-background": (set[str](), {"output_format"}),
}
ASPECTS = {"16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"}


class Stability(StandIn):
    def begins(self, request: Request) -> bool:
        return request.method == "POST"

    def blocked(self) -> Reply | None:
        return as_reply(403, {"id": "1", "name": "content_moderation", "errors": [QUOTED]})

    def answer(self, request: Request) -> Reply:
        has(request, authorization=f"Bearer {KEY}", accept="image/*")
        path = request.url.removeprefix(f"{API}/")
        needed, allowed = FORMS[path]
        fields, uploads = form_of(request)
        assert needed <= set(fields) <= allowed
        assert fields.get("aspect_ratio", "1:1") in ASPECTS
        assert 0 <= int(fields.get("seed", "0")) <= 4_294_967_294
        if path in ("upscale/fast", "edit/remove-background") or fields.get("mode") == "image-to-image":
            _, content_type, data = uploads["image"]
            assert is_photo(content_type, data)
            assert "aspect_ratio" not in fields
        else:
            assert not uploads
        if fields.get("mode") == "image-to-image":
            assert 0 <= float(fields["strength"]) <= 1
        reason = "CONTENT_FILTERED" if self.ends == "blocked" else "SUCCESS"
        return as_reply(200, self.result, **{"finish-reason": reason, "seed": fields.get("seed", "5")})
