# ruff: noqa: E501 - lines of other languages
"""Projects in which something is learned, played, controlled or ranked: Lua, R, JavaScript, Python."""

from __future__ import annotations

from ..projects import Project

ANT = Project(
    name="ant bot in lua",
    files={
        "bots/ant.lua": (
            "-- The bot that gathers food. The file to improve.\nlocal M = {}\n\nM.seed = 3\nM.radius = 5\nM.fear = 0.5\nM.memory = 12\n\n"
            "-- A square's worth: food nearby minus the danger.\nfunction M.evaluate(square, world)\n  local worth = 0\n  for _, other in ipairs(world:near(square, M.radius)) do\n"
            "    worth = worth + other.food - M.fear * other.enemies\n  end\n  return worth\nend\n\n"
            "function M.move(world)\n  local best, value\n  for _, square in ipairs(world:moves()) do\n    local worth = M.evaluate(square, world)\n"
            "    if not value or worth > value then best, value = square, worth end\n  end\n  return best\nend\n\nreturn M\n"
        ),
        "arena/run.lua": (
            '-- Plays the games and prints the food per game. Fixed.\nlocal bot = require("bots.ant")\nlocal rival = require("arena.rival")\nlocal world = require("arena.world")\n\nlocal GAMES = 300\nlocal TURNS = 500\n\n'
            "local total = 0\nfor game = 1, GAMES do\n  math.randomseed(bot.seed * 1000 + game)\n  total = total + world.play(bot, rival, TURNS)\nend\n"
            'print(string.format("food_per_game: %.2f", total / GAMES))\n'
        ),
        "arena/rival.lua": (
            "-- The opponent; it stays.\nlocal R = {}\n\nR.greed = 0.8\nR.sight = 7\n\nfunction R.move(world)\n  return world:nearest_food(R.sight) or world:any_move()\nend\n\nreturn R\n"
        ),
        "arena/world.lua": "local W = {}\n\nfunction W.play(bot, rival, turns)\n  return 0\nend\n\nreturn W\n",
        "GOAL.md": (
            "# Ants\n\nRaise `food_per_game`, which `lua arena/run.lua` prints (higher is better). You may change `bots/ant.lua` and no other\n"
            "file; `arena/run.lua`, `arena/rival.lua` and `arena/world.lua` are the rules of the game. Log every version in `results.tsv`.\n"
        ),
    },
    editable=("bots/ant.lua",),
    harness=("arena/run.lua", "arena/rival.lua", "arena/world.lua"),
    metric="food_per_game",
    knobs=(("M.radius", 1), ("M.fear", 0.1), ("M.memory", 4)),
    first=61.40,
    step=4.2,
    higher=True,
    budget=0.0,
)

CREDIT = Project(
    name="credit model in r",
    files={
        "model.R": (
            '# The model. Change this file.\nsource("evaluate.R")\n\nseed <- 11\ndepth <- 4\nshrinkage <- 0.10\ntrees <- 300\nset.seed(seed)\n\n'
            'train <- read.csv("data/train.csv")\nfit <- gbm::gbm(default ~ ., data = train, n.trees = trees,\n                interaction.depth = depth, shrinkage = shrinkage)\n\n'
            'predict_default <- function(rows) predict(fit, rows, n.trees = trees, type = "response")\n\nif (sys.nframe() == 0) report(predict_default)\n'
        ),
        "evaluate.R": (
            "# Scores a model on the validation customers. Fixed: not to be edited.\nMAX_SECONDS <- 90\nsetTimeLimit(elapsed = MAX_SECONDS)\n\n"
            "# The chance that a random defaulter ranks above a random payer; higher is better.\nauc <- function(score, label) {\n  ranks <- rank(score)\n  bad <- sum(label == 1)\n  good <- sum(label == 0)\n"
            "  (sum(ranks[label == 1]) - bad * (bad + 1) / 2) / (bad * good)\n}\n\n"
            'report <- function(predict_rows) {\n  valid <- read.csv("data/valid.csv")\n  cat(sprintf("auc: %.4f\\n", auc(predict_rows(valid), valid$default)))\n}\n'
        ),
        "data/train.csv": "income,age,default\n1200,25,1\n2600,41,0\n1900,33,0\n",
        "data/valid.csv": "income,age,default\n1500,29,1\n3100,52,0\n",
        "DESCRIPTION": "Package: credit\nVersion: 0.1\nImports: gbm\n",
        "README.md": (
            "# Credit\n\nThe agent edits `model.R` and nothing else; `evaluate.R` and `data/` are fixed. `Rscript model.R` prints `auc` (higher is\n"
            "better) within 90 seconds. No packages beyond those in `DESCRIPTION`. All runs go to `results.tsv`.\n"
        ),
    },
    editable=("model.R",),
    harness=("evaluate.R",),
    metric="auc",
    knobs=(("depth", 1), ("shrinkage", 0.01), ("trees", 50)),
    first=0.7312,
    step=0.0092,
    higher=True,
    budget=90.0,
)

