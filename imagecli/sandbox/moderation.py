"""A prompt that is always blocked, so that blocking can be tried: one that holds the word `moderation_blocked`.

Shape: public issues and the changelog of openai-python of 2026-10-14, read 2026-11-22.
"""

from __future__ import annotations

from typing import Final

from imagecli.sandbox.errors import ApiError

MAGIC_WORD: Final = "moderation_blocked"


def check_moderation(prompt: str, request_id: str) -> None:
    """Raises ApiError for a prompt that asks for it."""
    if MAGIC_WORD in prompt:
        raise blocked(request_id)


def blocked(request_id: str) -> ApiError:
    """The refusal, which names its request."""
    return ApiError(
        "Your request was rejected by the safety system. If you believe this is an error, contact us at "
        f"help.openai.com and include the request ID {request_id}. safety_violations=[sandbox].",
        type="image_generation_user_error",
        code="moderation_blocked",
        details={"moderation_details": {"moderation_stage": "input", "categories": ["sandbox"]}},
    )
