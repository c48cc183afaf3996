"""H: responses of a server instead of an image."""

from __future__ import annotations

from tests.client.raw import http, images_body
from tests.faults.case import Case
from tests.faults.responses import OK, PNG, cut, json_response, refusal
from tests.faults.server import Act, Call

PAGE = (
    b"<!doctype html><html><head><title>Bad gateway</title></head><body>" + b"<p>sorry</p>" * 2500 + b"</body></html>"
)
NASTY = "\x1b[31mred\x1b]0;title\x07 \x9b31m \u202egnp.tac [/red] \r\nimagecli: done"


def echoing(call: Call) -> None:
    """A gateway that repeats the key in its error."""
    key = next(line for line in call.raw.decode("latin-1").splitlines() if line.lower().startswith("authorization:"))
    call.send(refusal("401 Unauthorized", f"Incorrect API key provided: {key.split()[-1]}", code="invalid_api_key"))


def too_large(call: Call) -> None:
    call.send(http("413 Payload Too Large", PAGE))


def limited(*headers: str) -> tuple[bytes | Act, ...]:
    """One 429 with these headers, then the image."""
    return (refusal("429 Too Many Requests", "slow down", *headers, code="rate_limit_exceeded"), OK)


def always(status: str, *headers: str, **more: str) -> tuple[bytes | Act, ...]:
    return (refusal(status, "no", *headers, **more),)


SHAPES = {
    "a string": {"error": "a string"},
    "a list": {"error": ["one", "two"]},
    "a detail": {"detail": "a detail"},
    "a list of details": {"detail": [{"loc": ["body", "size"], "msg": "not a size", "type": "value_error"}]},
    "code and message": {"code": 20012, "message": "no such model", "data": None},
    "a problem": {"title": "Bad", "detail": "worse", "validation": [{"field": "n"}]},
    "a number for a code": {"error": {"message": "no", "code": 400, "status": "INVALID_ARGUMENT"}},
}

