# ruff: noqa: E501 - lines of other languages
"""Projects of two kinds of research: pictures by diffusion, and heuristics for packing."""

from __future__ import annotations

from ..projects import Project

DIFFUSION = Project(
    name="diffusion",
    files={
        "train.py": (
            '"""Trains the denoiser. Edit me, and `unet.py`."""\n\nimport time\n\nimport torch\n\nfrom common import WALL_SECONDS, fid, pictures\nfrom unet import Denoiser\n\n'
            "SEED = 21\nRATE = 0.0004\nSIGMA_MAX = 80.0\nEMA = 0.995\nBATCH = 64\n\ntorch.manual_seed(SEED)\n\n\n"
            "def loss_of(net, x):\n    sigma = torch.rand(len(x), 1, 1, 1) * SIGMA_MAX\n    noise = torch.randn_like(x) * sigma\n    return ((net(x + noise, sigma) - x) ** 2).mean()\n\n\n"
            "def main():\n    net = Denoiser()\n    shadow = {name: p.clone() for name, p in net.state_dict().items()}\n    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)\n"
            '    source = pictures("train", BATCH)\n    start = time.monotonic()\n    while time.monotonic() - start < WALL_SECONDS:\n        loss = loss_of(net, next(source))\n        optimizer.zero_grad()\n'
            "        loss.backward()\n        optimizer.step()\n        for name, p in net.state_dict().items():\n            shadow[name].lerp_(p, 1 - EMA)\n    net.load_state_dict(shadow)\n"
            '    print(f"fid: {fid(net):.3f}")\n\n\nif __name__ == "__main__":\n    main()\n'
        ),
        "unet.py": (
            '"""The network."""\n\nimport torch\n\nCHANNELS = 64\nDEPTH = 3\n\n\nclass Denoiser(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n'
            "        sizes = [3] + [CHANNELS] * DEPTH\n        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, sizes[1:]))\n        self.out = torch.nn.Conv2d(CHANNELS, 3, 3, padding=1)\n\n"
            "    def forward(self, x, sigma):\n        h = x / (1 + sigma)\n        for layer in self.layers:\n            h = torch.nn.functional.silu(layer(h))\n        return self.out(h)\n"
        ),
        "common.py": (
            '"""Data, time and the score. Hands off."""\n\nimport torch\n\nWALL_SECONDS = 600\nSAMPLES = 10_000\nSAMPLER_STEPS = 18\n\n\n'
            "def pictures(split, batch):\n"
            '    """Random batches of a split (`train` or `test`), without an end."""\n'
            '    data = torch.load(f"data/{split}.pt")\n    while True:\n        yield data[torch.randint(len(data), (batch,))]\n\n\n'
            "@torch.no_grad()\ndef fid(net):\n"
            '    """Distance between made-up pictures and those of the test split; lower is better."""\n'
            "    net.eval()\n    made_up = sample(net, SAMPLES, SAMPLER_STEPS)\n"
            '    real = next(pictures("test", SAMPLES))\n    return float((made_up.mean(0) - real.mean(0)).square().sum() + (made_up.std(0) - real.std(0)).square().sum())\n\n\n'
            "def sample(net, count, steps):\n    x = torch.randn(count, 3, 32, 32) * 80\n    for sigma in torch.linspace(80, 0.01, steps):\n        x = x + (net(x, sigma) - x) / steps\n    return x\n"
        ),
        "pyproject.toml": '[project]\nname = "smalldiff"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["torch==2.5.1"]\n',
        "program.md": (
            "# Small diffusion\n\nLower the `fid` that `python train.py` prints after ten minutes. You own `train.py` and `unet.py`. `common.py` must not\n"
            "be changed, and nothing may be installed. After each run append a line to `results.tsv` and keep only what lowers `fid`.\n"
        ),
        ".gitignore": "data/\n__pycache__/\n",
    },
    editable=("train.py", "unet.py"),
    harness=("common.py",),
    metric="fid",
    knobs=(("RATE", 0.0001), ("SIGMA_MAX", 5.0), ("EMA", 0.001), ("BATCH", 16)),
    first=38.214,
    step=1.62,
    budget=600.0,
)

PACKING = Project(
    name="packing",
    files={
        "priority.py": (
            '"""Chooses a bin for the next item: the function to evolve."""\n\nFULLNESS = 1.0\nTIGHTNESS = 0.5\nLOOKBACK = 4\n\n\n'
            "def priority(item, rooms):\n"
            '    """A number for each bin that has room; the item goes to the highest."""\n'
            "    numbers = []\n    for room in rooms:\n        left = room - item\n        numbers.append(FULLNESS / (1 + left) - TIGHTNESS * (0 < left < LOOKBACK))\n    return numbers\n"
        ),
        "pack.py": (
            '"""Packs all instances and prints the excess over the lower bound. Do not touch."""\n\nimport json\nimport math\nimport pathlib\n\nfrom priority import priority\n\nCAPACITY = 100\n\n\n'
            "def bins(items):\n    rooms = []\n    for item in items:\n        fitting = [room for room in rooms if room >= item]\n        if not fitting:\n            rooms.append(CAPACITY - item)\n            continue\n"
            "        numbers = priority(item, fitting)\n        room = fitting[numbers.index(max(numbers))]\n        rooms[rooms.index(room)] -= item\n    return len(rooms)\n\n\n"
            'if __name__ == "__main__":\n    used = bound = 0\n    for path in sorted(pathlib.Path("instances").glob("*.json")):\n        items = json.loads(path.read_text())\n        used += bins(items)\n        bound += math.ceil(sum(items) / CAPACITY)\n'
            '    print(f"excess_pct: {100 * (used - bound) / bound:.2f}")\n'
        ),
        "instances/a.json": "[42, 63, 12, 58, 37, 88, 12]\n",
        "instances/b.json": "[50, 50, 25, 25, 75, 75]\n",
        "TASK.md": (
            "# Bins\n\nEvolve `priority.py`. `python pack.py` prints `excess_pct`, the bins beyond the lower bound in percent: lower is better, and 0\n"
            "is optimal. `pack.py` and `instances/` are fixed. Each version is a line of `results.tsv`.\n"
        ),
    },
    editable=("priority.py",),
    harness=("pack.py",),
    metric="excess_pct",
    knobs=(("FULLNESS", 0.25), ("TIGHTNESS", 0.1), ("LOOKBACK", 1)),
    first=5.81,
    step=0.52,
    budget=0.0,
)
