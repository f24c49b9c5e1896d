"""The least that serves a model: `generate` behind HTTP, one request at a time, streamed."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer

_ONE_AT_A_TIME = threading.Lock()


def main(model_dir: Path, port: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()

    def answer(body: dict[str, Any]) -> Iterator[str]:
        inputs = tokenizer.apply_chat_template(
            body["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with _ONE_AT_A_TIME:
            streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
            outputs: list[torch.Tensor] = []
            options = {"max_new_tokens": body["max_tokens"], "do_sample": False}

            def generate() -> None:
                outputs.append(model.generate(**inputs, **options, streamer=streamer))

            thread = threading.Thread(target=generate)
            thread.start()
            for text in streamer:
                yield event(choices=[{"index": 0, "delta": {"content": text}}])
            thread.join()
        completion = outputs[0].shape[1] - inputs["input_ids"].shape[1]
        yield event(choices=[], usage={"completion_tokens": completion})
        yield "data: [DONE]\n\n"

    async def chat(request: Request) -> Response:
        return StreamingResponse(answer(await request.json()), media_type="text/event-stream")

    async def health(_: Request) -> Response:
        return PlainTextResponse("")

    routes = [Route("/v1/chat/completions", chat, methods=["POST"]), Route("/health", health)]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="warning")


def event(**data: Any) -> str:
    return f"data: {json.dumps(data)}\n\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
