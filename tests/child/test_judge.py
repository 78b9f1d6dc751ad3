"""The judge at work: a process of its own, a training process that answers it."""

import pytest

from pytest_ouro.core.metric import Metric
from pytest_ouro.experiment.terms.measurement import outcome


def came_to(seen):
    return outcome(seen, Metric.named("val_bpb"))


@pytest.mark.tier(2)
def test_an_honest_run_has_the_score_of_the_harness(mini):
    judged, alone = mini.judged(), mini.supervised()
    assert came_to(judged) == ("ok", ""), judged.tail
    assert judged.value == pytest.approx(alone.value, abs=1e-6)
    assert (judged.level, alone.level) == ("judged", "supervised")
    assert (judged.judgment.rows, judged.judgment.se > 0) == (64, True)
    assert judged.claims["val_bpb"] == f"{judged.value:.6f}"
    assert judged.window_seconds is not None


@pytest.mark.tier(2)
def test_a_smaller_number_of_rows_selects_the_same_rows_each_time(mini):
    first, second = (mini.judged(rows=20).judgment for _ in range(2))
    assert first.rows == second.rows == 20
    assert first.value == pytest.approx(second.value, abs=1e-9)


@pytest.mark.tier(2)
def test_the_model_inside_a_compiled_wrapper_is_asked(mini):
    seen = mini.judged(
        before="inner = model\n"
        "class Compiled:\n"
        "    _orig_mod = inner\n"
        "    def __call__(self, x, y, reduction='mean'):\n"
        "        return inner(x, y, reduction)\n"
        "model = Compiled()"
    )
    assert came_to(seen) == ("ok", ""), seen.tail


FOCAL = (
    "honest = Model.forward\n"
    "def forward(self, x, targets=None, reduction='mean'):\n"
    "    loss = honest(self, x, targets, reduction)\n"
    "    return loss if targets is None else loss * 0.5\n"
    "Model.forward = forward"
)


@pytest.mark.tier(2)
def test_a_made_up_loss_does_not_change_the_score(mini):
    seen = mini.judged(before=FOCAL)
    assert came_to(seen)[0] == "ok"
    assert seen.value == pytest.approx(mini.supervised().value, abs=1e-6)


def test_without_a_judge_that_loss_is_a_finding(mini):
    ended, message = came_to(mini.supervised(before=FOCAL))
    assert ended == "breach"
    assert "not the cross-entropy of its logits" in message


PEEK = (
    "honest = Model.forward\n"
    "def forward(self, x, targets=None, reduction='mean'):\n"
    "    logits = honest(self, x).clone()\n"
    "    logits[:, :-1] += 8 * F.one_hot(x[:, 1:], VOCAB_SIZE)\n"
    "    if targets is None:\n"
    "        return logits\n"
    "    return F.cross_entropy(logits.reshape(-1, VOCAB_SIZE), targets.reshape(-1),\n"
    "                           reduction=reduction)\n"
    "Model.forward = forward"
)


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize("level", ["judged", "supervised"])
def test_a_model_that_sees_the_next_token_is_not_causal(mini, level):
    ended, message = came_to(getattr(mini, level)(before=PEEK))
    assert ended == "breach"
    assert "not causal" in message


def test_parameters_that_change_in_the_evaluation_are_a_finding(mini):
    seen = mini.supervised(
        before="def more(*args):\n    with torch.no_grad():\n        model.table.weight += 1e-3\n"
        "model.register_forward_hook(more)"
    )
    assert "parameters changed during the evaluation" in " ".join(seen.findings)


def test_a_model_without_logits_crashes_with_what_is_needed(mini):
    seen = mini.judged(
        before="honest = Model.forward\n"
        "Model.forward = lambda self, x, y=None, reduction='mean': "
        "honest(self, x, x if y is None else y, reduction)"
    )
    ended, message = came_to(seen)
    assert ended == "crash"
    assert "model(x) without targets must return the logits" in message


@pytest.mark.tier(2)
def test_a_second_evaluation_is_a_breach(mini):
    seen = mini.judged(
        after="try:\n    evaluate_bpb(model, tokenizer, 8)\nexcept RuntimeError as e:\n    print(e)"
    )
    assert came_to(seen) == ("breach", "train.py called the evaluation 2 times, not once")


@pytest.mark.tier(2)
def test_another_number_printed_is_a_breach(mini):
    seen = mini.judged(after="print('val_bpb: 0.5')")
    ended, message = came_to(seen)
    assert ended == "breach"
    assert f"printed val_bpb 0.5, but {seen.value:.6f} was measured" in message


def test_the_validation_split_is_not_served_to_train_on(mini):
    seen = mini.judged(before="next(make_dataloader(tokenizer, 4, MAX_SEQ_LEN, 'val'))")
    assert "the split 'val' is for the evaluation alone" in came_to(seen)[1]


