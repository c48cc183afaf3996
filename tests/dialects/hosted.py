"""Hosted services. What each accepts, rejects and returns is from its documents, read 2026-11-22 and 2026-11-29."""

from __future__ import annotations

import json

from werkzeug import Response

from tests.dialects.serving import (
    BLACK,
    BLUE,
    JPEG,
    KEY,
    RED,
    Dialect,
    ReceivedRequest,
    RefusedError,
    base64_of,
    fetched,
    is_data_url,
    want,
    want_bearer,
    want_known,
    want_path,
)

OPENAI = {
    *("model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "moderation"),
    *("complexity", "stream", "partial_images", "frame_count", "frame_duration_ms", "svg", "safety_identifier", "user"),
}


class OpenAI(Dialect):
    """GPT Image models: base64 only, and `response_format` is unknown to them."""

    edit_fields = OPENAI | {"input_fidelity"}

    def respond(self, request: ReceivedRequest) -> object:
        self.admit(request)
        if request.json is not None:
            want_path(request, *self.paths("generations"))
            want_known(request.json, OPENAI)
            return self.images_response(int(request.json.get("n", 1)))
        want_path(request, *self.paths("edits"))
        want_known(request.form, self.edit_fields)
        names = [name for name, _ in request.files]
        want(names[:1] in (["image"], ["image[]"]), "Missing required parameter: 'image'.")
        want(len(set(names) - {"mask", "markup"}) == 1, "image and image[] exclude each other")
        want(names.count("image") < 2, "Duplicate parameter: 'image'.")
        return self.images_response(int(request.form.get("n", 1)))

    def admit(self, request: ReceivedRequest) -> None:
        want_bearer(request)

    def paths(self, operation: str) -> tuple[str, ...]:
        return (f"/v1/images/{operation}",)

    def images_response(self, n: int) -> object:
        usage = {"input_tokens": 9, "output_tokens": 196, "total_tokens": 205}
        return {"created": 1, "data": [{"b64_json": base64_of(RED)}] * n, "output_format": "png", "usage": usage}


class Azure(OpenAI):
    """The v1 form: the deployment is the model, `api-version` is required, the key has its own header."""

    below = ""
    version = "preview"

    def admit(self, request: ReceivedRequest) -> None:
        if (
            request.headers.get("api-key") != KEY
            and request.headers.get("authorization") != "Bearer entra-token-0123456789"
        ):
            raise RefusedError(
                401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}
            )
        if request.query.get("api-version") != self.version:
            raise RefusedError(404, {"error": {"code": "404", "message": "Resource not found"}})
        prompt = (request.json or request.form).get("prompt", "")
        if "blood" in prompt:
            filters = {"violence": {"filtered": True, "severity": "high"}, "hate": {"filtered": False}}
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_results": filters}
            error = {"code": "contentFilter", "message": "Your task failed our safety system.", "inner_error": inner}
            raise RefusedError(400, {"error": error})

    def paths(self, operation: str) -> tuple[str, ...]:
        return (f"/openai/v1/images/{operation}",)


class AzureClassic(Azure):
    """The deployment is part of the path, and the api-version is a date."""

    version = "2025-04-01-preview"

    def paths(self, operation: str) -> tuple[str, ...]:
        return (
            f"/openai/deployments/my%20images/images/{operation}",
            f"/openai/deployments/my images/images/{operation}",
        )


