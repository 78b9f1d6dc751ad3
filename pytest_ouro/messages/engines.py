"""Errors of batches: their candidates, their workers and what travels between them."""

from __future__ import annotations

from pytest_ouro.core.errors import ExperimentError, OuroError
from pytest_ouro.core.escape import quoted

_EXAMPLE = "pytest --ouro-experiment --ouro-candidates"


def no_such_candidate(word: str, fetch: str) -> ExperimentError:
    """``--ouro-candidates`` names ``word``, which is not a commit of the repository. ``fetch`` is
    the command that gets it if another clone tried it, and both share their records; else ""."""
    if fetch:
        return ExperimentError(
            f"--ouro-candidates {word}: another clone tried this commit, and this one lacks it",
            help=f"fetch it first: {fetch}",
        )
    return ExperimentError(
        f"--ouro-candidates {word}: there is no such commit",
        help="name a commit, a branch or a range (git log --oneline --all); fetch one of another "
        "clone first (git fetch); a path comes before the option",
    )


def empty_range(word: str) -> ExperimentError:
    """``--ouro-candidates`` names a range in which there is no commit, or only merges."""
    return ExperimentError(
        f"--ouro-candidates {word}: the range has no commit that could be tried",
        help=f"name the older end first: git log --oneline {word}",
    )


def symmetric_range(word: str) -> ExperimentError:
    """``--ouro-candidates`` names a range with three dots, which has the commits of both sides."""
    return ExperimentError(
        f"--ouro-candidates {word}: three dots would try the commits of both sides",
        help=f"write two: {_EXAMPLE} {word.replace('...', '..', 1)}",
    )


def no_candidates() -> ExperimentError:
    """All words of ``--ouro-candidates`` are empty, or the lines of its file are."""
    return ExperimentError(
        "--ouro-candidates names no commit",
        help=f"name at least one: {_EXAMPLE} HEAD~2..HEAD",
    )


def too_many_candidates(count: int, most: int) -> ExperimentError:
    """``--ouro-candidates`` names more commits than a batch may have."""
    return ExperimentError(
        f"--ouro-candidates names {count} commits, and a batch has at most {most}",
        help="name fewer, such as the last hundred of a branch: BRANCH~100..BRANCH",
    )


def only_with_experiment() -> OuroError:
    """``--ouro-candidates`` is given without ``--ouro-experiment``."""
    return OuroError(
        "--ouro-candidates is used with --ouro-experiment only",
        help=f"{_EXAMPLE} HEAD~2..HEAD",
    )


def nothing_for_engine() -> OuroError:
    """``--ouro-engine`` is given without an option that asks for several runs that an engine can
    make."""
    return OuroError(
        "--ouro-engine is used with --ouro-candidates, --ouro-repeat, --ouro-certify or "
        "--ouro-confirm only",
        help=f"{_EXAMPLE} HEAD~2..HEAD --ouro-engine local",
    )


def unknown_engine(word: str) -> OuroError:
    """``--ouro-engine`` names no engine."""
    return OuroError(
        f"--ouro-engine must be local, local=N, ray or ray=ADDRESS, not '{word}'",
        help=f"{_EXAMPLE} HEAD~2..HEAD --ouro-engine local",
    )


def shallow_clone() -> ExperimentError:
    """Candidates are to be sent to workers from a clone whose history is cut off."""
    return ExperimentError(
        "this clone is shallow: a candidate cannot be sent with its history",
        help="fetch the rest of it: git fetch --unshallow",
    )


def damaged_bundle(name: str, reason: str) -> ExperimentError:
    """A worker got a candidate, or the history that candidates have in common, that is not what was
    sent; ``name`` says which."""
    return ExperimentError(
        f"the bundle of {name} did not arrive as it was sent: {reason}",
        help="start it again; if that does not help, look at the memory and the disk of the worker",
    )


def other_version(here: str, there: str) -> ExperimentError:
    """A worker has another version of pytest-ouro (``there``) than the process that records."""
    return ExperimentError(
        f"the worker has pytest-ouro {there}, and this process {here}",
        help="install the same version on both",
    )


def registered_check(rule: str, check: str) -> ExperimentError:
    """A ``rule`` of the bound uses a ``check`` that a conftest.py or a plugin of pytest gives to
    this session by the hook ``pytest_ouro_checks``: workers run no pytest."""
    return ExperimentError(
        f"{rule} uses the check '{check}', which this session alone knows: a worker lacks it",
        help="install the check as a package (docs/own-check.md), or measure one commit after the "
        "other",
    )


