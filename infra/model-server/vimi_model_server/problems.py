"""Errors as RFC 9457 problems, with the codes of vimi (docs/reference/errors.md)."""

from fastapi.responses import JSONResponse

STATUS = {
    "HTTP_MALFORMED": 400,
    "KEY_MISSING": 401,
    "KEY_REFUSED": 403,
    "ORIGIN_REFUSED": 403,
    "ROUTE_UNKNOWN": 404,
    "JOB_NOT_FOUND": 404,
    "VIDEO_NOT_READY": 409,
    "HTTP_TOO_LARGE": 413,
    "MEDIA_TOO_LARGE": 413,
    "EVENT_INVALID": 422,
    "MEDIA_DAMAGED": 422,
    "MODEL_UNKNOWN": 422,
    "REQUEST_ID_TAKEN": 422,
    "REQUEST_OVER_LIMIT": 422,
    "REQUEST_UNSUPPORTED": 422,
    "QUEUE_FULL": 429,
    "INTERNAL": 500,
    "MODEL_UNAVAILABLE": 503,
}


class Cancelled(Exception):
    """Raised at a step border."""


class Problem(Exception):
    """What a caller is told: a code, and what was expected and found."""

    def __init__(self, code, detail, *, retry_after=None):
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after

    def response(self, status=None):
        status = status or STATUS[self.code]
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        body = {"type": "about:blank", "status": status, "code": self.code, "detail": self.detail}
        return JSONResponse(body, status, headers, "application/problem+json")