class OpenRouter(Dialect):
    """Its own path; images are uploaded as references; its codes are numbers."""

    below = "/api/v1"

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/api/v1/images")
        want_bearer(request)
        body = request.body()
        if "/" not in body.get("model", ""):
            raise RefusedError(400, {"error": {"code": 400, "message": f"{body.get('model')} is not a valid model ID"}})
        if "poor" in body["prompt"]:
            raise RefusedError(402, {"error": {"code": 402, "message": "Insufficient credits"}})
        known = {"model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression"}
        known |= {"resolution", "aspect_ratio", "seed", "stream", "user", "provider", "session_id", "trace"}
        want_known(body, known | {"input_references"})
        for reference in body.get("input_references", []):
            want(reference.keys() == {"type", "image_url"} and reference["type"] == "image_url", "input_references")
            want(is_data_url(reference["image_url"]["url"]), "input_references")
        data = [{"b64_json": base64_of(RED), "media_type": "image/png"}] * body.get("n", 1)
        return {"created": 1, "data": data, "usage": {"cost": 0.04, "total_tokens": 4175}}


class XAI(Dialect):
    """JSON only; an aspect ratio instead of a size; a URL unless base64 is requested; JPEG; no mask."""

    ratios = ("1:1", "3:2", "2:3", "16:9", "9:16", "4:3", "3:4", "21:9", "5:2")

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/imgen/1.jpg":
            return fetched(request, JPEG)
        want_path(request, "/v1/images/generations", "/v1/images/edits")
        want_bearer(request)
        body = request.body()
        for name in ("size", "style", "mask"):
            want(name not in body, f"Argument not supported: {name}")
        want(body.get("quality", "auto") in ("low", "medium", "auto"), "quality")
        want(body.get("model", "").startswith("grok-"), f"Model not found: {body.get('model')}")
        want(body.get("aspect_ratio", "1:1") in self.ratios, "aspect_ratio")
        if request.path.endswith("/edits"):
            want(("image" in body) != ("images" in body), "exactly one of image and images")
            for image in body.get("images", [body.get("image")]):
                want(isinstance(image, dict) and is_data_url(image.get("url")), "image: expected {url}")
                want(image.get("type") == "image_url", "image: expected the type image_url")
        item = {"url": self.server.url_for("/imgen/1.jpg"), "revised_prompt": body["prompt"]}
        if body.get("response_format") == "b64_json":
            item = {"b64_json": base64_of(JPEG), "revised_prompt": body["prompt"]}
        item |= {"respect_moderation": True}
        data = [item] * body.get("n", 1)
        if "blood" in body["prompt"]:
            data[0] = {"b64_json": base64_of(BLACK), "respect_moderation": False}
        return {"data": data, "usage": {"cost_in_usd_ticks": 200_000_000 * len(data)}}


class Together(Dialect):
    """width and height; base64 has its plain name; edits are generations; the URLs require a User-Agent."""

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/imgproxy/1":
            return fetched(request, JPEG)
        want_path(request, "/v1/images/generations")
        want_bearer(request)
        body = request.body()
        known = {"model", "prompt", "n", "width", "height", "steps", "seed", "negative_prompt", "response_format"}
        want_known(body, known | {"image_url", "reference_images", "output_format", "aspect_ratio"})
        want(body.get("n", 1) <= 4, "n must be at most 4")
        want(body.get("response_format", "url") in ("url", "base64"), "response_format must be one of url, base64")
        want(body.get("output_format", "jpeg") in ("jpeg", "png"), "output_format must be one of jpeg, png")
        want(all(isinstance(body.get(name, 1), int) for name in ("width", "height")), "width and height are integers")
        for image in [*body.get("reference_images", []), *([body["image_url"]] if "image_url" in body else [])]:
            want(is_data_url(image), "image_url")
        item: dict[str, object] = {"type": "url", "url": self.server.url_for("/imgproxy/1")}
        if body.get("response_format") == "base64":
            item = {"type": "b64_json", "b64_json": base64_of(JPEG)}
        data = [{"index": k, **item} for k in range(body.get("n", 1))]
        return {"id": "o7", "model": body["model"], "object": "list", "data": data}