def worker_not_started(reason: str) -> ExperimentError:
    """The process of a worker cannot be started."""
    return ExperimentError(
        f"a worker cannot be started: {reason}",
        help="see whether `python -m pytest_ouro --version` works there, and the disk has room",
    )


def other_conditions(what: str, here: str, there: str) -> ExperimentError:
    """A worker would measure something else than was asked for: its ``what`` is ``there``, where
    that of the batch is ``here``."""
    return ExperimentError(
        f"the worker has another {what} ({there or 'none'}) than the batch ({here or 'none'})",
        help="give every worker the same data and the same version of pytest-ouro",
    )


def uncommitted_data(name: str) -> ExperimentError:
    """The data of the bound has the file ``name`` at a path relative to bound.toml, and it is not
    committed as it is here: workers get what is committed."""
    return ExperimentError(
        f"the data {name} is not committed as it is here, so that no worker gets it",
        help="commit it, or name it in bound.toml by an absolute path or one that begins with ~",
    )


def no_committed_data(pattern: str) -> ExperimentError:
    """A glob of the data of the bound is relative to bound.toml, and matches no file here: workers
    get what is committed, and the bound states no way to make the data."""
    return ExperimentError(
        f"the data {pattern} is missing, so that no worker gets it",
        help="commit it, or name it in bound.toml by an absolute path or one that begins with ~",
    )


def other_model(here: str, there: str) -> ExperimentError:
    """A run would start on another model of device, ``there``, than those that are compared with
    it."""
    return ExperimentError(
        f"its device is {there}, and that of the runs that it is compared with is {here}",
        help="leave cards of one model visible: CUDA_VISIBLE_DEVICES=0,1",
    )


def no_base(commit: str, reason: str) -> ExperimentError:
    """The commit that candidates of a batch are based on must be measured first, and that gave no
    value."""
    return ExperimentError(
        f"its base {commit:.7} gave no value: {reason}",
        help="fix the base first: pytest --ouro-experiment",
    )


def night_over(why: str) -> ExperimentError:
    """A candidate waits while a condition of ``[night]`` is reached; ``why`` says which."""
    return ExperimentError(
        why, help="look at what came of the night: pytest-ouro brief; a new batch measures it"
    )


def relayed(text: str, help: str) -> ExperimentError:
    """A worker or a cluster states that it cannot measure, or must not, with the ``text`` and the
    ``help`` of an error that was met elsewhere."""
    return ExperimentError(text, help=help or "correct that, and measure the candidate again")


def not_recorded(reason: str) -> ExperimentError:
    """A candidate cannot be measured or recorded: a file or a disk is at fault, or what its worker
    sent is not a record."""
    return ExperimentError(
        f"it cannot be measured or recorded: {reason}",
        help="look whether the disk of the repository is full, and measure the candidate again",
    )


def worker_failed(reason: str) -> ExperimentError:
    """A worker or a node failed, for a ``reason`` that no other function reports."""
    return ExperimentError(
        f"the worker failed: {reason}",
        help="start it again; if it happens again, report it with this line",
    )


def ray_missing() -> ExperimentError:
    """``--ouro-engine ray`` is given, and Ray is not installed."""
    return ExperimentError(
        "--ouro-engine ray needs Ray, which is not installed here",
        help="pip install 'pytest-ouro[ray]'",
    )


def no_address(word: str) -> ExperimentError:
    """The address after ``--ouro-engine ray=``, or in RAY_ADDRESS, has another form than Ray's
    own."""
    return ExperimentError(
        f"'{word}' is not the address of a Ray cluster",
        help="write ray=HOST:6379, or ray=auto for the cluster of this machine, or ray=local for a "
        "new one",
    )


def dead_address(address: str, reason: str) -> ExperimentError:
    """The Ray cluster at an address cannot be reached, or does not answer."""
    return ExperimentError(
        f"the Ray cluster at {address} cannot be reached: {reason}",
        help="see whether it runs, on its head node: ray status",
    )


def not_on_a_node(address: str) -> ExperimentError:
    """This machine is not a node of the cluster at an address: Ray accepts programs on its nodes
    alone."""
    return ExperimentError(
        f"the Ray cluster at {address} lets in its nodes alone, and this machine is not one",
        help="let it join without sharing anything: "
        f"ray start --address {address} --num-cpus 0 --num-gpus 0",
    )


def no_cluster_here() -> ExperimentError:
    """``--ouro-engine ray=auto`` is given on a machine that belongs to no Ray cluster."""
    return ExperimentError(
        "this machine belongs to no Ray cluster that runs",
        help="start one: ray start --head; or write ray=local for one that ends with the batch",
    )


