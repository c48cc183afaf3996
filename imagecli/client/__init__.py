"""The HTTP client and the spool of received responses. It knows nothing of models, prompts or images."""

import sys
import warnings

if "requests" not in sys.modules:
    # requests would import a detector of text encodings, which takes a thirtieth of the time of a short command and is
    # needed only for `Response.text`. It works without one, with a warning.
    for _detector in ("chardet", "charset_normalizer"):
        sys.modules.setdefault(_detector, None)  # type: ignore[arg-type]
    warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
