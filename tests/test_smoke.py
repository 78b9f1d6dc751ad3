def test_lawful_gate(project):
    done = project.ouro("gate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_experiment(project):
    done = project.pytest("--ouro-experiment")
    assert "ouro: keep val_bpb=2.000000 level=supervised" in done.stdout, done.stdout + done.stderr