def other_ray(
    address: str, ray_there: str, python_there: str, ray_here: str, python_here: str
) -> ExperimentError:
    """The cluster at an address has another version of Ray or of Python than this process."""
    return ExperimentError(
        f"the Ray cluster at {address} has Ray {ray_there} on Python {python_there}, and this "
        f"process Ray {ray_here} on Python {python_here}",
        help="install the same versions on all nodes and here",
    )


def cluster_failed(reason: str) -> ExperimentError:
    """The driver of the Ray cluster met an error that nobody foresaw, or has ended."""
    return ExperimentError(
        f"the connection to the Ray cluster failed: {reason}",
        help="see whether its head node runs: ray status",
    )


def no_node_left(reason: str) -> ExperimentError:
    """All places of the cluster are gone while candidates are not measured yet."""
    return ExperimentError(
        f"the cluster has no place left: {reason}",
        help="start nodes, and name the candidates again: what has a verdict is not run again",
    )


def on_node(name: str, reason: str, help: str) -> ExperimentError:
    """A node of the cluster cannot be used, for the ``reason`` and with the ``help`` of another
    error."""
    return ExperimentError(f"node {name} is not used: {reason}", help=help or "correct that there")


def node_lacks_data(name: str, pattern: str) -> ExperimentError:
    """A node lacks data of the bound, which states no way to make it there."""
    return ExperimentError(
        f"node {name} is not used: it lacks the data {pattern}",
        help="copy the data there, or let the bound make it: prepare in [experiment]",
    )


def other_data(name: str, here: str, there: str) -> ExperimentError:
    """A node has data with the digest ``there``, where that of the batch is ``here``."""
    return ExperimentError(
        f"node {name} is not used: its data has the sha256 {there:.12}, and that of the batch "
        f"{here:.12}",
        help="copy the data of the batch there, or remove it where `prepare` makes it again",
    )


def node_not_asked(name: str, reason: str) -> ExperimentError:
    """A node of the cluster could not say what it has, as when pytest-ouro is not installed
    there."""
    return ExperimentError(
        f"node {name} is not used: {reason}",
        help="install on every node what is installed here: pip install 'pytest-ouro[ray]'",
    )


def nodes_silent(count: int, seconds: str) -> ExperimentError:
    """No node of the cluster can be used, and ``count`` of them did not say in time what they
    have."""
    return ExperimentError(
        f"no node of the cluster answered within {seconds} s, of {count}",
        help="see what they do: ray status; a node whose cores are all busy answers late",
    )


def other_device(name: str, there: str, here: str) -> ExperimentError:
    """A node has another model of device than the batch is measured on."""
    return ExperimentError(
        f"node {name} is not used: its device is {there}, and that of the batch {here}",
        help="runs on two models are not compared; measure a batch of its own there",
    )


def too_few_for_places(name: str, kind: str, slots: int) -> ExperimentError:
    """A node has no place for a batch on ``kind``: its cards are of several models or not seen, or
    Ray shares out fewer CPUs there than the bound has slots."""
    if kind == "cuda":
        return ExperimentError(
            f"node {name} is not used: its cards are of several models, or none is seen",
            help="see what `nvidia-smi -L` lists there; start Ray with one model of card",
        )
    return ExperimentError(
        f"node {name} is not used: Ray shares out fewer than {slots} CPUs there, one for each slot",
        help="start Ray there with more: ray start --num-cpus N",
    )


def no_places(kind: str) -> ExperimentError:
    """No node of the cluster has what a batch on ``kind`` needs."""
    what = "cards" if kind == "cuda" else "CPUs"
    return ExperimentError(
        f"no node of the cluster shares out {what}",
        help="start Ray on a node that has some: ray start --address HOST:6379",
    )


def clock_skew(name: str, seconds: str, where: str) -> ExperimentError:
    """The clock of a node is so many ``seconds`` "ahead of" or "behind" the one of this machine
    (``where``). Records have the times of this machine, so that the node is used."""
    return ExperimentError(
        f"the clock of node {name} is {seconds} s {where} the one here",
        help="records have the times of this machine; set the clock of the node (NTP)",
    )


def no_place_for_bundle(kilobytes: str, folder: str, reason: str) -> ExperimentError:
    """A worker cannot store a bundle of so many ``kilobytes``, or what is in it, in a folder."""
    return ExperimentError(
        f"the worker cannot store a bundle of {kilobytes} kB in {folder}: {reason}",
        help=f"see whether its disk is full: df -h {quoted(folder)}",
    )
