"""Distil the teacher into the student base without the pipeline: the recipe on one page.

    python examples/mahjong-waits/trial.py synthesize
    python examples/mahjong-waits/trial.py distill --target rationale
    python examples/mahjong-waits/trial.py distill --target answer
    python examples/mahjong-waits/trial.py baselines

The first command asks the teacher to explain each completing tile of every training hand and
keeps the hands whose every line the checker accepts. The next two fine-tune the student base on
those hands, with the explanations or with the answers alone, and score it on held-out hands. The
last scores the most common answer, and the answer of the most similar training hand.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hands
import torch
from checker import check
from corpus import Exchange, reverse_prompt
from evaluate_checkpoints import LINE_TOKENS, REPLY_TOKENS, figure, final_answer
from pretrain import Batch, build_optimizers, encode, make_batch, weighted_loss
from replies import generate_replies, load_checkpoint
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
NUM_HELD_OUT, NUM_PROBE = 800, 200
RETRY_TEMPERATURE = 0.7
WARMUP_STEPS = 30
BATCH_TOKENS = 2048


def split_rows() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return training and held-out rows; no two rows share a group, so a plain cut will do."""
    rows = [json.loads(line) for line in (HERE / "dataset.jsonl").read_text().splitlines()]
    return rows[NUM_HELD_OUT + NUM_PROBE :], rows[:NUM_HELD_OUT]


def synthesize(models: Path, records_path: Path, limit: int, retries: int) -> None:
    """Write verified records: forward prompt, answer and one line per completing tile."""
    model, tokenizer = load_checkpoint(models / "teacher")
    rows = split_rows()[0][:limit]
    torch.manual_seed(0)
    open_asks = [(row, tile) for row in rows for tile in row["completion"].split()]
    lines: dict[tuple[str, str], str] = {}
    for attempt in range(1 + retries):
        prompts = [reverse_prompt(row["prompt"], tile) for row, tile in open_asks]
        temperature = RETRY_TEMPERATURE if attempt else 0.0
        replies = generate_replies(model, tokenizer, prompts, LINE_TOKENS, temperature)
        for (row, tile), reply in zip(open_asks, replies, strict=True):
            if not check(row["prompt"], tile, reply):
                lines[row["id"], tile] = reply
        open_asks = [(row, tile) for row, tile in open_asks if (row["id"], tile) not in lines]
        print(f"attempt {attempt}: {len(lines)} sound lines, {len(open_asks)} to go", flush=True)
    kept: list[dict[str, str]] = []
    for row in rows:
        own = [lines.get((row["id"], tile)) for tile in row["completion"].split()]
        if all(own):
            rationale = "\n".join(line for line in own if line)
            kept.append({**row, "rationale": rationale})
    records_path.parent.mkdir(parents=True, exist_ok=True)
    records_path.write_text("".join(json.dumps(record) + "\n" for record in kept))
    print(f"{len(kept)} of {len(rows)} records kept", flush=True)


def training_exchange(record: dict[str, str], target: str) -> Exchange:
    """Return what the student learns: the forward prompt, and rationale and answer or answer."""
    answer = f"#### {record['completion']}"
    reply = f"{record['rationale']}\n{answer}" if target == "rationale" else answer
    return Exchange(record["prompt"], reply)


def epochs(
    rows: list[tuple[list[int], int]], tokenizer: PreTrainedTokenizerFast, seed: int
) -> Iterator[Batch]:
    """Yield batches of at most `BATCH_TOKENS`, rows of similar length together, without end."""
    rng = random.Random(seed)
    while True:
        order = sorted(rows, key=lambda row: (len(row[0]), rng.random()))
        groups: list[list[tuple[list[int], int]]] = [[]]
        for row in order:
            if (len(groups[-1]) + 1) * len(row[0]) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        for group in groups:
            batch = make_batch(group, tokenizer.pad_token_id)
            yield Batch(batch.ids, (batch.weights == 1.0).float())