GAIT = Project(
    name="walking robot",
    files={
        "gait.py": (
            '"""The gait of the robot. Edit freely."""\n\nimport math\nimport random\n\nfrom sim.rollout import walk\n\nSEED = 8\nFREQUENCY = 1.2\nSTRIDE = 0.30\nLIFT = 0.08\nDAMPING = 0.4\n\nrandom.seed(SEED)\n\n\n'
            "def policy(state, t):\n"
            '    """Targets of the eight joints."""\n'
            "    phase = 2 * math.pi * FREQUENCY * t\n    targets = []\n    for leg in range(4):\n        swing = math.sin(phase + leg * math.pi / 2)\n"
            "        targets.append(STRIDE * swing - DAMPING * state.pitch)\n        targets.append(LIFT * max(0.0, swing))\n    return targets\n\n\n"
            'if __name__ == "__main__":\n    distance = walk(policy)\n    print(f"distance_m: {distance:.3f}")\n'
        ),
        "sim/__init__.py": "",
        "sim/world.py": (
            '"""Ground and robot. Not part of the search."""\n\nFRICTION = 0.6\nSLOPE = 0.05\nMASS = 12.5\nTORQUE_LIMIT = 18.0\n\n\n'
            "def step(state, targets, dt):\n    return state.advance(targets, dt, FRICTION, SLOPE, MASS, TORQUE_LIMIT)\n"
        ),
        "sim/rollout.py": (
            '"""Runs a policy. Not part of the search."""\n\nfrom sim import world\nfrom sim.state import start_state\n\nHORIZON = 20.0\nEPISODES = 16\n\n\n'
            'def walk(policy):\n    """Mean distance in metres after the horizon; higher is better."""\n    total = 0.0\n    for episode in range(EPISODES):\n        state, t = start_state(episode), 0.0\n'
            "        while t < HORIZON and not state.fallen:\n            state = world.step(state, policy(state, t), 0.01)\n            t += 0.01\n        total += state.x\n    return total / EPISODES\n"
        ),
        "sim/state.py": "def start_state(episode):\n    raise NotImplementedError\n",
        "requirements.txt": "mujoco==3.1.6\n",
        "CLAUDE.md": (
            "# Robot\n\nFind a gait that walks farther: `python gait.py` prints `distance_m` (higher is better; negative means that it fell\n"
            "backwards). Edit `gait.py` only. The simulator in `sim/` is frozen. One row per try in `results.tsv`.\n"
        ),
    },
    editable=("gait.py",),
    harness=("sim/rollout.py", "sim/world.py"),
    metric="distance_m",
    knobs=(("FREQUENCY", 0.1), ("STRIDE", 0.02), ("LIFT", 0.01), ("DAMPING", 0.05)),
    first=-0.412,
    step=0.37,
    higher=True,
    budget=20.0,
)