class SiliconFlow(Dialect):
    """image_size and batch_size; images are uploaded as image, image2, image3 and returned as `images` of URLs."""

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/outputs/1.png":
            return fetched(request, RED)
        want_path(request, "/v1/images/generations")
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise RefusedError(401, '"Invalid token"')
        body = request.body()
        known = {
            "model",
            "prompt",
            "image_size",
            "batch_size",
            "image",
            "image2",
            "image3",
            "num_inference_steps",
            "seed",
        }
        for name in body:
            self.want(name in known, f"unknown field {name}")
        self.want(not ("image" in body and "image_size" in body), "image_size is not supported")
        self.want(all(is_data_url(body[name]) for name in ("image", "image2", "image3") if name in body), "image")
        images = [{"url": self.server.url_for("/outputs/1.png?sig=hush")}] * body.get("batch_size", 1)
        return {"images": images, "timings": {"inference": 3.1}, "seed": 7}

    @staticmethod
    def want(condition: bool, message: str) -> None:
        if not condition:
            raise RefusedError(400, {"code": 20012, "message": message, "data": None})


class Ark(Dialect):
    """No n; one image is text, several are a list; JPEG; an item may hold an error instead of an image."""

    below = "/api/v3"

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/api/v3/images/generations")
        want_bearer(request)
        body = request.body()
        known = {"model", "prompt", "image", "size", "output_format", "background", "response_format", "watermark"}
        for name in body:
            if name not in known:
                error = {
                    "code": "InvalidParameter",
                    "message": f"{name} is not valid",
                    "param": name,
                    "type": "BadRequest",
                }
                raise RefusedError(400, {"error": error})
        image = body.get("image", [])
        want("image" not in body or isinstance(image, str) or len(image) > 1, "image")
        want(all(is_data_url(one) for one in ([image] if isinstance(image, str) else image)), "image")
        want(body.get("response_format", "url") in ("url", "b64_json"), "response_format")
        if "sometimes" in body["prompt"]:
            blocked = {"error": {"code": "OutputImageBlocked", "message": "the picture was held back"}}
            return {"model": body["model"], "created": 1, "data": [blocked], "usage": {"generated_images": 0}}
        data = [{"b64_json": base64_of(JPEG), "size": "2048x2048"}]
        return {"model": body["model"], "created": 1, "data": data, "usage": {"generated_images": 1}}


class Zhipu(Dialect):
    """Generations only, by URL only; its codes are digits in text; the findings of a filter are at the top level."""

    below = "/api/paas/v4"

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/u/1.png":
            return fetched(request, BLUE)
        want_path(request, "/api/paas/v4/images/generations")
        want_bearer(request)
        body = request.body()
        if extra := set(body) - {"model", "prompt", "size", "quality", "watermark_enabled", "user_id"}:
            raise RefusedError(
                400, {"error": {"code": "1210", "message": f"API 调用参数有误: {', '.join(sorted(extra))}"}}
            )
        filters = [{"role": "assistant", "level": 3}]
        return {"created": 1, "data": [{"url": self.server.url_for("/u/1.png")}], "content_filter": filters}


class Gemini(Dialect):
    """Google's compatibility endpoint: it silently ignores all but five fields; its errors are a list."""

    below = "/v1beta/openai"

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/v1beta/openai/images/generations")
        want_bearer(request)
        body = request.body()
        if body.get("response_format") != "b64_json":
            error = {"code": 400, "message": "Only b64_json is supported", "status": "INVALID_ARGUMENT"}
            raise RefusedError(400, [{"error": error}])
        return {"created": 1, "data": [{"b64_json": base64_of(RED)}] * body.get("n", 1)}


class DeepInfra(Dialect):
    """Edits are a form whose `image` is repeated without brackets; base64 of JPEG."""

    below = "/v1/openai"

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/v1/openai/images/generations", "/v1/openai/images/edits")
        want_bearer(request)
        fields = request.json or request.form
        if "/" not in fields.get("model", ""):
            raise RefusedError(404, {"detail": {"error": f"Model is not available: {fields.get('model')}"}})
        if request.json is None:
            names = [name for name, _ in request.files]
            want(names.count("image") >= 1 and set(names) <= {"image", "mask"}, f"unexpected files: {names}")
        data = [{"b64_json": base64_of(JPEG), "revised_prompt": fields["prompt"]}]
        return {"created": 1, "data": data * int(fields.get("n", 1))}


