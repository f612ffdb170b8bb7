"""The HTTP API, in the words of vimi."""

import asyncio
import hmac
import re

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException

from .origins import check_origin
from .problems import Problem
from .requests import parse, read_request

ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
DECODED_AT_ONCE = 2
"""Requests: the images of one may take a gigabyte."""
BODIES_AT_ONCE = 8
"""Requests whose body is read or waits to be decoded: each may have all of `most_body`."""
BODY_SECONDS = 120
KEY = re.compile(r'"((?:[^"\\]|\\.){1,255})"|([\x21-\x7e]{1,255})', re.ASCII)


def create_app(jobs, *, key=None, most_body=64 * 2**20):
    decoding = asyncio.Semaphore(DECODED_AT_ONCE)
    bodies = Bodies(BODIES_AT_ONCE)
    app = FastAPI(title="vimi model server", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(Problem)
    async def problem(request, error):
        return error.response()

    @app.exception_handler(HTTPException)
    async def unknown_route(request, error):
        return Problem("ROUTE_UNKNOWN", f"{request.method} {request.url.path[:200]}: there is no such address").response(error.status_code)

    @app.exception_handler(Exception)
    async def defect(request, error):
        return Problem("INTERNAL", "a defect of this server: see its log").response()

    def check_key(request):
        check_origin(request.headers, has_key=key is not None)
        if key is None:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem("KEY_MISSING", "expected Authorization: Bearer KEY")
        if not hmac.compare_digest(given.strip().encode(), key.encode()):
            raise Problem("KEY_REFUSED", "this key is not the server's")

    def job_of(id, request):
        check_key(request)
        if not ID.fullmatch(id):
            raise Problem("JOB_NOT_FOUND", "there is no such job")
        return jobs.get(id)

    async def body_of(request):
        """Of one that is too large, some is read and thrown away: a caller who is cut off mid-way never hears why."""
        body, length = bytearray(), 0
        async for chunk in request.stream():
            length += len(chunk)
            if length <= most_body:
                body += chunk
            elif length > 4 * most_body:
                break
        if length > most_body:
            raise Problem("HTTP_TOO_LARGE", f"expected at most {most_body} bytes")
        return bytes(body)

    @app.get("/health")
    async def health():
        return {"status": "ok"}

    @app.get("/ready")
    async def ready():
        state = jobs.state
        body = {"state": state, "waiting": len(jobs._waiting), "reason": jobs.failure}
        return JSONResponse(body, 200 if state in ("READY", "BUSY") else 503)

    @app.get("/v1/models")
    async def models(request: Request):
        check_key(request)
        return {"object": "list", "data": [jobs.description()]}

    @app.post("/v1/videos")
    async def create(request: Request):
        check_key(request)
        model = jobs.description()
        # Before anything is read or decoded.
        key = idempotency_key(request.headers.get("idempotency-key"))
        if key is None:
            jobs.check_room()
        with bodies:
            try:
                body = await asyncio.wait_for(body_of(request), BODY_SECONDS)
            except asyncio.TimeoutError:
                raise Problem("HTTP_MALFORMED", f"expected the whole body within {BODY_SECONDS} s") from None
            job = key and jobs.known(key, body)
            if not job:
                jobs.check_room()
                async with decoding:
                    wanted = await run_in_threadpool(lambda: read_request(parse(body), model))
                job = jobs.submit(wanted, key, body)
        return JSONResponse(jobs.as_json(job), 202, {"location": f"/v1/videos/{job.id}"})

    @app.get("/v1/videos")
    async def listed(request: Request):
        check_key(request)
        return {"object": "list", "data": [jobs.as_json(job) for job in jobs.all()]}

    @app.get("/v1/videos/{id}")
    async def one(id: str, request: Request):
        return jobs.as_json(job_of(id, request))

    @app.post("/v1/videos/{id}/cancel")
    async def cancel(id: str, request: Request):
        return jobs.as_json(jobs.cancel(job_of(id, request).id))

    @app.delete("/v1/videos/{id}")
    async def delete(id: str, request: Request):
        return jobs.as_json(jobs.delete(job_of(id, request).id))

    @app.get("/v1/videos/{id}/content")
    async def content(id: str, request: Request, variant: str = "video"):
        job = job_of(id, request)
        if variant == "frames":
            return FileResponse(jobs.frames(job.id), media_type="application/octet-stream")
        if variant != "video":
            raise Problem("EVENT_INVALID", "variant: expected video or frames")
        return FileResponse(await run_in_threadpool(jobs.video, job.id), media_type="video/mp4")

    return app


class Bodies:
    """So many at once; one more is told to come again, and nothing of it is read."""

    def __init__(self, most):
        self._most = most
        self._now = 0

    def __enter__(self):
        if self._now >= self._most:
            raise Problem("QUEUE_FULL", f"{self._now} requests are being read", retry_after=1)
        self._now += 1

    def __exit__(self, *_):
        self._now -= 1


def idempotency_key(header):
    """A quoted string, or plain text. EVENT_INVALID for one that is too long."""
    if header is None:
        return None
    found = KEY.fullmatch(header.strip())
    if not found:
        raise Problem("EVENT_INVALID", "Idempotency-Key: expected 1 to 255 visible characters")
    return found.group(1) or found.group(2)
