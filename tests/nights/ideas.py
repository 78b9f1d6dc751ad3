"""What the agent of a written night tries: the text of train.py, edits of it, and their effects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

#: The settings of the script and the values that they may have.
SETTINGS: dict[str, tuple[float, ...]] = {
    "DEPTH": (4, 6, 8, 9, 10, 12, 16),
    "ASPECT_RATIO": (32, 48, 64, 72, 96),
    "HEAD_DIM": (64, 96, 128),
    "BATCH_TOKENS": (131072, 262144, 524288, 786432),
    "EMBEDDING_LR": (0.2, 0.3, 0.4, 0.6, 0.8, 1.0),
    "MATRIX_LR": (0.01, 0.02, 0.03, 0.04, 0.05, 0.06),
    "WEIGHT_DECAY": (0.0, 0.05, 0.1, 0.15, 0.2),
    "WARMUP_RATIO": (0.0, 0.01, 0.02, 0.05),
    "WARMDOWN_RATIO": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "ADAM_BETA2": (0.9, 0.95, 0.98, 0.99),
    "SOFTCAP": (10, 15, 20, 30),
    "WINDOW": (256, 512, 1024, 2048),
    "ROPE_BASE": (10000, 50000, 100000, 200000),
    "INIT_SCALE": (0.6, 0.68, 0.8, 1.0),
}
#: Parts that the script may have beside its settings.
PARTS: dict[str, str] = {
    "value embeddings": "def value_embedding(model, tokens):\n"
    "    gate = model.gate(tokens).sigmoid()\n"
    "    return gate * model.values(tokens)\n",
    "QK norm": "def norm_qk(q, k):\n    return rms_norm(q), rms_norm(k)\n",
    "an EMA of the weights": "def average(model, shadow, decay=0.999):\n"
    "    for own, kept in zip(model.parameters(), shadow):\n"
    "        kept.lerp_(own, 1 - decay)\n",
    "a cosine warmdown": "def warmdown(progress):\n"
    "    if progress < 1 - WARMDOWN_RATIO:\n"
    "        return 1.0\n"
    "    left = (1 - progress) / WARMDOWN_RATIO\n"
    "    return 0.5 - 0.5 * math.cos(math.pi * left)\n",
    "residual scales": "def residual(x, x0, scales):\n    return scales[0] * x + scales[1] * x0\n",
    "gradient clipping": "def clip(model, most=1.0):\n"
    "    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), most)\n"
    "    return norm.item()\n",
    "a smear of the last token": "def smear(x, weight):\n"
    "    return torch.cat([x[:, :1], x[:, 1:] + weight * x[:, :-1]], dim=1)\n",
}
_REASONS = (
    "",
    "",
    ": the loss still falls at the end",
    ": more steps in the same time",
    ": the gradient norm is small",
    ": as in the modded-nanogpt record",
    ": memory is not the limit",
)
#: Descriptions that must do nothing where they are shown.
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=alert(1)> raise MATRIX_LR",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J and a bell: lower WEIGHT_DECAY",
    "\u202egnirts desrever\u202c reads from right to left \u2066and is isolated\u2069",
    '=HYPERLINK("http://example.invalid","x") | `tick` **bold** [link](javascript:alert(1))',
    "a very long description " + "that goes on and on " * 14 + "and ends here",
    "größere Schritte 🚀 für 注意力 und эмбеддинги",
)
_TEMPLATE = """\
\"\"\"Train a small language model for five minutes, then evaluate it.\"\"\"

import math

import torch
from model import Model, Muon, elapsed, rms_norm
from prepare import TIME_BUDGET, evaluate_bpb, make_dataloader

{settings}

torch.manual_seed(42)

{parts}
def build():
    width = DEPTH * ASPECT_RATIO
    heads = width // HEAD_DIM
    return Model(DEPTH, width, heads, window=WINDOW, base=ROPE_BASE, cap=SOFTCAP, init=INIT_SCALE)


def optimizer(model):
    rates = {{"embedding": EMBEDDING_LR, "matrix": MATRIX_LR}}
    return Muon(model, rates, decay=WEIGHT_DECAY, betas=(0.8, ADAM_BETA2))


def rate(progress):
    up = min(1.0, progress / WARMUP_RATIO) if WARMUP_RATIO else 1.0
    return up * min(1.0, (1 - progress) / WARMDOWN_RATIO)


def train(model, loader):
    step, progress = 0, 0.0
    while progress < 1:
        for _ in range(BATCH_TOKENS // 65536):
            loss = model(*next(loader))
            loss.backward()
        optimizer(model).step(rate(progress))
        step, progress = step + 1, elapsed() / TIME_BUDGET
    return model


print(f"val_bpb: {{evaluate_bpb(train(build(), make_dataloader())):.6f}}")
"""


@dataclass(frozen=True)
class Recipe:
    """What train.py consists of: its settings by name, and the names of its `PARTS`."""

    settings: dict[str, float] = field(
        default_factory=lambda: {
            name: values[len(values) // 2] for name, values in SETTINGS.items()
        }
    )
    parts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The content of train.py."""
        settings = "\n\n".join(f"{name} = {value:g}" for name, value in self.settings.items())
        parts = "\n".join(
            f"# {name}\n{PARTS[name] if name in self.parts else ''}" for name in PARTS
        )  # the lines between keep edits apart, so that each can be taken out
        return _TEMPLATE.format(settings=settings, parts=parts)


@dataclass(frozen=True)
class Idea:
    """One try: what the agent says, the script that it makes, and by how much that is better in
    truth, in the metric's unit."""

    says: str
    recipe: Recipe
    gain: float


def draw_idea(random: Random, recipe: Recipe) -> Idea:
    """Draw an idea that changes ``recipe``. A sixth of the ideas help, a third do nothing, and a
    twelfth takes a part of the script away."""
    if recipe.parts and random.random() < 0.12:
        part = random.choice(recipe.parts)
        parts = tuple(one for one in recipe.parts if one != part)
        return Idea(f"drop {part}: simpler", replace(recipe, parts=parts), random.gauss(0, 3e-4))
    lacking = [name for name in PARTS if name not in recipe.parts]
    if lacking and random.random() < 0.18:
        part = random.choice(lacking)
        changed = replace(recipe, parts=(*recipe.parts, part))
        return Idea(f"add {part}{random.choice(_REASONS)}", changed, _draw_gain(random))
    first = Recipe().settings
    fresh = [name for name in SETTINGS if recipe.settings[name] == first[name]]
    name = random.choice(fresh if fresh and random.random() < 0.9 else list(SETTINGS))
    old = recipe.settings[name]
    new = random.choice([value for value in SETTINGS[name] if value != old])
    if random.random() < 0.6:  # most are values of the agent's own, so that few are tried twice
        new = random.uniform(min(old, new), max(old, new))
        is_whole = all(value == int(value) for value in SETTINGS[name])
        new = round(new) if is_whole else float(f"{new:.3g}")
    word = "raise" if new > old else "lower"
    says = f"{word} {name} from {old:g} to {new:g}{random.choice(_REASONS)}"
    return Idea(says, replace(recipe, settings=recipe.settings | {name: new}), _draw_gain(random))


def _draw_gain(random: Random) -> float:
    """Draw by how much an idea is better in truth; negative if it is worse."""
    kind = random.random()
    if kind < 0.17:
        return random.expovariate(1 / 0.0018)
    return 0.0 if kind < 0.5 else -random.expovariate(1 / 0.008)