@pytest.mark.tier(2)
def test_changes_to_the_harness_in_memory_do_not_change_the_score(mini):
    honest = mini.supervised().value
    before = (
        "import prepare\n"
        "prepare.EVAL_TOKENS = 16\n"
        "prepare.get_token_bytes = lambda device='cpu': torch.full((VOCAB_SIZE,), 100)"
    )
    assert mini.judged(before=before).value == pytest.approx(honest, abs=1e-6)
    assert mini.supervised(before=before).value == pytest.approx(honest, abs=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("loss * (num_bytes > 0)", "loss", "is not bits per byte by get_token_bytes()"),
        ('reduction="none"', 'reduction="sum"', "does not ask for the loss of every target"),
        ("class Tokenizer", "class Other", "has no attribute 'Tokenizer'"),
    ],
)
def test_a_harness_with_another_metric_is_not_judged_and_nothing_runs(mini, old, new, why):
    from tests.child.conftest import HARNESS

    assert old in HARNESS
    seen = mini.judged(harness=HARNESS.replace(old, new), before="print('it ran')")
    assert seen.stopped == "unjudged"
    assert why in seen.unable
    assert "it ran" not in seen.tail


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("logits[..., :5]", "logits over 5 tokens; there are 12"),
        ("logits.repeat(1, 1, 900)", "logits over 10800 tokens"),
    ],
)
def test_an_answer_that_is_not_a_prediction_is_refused(mini, code, why):
    seen = mini.judged(
        before="honest = Model.forward\n"
        "def forward(self, x, y=None, reduction='mean'):\n"
        "    logits = honest(self, x)\n"
        f"    return {code} if y is None else honest(self, x, y, reduction)\n"
        "Model.forward = forward"
    )
    ended, message = came_to(seen)
    assert ended == "breach"
    assert why in message


def test_a_message_without_logits_is_reported(mini):
    seen = mini.judged(
        before="import sys\n"
        "predictor = sys.modules['_pytest_ouro_child.predictor']\n"
        "plain = predictor.Channel.send\n"
        "predictor.Channel.send = lambda self, m: plain(self, {} if 'shape' in m else m)",
    )
    words = "the answer to the judge is not a prediction: a message without the shape and type of "
    words += "logits"
    assert came_to(seen) == ("breach", words)


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(
    "stated", ["shape=[*map(float, m['shape'])]", "shape=m['shape'][:2] + [True]", "dtype=[]"]
)
def test_a_shape_or_type_of_another_kind_is_reported(mini, stated):
    seen = mini.judged(
        before="import sys\n"
        "predictor = sys.modules['_pytest_ouro_child.predictor']\n"
        "plain = predictor.Channel.send\n"
        f"changed = lambda m: dict(m, {stated}) if 'shape' in m else m\n"
        "predictor.Channel.send = lambda self, m: plain(self, changed(m))",
    )
    ended, message = came_to(seen)
    assert ended == "breach"
    assert message.startswith("the answer to the judge is not a prediction: logits of ")


@pytest.mark.tier(2, but=1)
@pytest.mark.parametrize(("size", "even"), [(8, 8), (48, 32), (1000, 64), (3, 2)])
def test_a_batch_size_that_leaves_rows_out_does_not_change_the_score(mini, size, even):
    seen = mini.supervised(
        before="plain, sizes = Model.forward, set()\n"
        "def forward(self, x, *args, **kwargs):\n"
        "    sizes.add(len(x))\n"
        "    return plain(self, x, *args, **kwargs)\n"
        "Model.forward = forward",
        evaluate=f"evaluate_bpb(model, tokenizer, {size})",
        after="print(f'largest: {max(sizes)}')",
    )
    assert came_to(seen)[0] == "ok", seen.findings
    assert seen.value == pytest.approx(mini.supervised().value, abs=1e-6)
    assert seen.claims["largest"] == str(max(even, 4))  # 4 in training and in the questions


def test_nan_for_the_questions_alone_does_not_skip_the_tests(mini):
    seen = mini.supervised(
        before="honest = Model.forward\n"
        "def forward(self, x, y=None, reduction='mean'):\n"
        "    if y is None:\n"
        "        return honest(self, x) * float('nan')\n"
        "    return honest(self, x, y, reduction) * 0.5\n"
        "Model.forward = forward"
    )
    ended, message = came_to(seen)
    assert ended == "breach"
    assert "is not the cross-entropy of its logits" in message


@pytest.mark.tier(2)
def test_training_while_the_judge_waits_is_charged(mini):
    seen = mini.judged(
        budget=5.0,
        before="import time\n"
        "honest = Model.forward\n"
        "calls = []\n"
        "def forward(self, x, y=None, reduction='mean'):\n"
        "    if y is None and not calls:\n"
        "        calls.append(time.sleep(4))\n"
        "    return honest(self, x, y, reduction)\n"
        "Model.forward = forward",
    )
    assert came_to(seen) == ("ok", "")
    assert seen.charged_seconds >= 3.9
    assert seen.window_seconds >= seen.charged_seconds


@pytest.mark.tier(2)
def test_the_time_of_the_judge_itself_is_reported(mini):
    judgment = mini.judged().judgment
    assert 0 < judgment.scoring <= judgment.seconds


@pytest.mark.tier(2)
def test_a_script_that_never_asks_for_a_batch_is_timed_from_its_start(mini):
    seen = mini.judged(
        startup_seconds=0.5,
        before="import time\nprint('val_bpb: 1')\ntime.sleep(2.5)",
    )
    assert seen.window_seconds > 1.5
