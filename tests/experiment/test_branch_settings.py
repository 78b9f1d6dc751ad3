"""Only settings of branches that can start no program may change during a run."""

import pytest

from pytest_ouro.experiment.records.branch_settings import only_branches_differ

BEFORE = '[core]\n\tbare = false\n[remote "my.fork"]\n\turl = ../fork\n\tfetch = +refs/heads/*\n'
UPSTREAM = '[branch "main"]\n\tremote = my.fork\n\tmerge = refs/heads/main\n'


def differ(before, after, folder):
    return only_branches_differ(before.encode(), after.encode(), folder=folder)


def test_settings_of_branches_may_be_set_and_unset(tmp_path):
    more = UPSTREAM + '\trebase = merges\n[branch "idea.2/x"]\n\tremote = .\n'
    assert differ(BEFORE, BEFORE + more, tmp_path)
    assert differ(BEFORE + more, BEFORE, tmp_path)
    assert differ(BEFORE + UPSTREAM, UPSTREAM.replace("main", "trunk") + BEFORE, tmp_path)
    url = '[branch "main"]\n\tremote = https://example.org/x\n'
    assert differ(BEFORE + url, BEFORE + url + more, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        '[branch "main"]\n\tremote = ext::sh\n',
        '[branch "main"]\n\tremote = other\n',
        '[branch "main"]\n\tremote\n',
        '[branch "main"]\n\tmergeOptions = --strategy=x\n',
        '[branch "main"]\n\trebase = interactive\n',
        '[branch "main"]\n\tmerge = "refs/heads/main\\nx"\n',
        "[branch]\n\tautoSetupMerge = always\n",
        '[remote "my.fork"]\n\tfetch = +refs/heads/*:refs/heads/*\n',
        UPSTREAM + "[core]\n\tfsmonitor = x\n",
        UPSTREAM + "[include]\n\tpath = x\n",
        UPSTREAM + "[core",
    ],
)
def test_other_settings_may_not(tmp_path, text):
    assert not differ(BEFORE, BEFORE + text, tmp_path)


def test_a_new_section_hides_no_setting_that_it_took_over(tmp_path):
    first, last = BEFORE.split("\tbare", 1)
    assert not differ(BEFORE, f'{first}[branch "main"]\n\tbare{last}', tmp_path)