def distill(
    models: Path, records_path: Path, target: str, steps: int, muon: float, adamw: float, seed: int
) -> None:
    """Fine-tune the student base and print its held-out figures."""
    torch.manual_seed(seed)
    model, tokenizer = load_checkpoint(models / "student-base")
    records = [json.loads(line) for line in records_path.read_text().splitlines()]
    rows = [encode(tokenizer, training_exchange(record, target)) for record in records]
    optimizers = build_optimizers(model)
    batches = epochs(rows, tokenizer, seed)
    model.train()
    started, num_tokens, num_rows, recent = time.perf_counter(), 0, 0, 0.0
    for step in range(steps):
        share = min(1.0, (step + 1) / WARMUP_STEPS) * (1 - step / steps)
        for optimizer, peak in zip(optimizers, (muon, adamw), strict=True):
            optimizer.param_groups[0].update(lr=peak * share, weight_decay=0.0)
        batch = next(batches)
        loss = weighted_loss(model(input_ids=batch.ids, use_cache=False).logits, batch)
        torch.autograd.backward(loss)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        num_tokens += batch.ids.numel()
        num_rows += len(batch.ids)
        recent = loss.item() if step == 0 else 0.95 * recent + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} loss {recent:.3f}", flush=True)
    seconds = time.perf_counter() - started
    model.eval()
    held_out = split_rows()[1]
    replies = generate_replies(model, tokenizer, [row["prompt"] for row in held_out], REPLY_TOKENS)
    right = [
        final_answer(reply) == row["completion"]
        for row, reply in zip(held_out, replies, strict=True)
    ]
    by_waits: Counter[str] = Counter()
    for row, hit in zip(held_out, right, strict=True):
        by_waits[f"{min(4, len(row['completion'].split()))} {'right' if hit else 'wrong'}"] += 1
    summary = {
        "target": target,
        "records": len(records),
        "steps": steps,
        "epochs": round(num_rows / len(records), 2),
        "seconds": round(seconds),
        "tokens_per_second": round(num_tokens / seconds),
        "learning_rates": [muon, adamw],
        "seed": seed,
        "held_out": figure(right),
        "by_waits": dict(sorted(by_waits.items())),
    }
    print(json.dumps(summary))


def score_baselines() -> None:
    """Print what no model is needed for: a constant answer, and the nearest training hand's."""
    training, held_out = split_rows()

    def counts(rows: list[dict[str, str]]) -> torch.Tensor:
        parsed = (hands.parse_hand(row["prompt"].splitlines()[0][len("Hand: ") :]) for row in rows)
        return torch.tensor([[count for suit in hand for count in suit] for hand in parsed]).float()

    constant = Counter(row["completion"] for row in training).most_common(1)[0][0]
    nearest = torch.cdist(counts(held_out), counts(training), p=1).argmin(dim=1)
    guesses = {
        f"constant answer {constant}": [constant] * len(held_out),
        "nearest training hand": [training[int(index)]["completion"] for index in nearest],
    }
    for name, answers in guesses.items():
        pairs = zip(held_out, answers, strict=True)
        print(name, json.dumps(figure(row["completion"] == answer for row, answer in pairs)))


def main() -> None:
    """Read the command line and run one half of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("action", choices=("synthesize", "distill", "baselines"))
    parser.add_argument("--models", type=Path, default=HERE / "models")
    parser.add_argument("--records", type=Path, default=Path("build/mahjong-waits/records.jsonl"))
    parser.add_argument("--limit", type=int, default=6000, help="training hands to explain")
    parser.add_argument("--retries", type=int, default=1)
    parser.add_argument("--target", choices=("rationale", "answer"), default="rationale")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--muon", type=float, default=0.03, help="peak learning rate")
    parser.add_argument("--adamw", type=float, default=0.003, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.action == "synthesize":
        synthesize(given.models, given.records, given.limit, given.retries)
    elif given.action == "baselines":
        score_baselines()
    else:
        distill(
            given.models,
            given.records,
            given.target,
            given.steps,
            given.muon,
            given.adamw,
            given.seed,
        )


if __name__ == "__main__":
    main()
