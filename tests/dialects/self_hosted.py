"""Self-hosted servers: what each accepts, rejects and returns, from its source or observed, 2026-11-22 and 29."""

from __future__ import annotations

import base64
import json
import re

from werkzeug import Response

from tests.dialects.serving import (
    JPEG,
    RED,
    Dialect,
    ReceivedRequest,
    RefusedError,
    base64_of,
    want_path,
)


def images_of(request: ReceivedRequest) -> list[bytes]:
    return [data for name, data in request.files if name in ("image", "image[]")]


class SdServer(Dialect):
    """stable-diffusion.cpp: ignores what it does not know; the error is a bare text."""

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/v1/images/generations", "/v1/images/edits")
        fields = request.json or request.form
        if not fields.get("prompt"):
            raise RefusedError(400, {"error": "prompt required"})
        hidden = re.search(r"<sd_cpp_extra_args>(.*)</sd_cpp_extra_args>", fields["prompt"])
        if hidden and json.loads(hidden[1]).get("steps", 1) > 100:
            raise RefusedError(500, {"error": "server_error", "message": "too many steps"})
        formats = ("png", "jpeg", "webp") if request.json else ("png", "jpeg")
        if fields.get("output_format", "png") not in formats:
            raise RefusedError(400, {"error": "invalid output_format"})
        if request.path.endswith("/edits") and not images_of(request):
            raise RefusedError(400, {"error": "at least one image required"})
        data = [{"b64_json": base64_of(RED)}] * int(fields.get("n", 1))
        return {"created": 1, "data": data, "output_format": "png"}


class LocalAI(Dialect):
    """No edits endpoint: an image is part of a generation, as bare base64. It returns URLs on itself."""

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/generated-images/1.png":
            return Response(RED)
        want_path(request, "/v1/images/generations")
        body = request.body()
        if "|" in body["prompt"]:
            raise RefusedError(500, {"error": {"message": "negative prompts are off", "code": 500}})
        size = body.get("size", "512x512")
        if not re.fullmatch(r"\d+x\d+", size):
            raise RefusedError(400, {"error": {"message": f"invalid value for 'size': {size}", "code": 400}})
        for text in (body.get("file"), *body.get("files", [])):
            if text is not None and base64.b64decode(text, validate=True)[1:4] != b"PNG":
                raise RefusedError(400, {"error": {"message": "illegal base64 data", "code": 400}})
        item = {"url": self.server.url_for("/generated-images/1.png")}
        if body.get("response_format") == "b64_json":
            item = {"b64_json": base64_of(RED)}
        return {"created": 1, "id": "3f", "data": [item] * body.get("n", 1), "usage": {"total_tokens": 0}}


class Lemonade(Dialect):
    """A generation returns one image for any n; it has variations too; the white of a mask is edited."""

    below = "/api/v1"

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, *(f"/api/v1/images/{word}" for word in ("generations", "edits", "variations")))
        fields = request.json or request.form
        if fields.get("response_format", "b64_json") != "b64_json" or not 1 <= int(fields.get("n", 1)) <= 10:
            raise RefusedError(400, {"error": {"message": "n must be from 1 to 10", "type": "invalid_request_error"}})
        if request.json is None and not images_of(request):
            raise RefusedError(400, {"error": {"message": "an image is wanted", "type": "invalid_request_error"}})
        return {"created": 1, "data": [{"b64_json": base64_of(RED)}]}


class VllmOmni(Dialect):
    """One model a server; errors as FastAPI says them; empty places in what it answers; a file that it does not know,
    such as `mask`, is dropped."""

    def respond(self, request: ReceivedRequest) -> object:
        if request.path not in ("/v1/images/generations", "/v1/images/edits"):
            raise RefusedError(404, {"detail": "Not Found"})
        fields = request.json or request.form
        if fields.get("model", "Qwen/Qwen-Image") != "Qwen/Qwen-Image":
            raise RefusedError(
                400, {"detail": f"Model mismatch: request specifies '{fields['model']}' but server is running other"}
            )
        if "stream" in fields:
            raise RefusedError(
                400, {"detail": "stream=true is only supported for multi-stage image editing pipelines."}
            )
        if fields.get("response_format", "b64_json") != "b64_json":
            missing = {"loc": ["body", "response_format"], "msg": "Input should be 'b64_json'", "type": "literal_error"}
            raise RefusedError(422, {"detail": [missing]})
        item = {"b64_json": base64_of(RED), "url": None, "revised_prompt": None}
        return {"created": 1, "data": [item] * int(fields.get("n", 1))}


class SGLang(Dialect):
    """Without a store it returns a path below itself as URL; it ignores a mask."""

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/v1/images/img_7/content":
            return Response(RED, content_type="image/png")
        want_path(request, "/v1/images/generations", "/v1/images/edits")
        fields = request.json or request.form
        item = {"url": "/v1/images/img_7/content", "b64_json": None}
        if fields.get("response_format") == "b64_json":
            item = {"url": None, "b64_json": base64_of(RED)}
        return {"id": "img_7", "created": 1, "data": [item] * int(fields.get("n", 1))}


class Xinference(Dialect):
    """Sizes with a star, extras as the text of JSON, variations with a prompt; an address is a file on its own disk."""

    def respond(self, request: ReceivedRequest) -> object:
        paths = [f"/v1/images/{word}" for word in ("generations", "edits", "variations")]
        if request.path not in paths:
            raise RefusedError(404, {"detail": "Not Found"})
        fields = request.json or request.form
        if not fields.get("prompt"):
            return Response("Internal Server Error", 500, content_type="text/plain")
        if not re.fullmatch(r"\d+\*\d+", fields.get("size", "1024*1024")):
            raise RefusedError(500, {"detail": f"invalid literal for int() with base 10: '{fields['size']}'"})
        if fields.get("model") != "sd-turbo":
            raise RefusedError(400, {"detail": f"Model not found in the model list, uid: {fields.get('model')}"})
        if set(fields) - {"model", "prompt", "n", "size", "response_format", "user", "kwargs"}:
            raise RefusedError(
                422, {"detail": [{"loc": ["body"], "msg": "Extra inputs are not permitted", "type": "extra"}]}
            )
        json.loads(fields.get("kwargs", "{}"))
        item = {"url": "/root/.xinference/image/c3f.jpg", "b64_json": None}
        if fields.get("response_format") == "b64_json":
            item = {"url": None, "b64_json": base64_of(JPEG)}
        return {"created": 1, "data": [item] * int(fields.get("n", 1))}


class Docker(Dialect):
    """Docker Model Runner: three fields, base64."""

    below = "/engines/diffusers/v1"

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/engines/diffusers/v1/images/generations")
        body = request.body()
        if not {"model", "prompt"} <= set(body) <= {"model", "prompt", "size"}:
            raise RefusedError(400, {"detail": f"unexpected fields: {sorted(body)}"})
        if body["model"] == "gpu-less":
            raise RefusedError(503, "the diffusers backend needs an NVIDIA GPU")
        return {"data": [{"b64_json": base64_of(RED)}]}