class Recraft(Dialect):
    """Generations only; its own sizes; a URL unless base64 is requested."""

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/img/1":
            return fetched(request, RED)
        want_path(request, "/v1/images/generations")
        want_bearer(request)
        body = request.body()
        known = {"model", "prompt", "n", "size", "style", "style_id", "response_format", "negative_prompt", "controls"}
        if extra := set(body) - known:
            raise RefusedError(400, {"code": "invalid_request_parameter", "message": f"unknown {sorted(extra)}"})
        want(1 <= body.get("n", 1) <= 6, "n")
        item = {"image_id": "7f", "url": self.server.url_for("/img/1")}
        if body.get("response_format") == "b64_json":
            item = {"image_id": "7f", "b64_json": base64_of(RED)}
        return {"created": 1, "credits": 40, "data": [item] * body.get("n", 1)}


class Venice(Dialect):
    """One image; a blocked one is black, with a header; an unknown model is replaced; unknown fields give a 400."""

    below = "/api/v1"
    sizes = ("auto", "256x256", "512x512", "1024x1024", "1536x1024", "1024x1536", "1792x1024", "1024x1792")
    ignored = ("quality", "style", "background", "output_compression", "user")

    def respond(self, request: ReceivedRequest) -> object:
        if request.path == "/api/v1/models":
            want(request.query == {"type": "image"}, "type")
            return {"data": [{"id": "z-image-turbo"}, {"id": "venice-sd35"}]}
        want_path(request, "/api/v1/images/generations")
        want_bearer(request)
        body = request.body()
        known = {"model", "prompt", "size", "output_format", "response_format", "moderation", "n", *self.ignored}
        if extra := set(body) - known:
            raise RefusedError(400, {"error": f"Unrecognized key: {sorted(extra)}"})
        want(body.get("n", 1) == 1 and body.get("size", "auto") in self.sizes, "n or size")
        headers = {"x-venice-model-id": body["model"] if body["model"] == "venice-sd35" else "z-image-turbo"}
        blocked = "blood" in body["prompt"]
        if blocked:
            headers["x-venice-is-content-violation"] = "true"
        data = [{"b64_json": base64_of(BLACK if blocked else RED)}]
        return Response(json.dumps({"created": 1, "data": data}), 200, headers)


class Pollinations(Dialect):
    """One image; of a form it reads image or image[], prompt, model, size and quality, and ignores the rest."""

    def respond(self, request: ReceivedRequest) -> object:
        want_path(request, "/v1/images/generations", "/v1/images/edits")
        want_bearer(request)
        fields = request.json or request.form
        if request.json is None and not any(name in ("image", "image[]") for name, _ in request.files):
            raise RefusedError(400, {"success": False, "error": {"message": "Missing required field: image"}})
        data = [{"b64_json": base64_of(JPEG), "revised_prompt": fields["prompt"]}]
        return {"created": 1, "data": data, "usage": {"total_tokens": 1}}


class LiteLLM(OpenAI):
    """A proxy: it passes on what the model behind it supports, and reads only image and mask of a form."""

    def respond(self, request: ReceivedRequest) -> object:
        if {name for name, _ in request.files} - {"image", "image[]", "mask", "mask[]"}:
            raise RefusedError(500, {"error": {"message": "unexpected file", "type": "None", "code": "500"}})
        return super().respond(request)


class Vercel(LiteLLM):
    """A gateway: the vendor is part of the model's name."""

    def admit(self, request: ReceivedRequest) -> None:
        super().admit(request)
        model = (request.json or request.form).get("model", "")
        if "/" not in model:
            raise RefusedError(404, {"error": {"message": f"Model '{model}' not found", "type": "model_not_found"}})
