"""Which lines the guard lets PowerShell run: it refuses to write frozen files, by cmdlets, aliases,
redirections and methods, and lets honest work pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ouro import guard
from pytest_ouro.guard import powershell
from pytest_ouro.guard.commands import started
from pytest_ouro.guard.effects import Action, Write

PASS = [
    # reading
    "Get-Content prepare.py", "Get-Content prepare.py | Select-String foo",
    "gc prepare.py > out.txt", "Get-Content prepare.py 2>&1 | Measure-Object -Line",
    "Select-String -Path *.py -Pattern x", "[System.IO.File]::ReadAllText('prepare.py')",
    "[IO.Path]::Combine('.', 'prepare.py')", "$text = Get-Content prepare.py -Raw; $text.Length",
    "# rm prepare.py", "<# rm prepare.py #> Get-ChildItem", "Write-Output 'rm prepare.py'",
    "Test-Path ./prepare.py", "if ($c -match 'x') { Get-Content prepare.py }",
    "Get-ChildItem . | % { $_.FullName }", "(Get-Content prepare.py).Replace('a', 'b')",
    "git diff prepare.py > $null", "Compare-Object (gc prepare.py) (gc train.py)",
    "Get-Content prepare.py | Set-Content out.txt", "Remove-Item prepare.py -WhatIf",
    "Copy-Item prepare.py /tmp/prepare.py", "iwr https://x/prepare.py",
    # the loop
    "python train.py > run.log 2>&1", "uv run train.py *> run.log",
    "python train.py | Tee-Object run.log", "Start-Process python -ArgumentList 'train.py' -Wait",
    "git commit -am 'raise the rate'", "git reset --hard HEAD~1",
    "pytest --ouro-experiment -q 2>&1 | Select-Object -Last 1",
    # writing what may be written
    "Set-Content train.py 'import prepare'", "Set-Content -Path ./train.py -Value 'prepare.py'",
    "@'\nrm prepare.py\n> prepare.py\n'@ | Set-Content train.py", "'x' >> results.tsv",
    "$f = 'train.py'; (gc $f) -replace 'a','b' | Set-Content $f", "Add-Content run.log x",
    "New-Item -ItemType Directory -Path out", "Remove-Item run.log, out.txt -ErrorAction Ignore",
    "cd /tmp; Remove-Item prepare.py", "Copy-Item /tmp/train.py train.py -Force",
    "$c = Get-Content train.py; $c[3] = 'x'; $c | Set-Content train.py", "pip install -e .",
    "Set-Content $f x", "pwsh -File tool.ps1", "Get-Content prepare.py , ) prepare.py",
    "Get-Content train.py,\n  prepare.py",
]  # fmt: skip

REFUSE = [
    # cmdlets, by position and by each parameter
    "Set-Content prepare.py 'x'", "Set-Content -Path prepare.py -Value x",
    "set-content prepare.py x", "Set-Content -LiteralPath prepare.py -Value x",
    "Set-Content -Value x -Path:prepare.py", "Set-Content -Value x prepare.py",
    "Set-Content -Pa prepare.py x", "Set-Content a, prepare.py x",
    "Set-Content a,\nprepare.py x", "Get-Content a, ; Set-Content prepare.py x",
    "Set-Content `\n  -Path prepare.py `\n  -Value x", "Set-Content -Path @('prepare.py') x",
    "Add-Content ./prepare.py x", "'x' | Out-File prepare.py",
    "'x' | Out-File -FilePath .\\prepare.py", "ls | Tee-Object -FilePath prepare.py",
    "Clear-Content prepare.py", "New-Item prepare.py -Force", "New-Item -Path . -Name prepare.py",
    "$null = ni prepare.py -Force", "Remove-Item prepare.py",
    "Remove-Item -Recurse -Force prepare.py", "Remove-Item pre*.py",
    "Get-Item prepare.py | Remove-Item", "Move-Item prepare.py old.py",
    "Move-Item -Path train.py -Destination prepare.py", "Copy-Item train.py prepare.py",
    "Copy-Item /tmp/x.py -Destination prepare.py -Force",
    "Copy-Item -Path /tmp/prepare.py -Destination .", "Rename-Item prepare.py old.py",
    "Rename-Item -Path train.py -NewName prepare.py", "Export-Csv -Path prepare.py",
    "Invoke-WebRequest https://x -OutFile prepare.py",
    "Set-ItemProperty prepare.py IsReadOnly $false",
    "Microsoft.PowerShell.Management\\Set-Content prepare.py x", "& 'Set-Content' prepare.py x",
    # aliases
    "sc prepare.py x", "ac prepare.py x", "clc prepare.py", "ni prepare.py", "ri prepare.py",
    "rm prepare.py", "del prepare.py", "erase prepare.py", "rd prepare.py", "mv prepare.py x.py",
    "mi prepare.py x.py", "move x.py prepare.py", "cp x.py prepare.py", "cpi x.py prepare.py",
    "copy x.py prepare.py", "ren prepare.py x.py", "rni prepare.py x.py", "rm -rf prepare.py",
    # redirections
    "'x' > prepare.py", "'x' >> prepare.py", "ls *> prepare.py", "ls 2> ./prepare.py",
    "ls>prepare.py", "'x' > \"$PWD/prepare.py\"", "if (1) { 'x' > prepare.py }",
    "'x' > $(Get-Location)/prepare.py",
    # variables and names that only a run shows
    "$f = 'prepare.py'; Set-Content $f x", "[string]$f = \"prepare.py\"\nSet-Content $f x",
    "Set-Content (Join-Path . prepare.py) x", "Set-Content (Resolve-Path 'prepare.py') x",
    "Set-Content \"$dir/prepare.py\" x", "foreach ($f in 'a', 'prepare.py') { Set-Content $f x }",
    "Get-ChildItem prepare.py | ForEach-Object { Set-Content $_.FullName x }",
    "'x' > $(gi prepare.py)", "Get-ChildItem pre*.py | Remove-Item", "& $command prepare.py",
    "$f = gi prepare.py; 'x' > $f",
    # methods
    "[IO.File]::WriteAllText('prepare.py', 'x')", "[System.IO.File]::Delete(\"$PWD/prepare.py\")",
    "(Get-Item prepare.py).Delete()", "$i = gi prepare.py; $i.MoveTo('x.py')",
    "[IO.StreamWriter]::new('prepare.py').Write('x')", "New-Object IO.StreamWriter 'prepare.py'",
    # texts that are run
    "iex 'Set-Content prepare.py x'", "Invoke-Expression \"rm prepare.py\"", "iex $c; 'prepare.py'",
    "pwsh -Command \"Set-Content prepare.py x\"", "pwsh -NoProfile -c 'ri prepare.py'",
    "cmd /c 'del prepare.py'", "bash -c 'rm prepare.py'", "[scriptblock]::Create('rm prepare.py')",
    "Start-Process pwsh -ArgumentList '-c rm prepare.py'",
    # programs, as in another shell
    "sed -i s/a/b/ prepare.py", "git commit --no-verify -m x", "pip install six",
    "git add results.tsv", "python -m pip install six", "pytest-ouro bless",
    "cd tests/..; Set-Content prepare.py x",
]  # fmt: skip


@pytest.fixture
def line(refused):
    """``line(text)``: why PowerShell may not run it; "" if it may."""
    return lambda text: refused("PowerShell", command=text)


@pytest.mark.parametrize("text", PASS)
def test_what_changes_no_frozen_file_passes(standing, line, text):
    assert line(text) == ""


@pytest.mark.parametrize("text", REFUSE)
def test_what_changes_a_frozen_file_is_refused(standing, line, text):
    assert "Do not retry it" in line(text)


@pytest.mark.parametrize(
    "command",
    ["pwsh -c 'Set-Content prepare.py x'", "powershell.exe -Command \"ri prepare.py\"",
     "pwsh -NoProfile -Command 'Set-Content -Path prepare.py -Value x'"],
)  # fmt: skip
def test_a_text_that_another_shell_gives_to_powershell_is_judged(standing, shell, command):
    assert "prepare.py is frozen" in shell(command)
    assert shell(command.replace("prepare.py", "train.py")) == ""


@pytest.mark.parametrize("option", ["-EncodedCommand", "-enc", "-ec", "-e"])
def test_a_text_that_is_encoded_cannot_be_judged(standing, line, option):
    with pytest.raises(guard.Unreadable, match="encoded"):
        line(f"pwsh {option} UgBlAG0A")


def test_texts_nested_too_deeply_cannot_be_judged():
    with pytest.raises(guard.Unreadable, match="nested too deeply"):
        list(powershell.effects("pwsh -c " * 20 + "ls", "/", started))


WORDS = st.sampled_from(
    ["prepare.py", "Set-Content", "rm", "-Path", "-Path:", ">", ">>", "2>&1", "@'", "'@", '"', "'",
     "$", "$f", "=", "+=", "[", "]", "::", ".Delete", "(", ")", "{", "}", "|", "||", "&", ",", ";",
     "`", "\n", "<#", "#>", "#", "iex", "pwsh", "-c", "${", "$(", "@(", "@{", "~", "é", "\0"]
)  # fmt: skip


@given(text=st.lists(WORDS, max_size=15).map(" ".join) | st.lists(WORDS, max_size=15).map("".join))
def test_every_text_is_read_to_its_end(text):
    try:
        found = list(powershell.effects(text, "/nowhere", started))
    except guard.Unreadable:
        return
    assert all(isinstance(effect, Write | Action) for effect in found)