CASES = (
    Case(id="H1", case="parameter", posts=always("400 Bad Request", param="size", code="invalid_value")),
    Case(
        id="H2",
        case="moderation",
        posts=always("400 Bad Request", type="image_generation_user_error", code="moderation_blocked"),
    ),
    Case(id="H2", case="content policy", posts=always("400 Bad Request", code="content_policy_violation")),
    *(
        Case(id="H3", case=name, posts=(json_response(body, status="400 Bad Request"),))
        for name, body in SHAPES.items()
    ),
    Case(id="H3", case="a page", posts=(http("400 Bad Request", PAGE),)),
    Case(id="H3", case="nothing", posts=(http("400 Bad Request"),)),
    Case(id="H3", case="plain text", posts=(http("400 Bad Request", b"no such thing"),)),
    Case(id="H4", case="wrong key", posts=always("401 Unauthorized", code="invalid_api_key")),
    Case(id="H5", case="repeating the key", posts=(echoing,)),
    Case(id="H6", case="country", posts=always("403 Forbidden", code="unsupported_country_region_territory")),
    Case(
        id="H6",
        case="verification",
        posts=(refusal("403 Forbidden", "Your organization must be verified to use the model"),),
    ),
    Case(id="H7", case="model", posts=always("404 Not Found", code="model_not_found")),
    Case(id="H7", case="a page", posts=(http("404 Not Found", PAGE),)),
    Case(id="H7", case="nothing", posts=(http("404 Not Found"),)),
    Case(id="H8", case="405", posts=(http("405 Method Not Allowed"), OK)),
    Case(id="H8", case="410", posts=(*always("410 Gone"), OK)),
    Case(id="H8", case="418", posts=(*always("418 I'm a teapot"), OK)),
    Case(id="H8", case="422", posts=(*always("422 Unprocessable Entity"), OK)),
    Case(id="H8", case="600", posts=(*always("600 What"), OK)),
    Case(id="H9", case="408", posts=(*always("408 Request Timeout"), OK)),
    Case(id="H9", case="409", posts=(*always("409 Conflict"), OK)),
    Case(id="H10", case="413", posts=(too_large, OK), command=("edit", "photo.png", "a cat")),
    Case(id="H11", case="seconds", posts=limited("Retry-After: 1")),
    Case(id="H11", case="half a second", posts=limited("Retry-After: 0.5")),
    Case(id="H11", case="twice", posts=limited("Retry-After: 0.2", "Retry-After: 1")),
    Case(id="H11", case="milliseconds", posts=limited("retry-after-ms: 120", "Retry-After: 100")),
    Case(id="H12", case="a past date", posts=limited("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT")),
    Case(id="H12", case="negative", posts=limited("Retry-After: -5")),
    Case(id="H12", case="NaN", posts=limited("Retry-After: nan")),
    Case(id="H12", case="a word", posts=limited("Retry-After: soon")),
    Case(id="H13", case="a day", posts=limited("Retry-After: 86400")),
    Case(id="H13", case="for ever", posts=limited("Retry-After: 1e308")),
    Case(
        id="H14",
        case="insufficient_quota",
        posts=always("429 Too Many Requests", type="insufficient_quota", code="insufficient_quota"),
    ),
    Case(
        id="H14",
        case="credit balance",
        posts=always("429 Too Many Requests", type="insufficient_quota", code="credit_balance_exhausted"),
    ),
    Case(
        id="H14",
        case="billing limit by 400",
        posts=always("400 Bad Request", type="billing_limit_user_error", code="billing_hard_limit_reached"),
    ),
    Case(id="H14", case="402", posts=always("402 Payment Required")),
    Case(
        id="H15",
        case="429 for ever",
        posts=always("429 Too Many Requests", "retry-after-ms: 20", code="rate_limit_exceeded"),
    ),
    Case(id="H16", case="once", posts=(*always("500 Internal Server Error", type="server_error"), OK)),
    Case(id="H16", case="a timeout", posts=(refusal("500 Oops", "litellm.Timeout: Request timed out."), OK)),
    Case(id="H16", case="with an image", posts=(http("500 Oops", images_body(PNG)), OK)),
    Case(id="H17", case="a page of 30 kB", posts=(http("502 Bad Gateway", PAGE), OK)),
    Case(id="H17", case="a reset", posts=(refusal("502 Bad Gateway", "upstream connection reset"), OK)),
    Case(id="H18", case="503 and seconds", posts=(*always("503 Service Unavailable", "Retry-After: 1"), OK)),
    Case(id="H18", case="an error object", posts=(*always("503 Overloaded", type="server_error"), OK)),
    Case(id="H18", case="twice", posts=(*always("503 Overloaded", type="server_error") * 2, OK)),
    Case(id="H18", case="a page", posts=(http("503 Service Unavailable", PAGE), OK)),
    Case(
        id="H18",
        case="always",
        posts=always("503 Overloaded", type="server_error"),
        argv=("--max-retries", "1"),
    ),
    Case(
        id="H18",
        case="in turn with 429",
        posts=(*always("503 Overloaded", type="server_error"), *always("429 Too Many Requests", "retry-after-ms: 20"))
        * 4,
    ),
    Case(id="H19", case="504", posts=(http("504 Gateway Timeout", PAGE), OK)),
    Case(id="H19", case="524", posts=(http("524 A Timeout Occurred", PAGE), OK)),
    Case(id="H20", case="529", posts=(*always("529 Overloaded", type="overloaded_error"), OK)),
    Case(id="H20", case="520", posts=(*always("520 Unknown"), OK)),
    Case(id="H21", case="3 MB of text", posts=(refusal("400 Bad Request", "a very long story " * 170_000),)),
    Case(id="H22", case="escapes and markup", posts=(refusal("400 Bad Request", NASTY, code=NASTY, param=NASTY),)),
    Case(
        id="H23",
        case="latin-1",
        posts=(http("400 Bad Request", '{"error": {"message": "caf\xe9"}}'.encode("latin-1")),),
    ),
    Case(id="H23", case="cut in the error", posts=(cut(http("400 Bad Request", b'{"error": {"mess', length=500)),)),
)