RANK = Project(
    name="search ranking in javascript",
    files={
        "src/ranker.js": (
            '"use strict";\n// The ranking function. Yours.\nconst K1 = 1.2;\nconst B = 0.75;\nconst TITLE_BOOST = 2;\n\n'
            "function idf(df, n) {\n  return Math.log(1 + (n - df + 0.5) / (df + 0.5));\n}\n\n"
            "module.exports.score = function score(query, doc, stats) {\n  let sum = 0;\n  for (const word of query) {\n    const tf = doc.counts[word] || 0;\n"
            "    const norm = K1 * (1 - B + (B * doc.length) / stats.mean);\n    sum += (idf(stats.df[word] || 0, stats.n) * tf * (K1 + 1)) / (tf + norm);\n"
            "    if (doc.title.includes(word)) sum += TITLE_BOOST;\n  }\n  return sum;\n};\n"
        ),
        "eval/ndcg.js": (
            '"use strict";\n// Prints the mean NDCG at 10. Leave as it is.\nconst fs = require("fs");\nconst { score } = require("../src/ranker.js");\nconst { corpus, stats } = require("./corpus.js");\n\nconst CUT = 10;\n\n'
            'const qrels = fs.readFileSync("eval/qrels.tsv", "utf8").trim().split("\\n").map((line) => line.split("\\t"));\n'
            "function gain(list) {\n  return list.slice(0, CUT).reduce((sum, g, i) => sum + (2 ** g - 1) / Math.log2(i + 2), 0);\n}\n"
            "let total = 0;\nfor (const [query, ...grades] of qrels) {\n  const words = query.split(' ');\n  const order = corpus.map((doc, i) => [score(words, doc, stats), Number(grades[i] || 0)]);\n"
            "  order.sort((a, b) => b[0] - a[0]);\n  const ideal = gain(order.map((o) => o[1]).sort((a, b) => b - a)) || 1;\n  total += gain(order.map((o) => o[1])) / ideal;\n}\n"
            "console.log(`ndcg_10: ${(total / qrels.length).toFixed(4)}`);\n"
        ),
        "eval/corpus.js": "module.exports = { corpus: [], stats: { df: {}, n: 0, mean: 1 } };\n",
        "eval/qrels.tsv": "red shoes\t3\t0\t1\nrain coat\t0\t2\t3\n",
        "package.json": '{\n  "name": "ranking",\n  "private": true,\n  "scripts": { "eval": "node eval/ndcg.js" },\n  "dependencies": {}\n}\n',
        "program.md": (
            "# Ranking\n\n`npm run eval` prints `ndcg_10`; higher is better. You edit `src/ranker.js`. Everything in `eval/` is the held-out judgement\n"
            "(`eval/ndcg.js`, `eval/corpus.js`, `eval/qrels.tsv`): do not edit it and do not read it from the ranker. No npm packages.\n"
            "Append a row to `results.tsv` for each experiment.\n"
        ),
    },
    editable=("src/ranker.js",),
    harness=("eval/ndcg.js", "eval/corpus.js", "eval/qrels.tsv"),
    metric="ndcg_10",
    knobs=(("K1", 0.1), ("B", -0.05), ("TITLE_BOOST", 1)),
    first=0.4127,
    step=0.0105,
    higher=True,
    budget=0.0,
)

FUSED = Project(
    name="gpu kernel",
    files={
        "kernels/softmax.py": (
            '"""Row softmax on the GPU. Optimise this file."""\n\nimport triton\nimport triton.language as tl\n\nBLOCK = 1024\nWARPS = 4\nSTAGES = 2\n\n\n'
            "@triton.jit\ndef _kernel(out, x, cols, block: tl.constexpr):\n    row = tl.program_id(0)\n    at = tl.arange(0, block)\n    mask = at < cols\n"
            "    v = tl.load(x + row * cols + at, mask=mask, other=-float('inf'))\n    v = tl.exp(v - tl.max(v, axis=0))\n    tl.store(out + row * cols + at, v / tl.sum(v, axis=0), mask=mask)\n\n\n"
            "def softmax(x, out):\n    rows, cols = x.shape\n    _kernel[(rows,)](out, x, cols, BLOCK, num_warps=WARPS, num_stages=STAGES)\n    return out\n"
        ),
        "bench.py": (
            '"""Checks against the reference and prints the speedup over it. Locked."""\n\nimport torch\n\nfrom kernels.softmax import softmax\n\nSHAPES = ((4096, 781), (8192, 1000), (32768, 257))\nITERATIONS = 200\nTOLERANCE = 1e-5\n\n\n'
            "def milliseconds(function):\n    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)\n    start.record()\n    for _ in range(ITERATIONS):\n        function()\n    end.record()\n"
            "    torch.cuda.synchronize()\n    return start.elapsed_time(end) / ITERATIONS\n\n\n"
            "def speedup():\n"
            '    """Geometric mean over the shapes; higher is better."""\n'
            "    product = 1.0\n    for shape in SHAPES:\n        x = torch.randn(shape, device='cuda')\n        out = torch.empty_like(x)\n"
            "        if not torch.allclose(softmax(x, out), torch.softmax(x, 1), atol=TOLERANCE):\n            raise SystemExit('wrong result')\n"
            "        product *= milliseconds(lambda: torch.softmax(x, 1)) / milliseconds(lambda: softmax(x, out))\n    return product ** (1 / len(SHAPES))\n\n\n"
            'if __name__ == "__main__":\n    print(f"speedup: {speedup():.3f}")\n'
        ),
        "requirements.txt": "torch==2.5.1\ntriton==3.1.0\n",
        "program.md": (
            "# Softmax\n\nOptimise `kernels/softmax.py`. `python bench.py` checks it and prints `speedup` over the reference (higher is better).\n"
            "`bench.py` is locked. No new packages. Two runs of the same kernel differ by up to 0.02. Log each run in `results.tsv`.\n"
        ),
    },
    editable=("kernels/softmax.py",),
    harness=("bench.py",),
    metric="speedup",
    knobs=(("WARPS", 1), ("STAGES", 1), ("BLOCK", 256)),
    first=0.912,
    step=0.11,
    higher=True,
    budget=0.0,
)
