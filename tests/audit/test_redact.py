"""What a report hides: homes, hosts, addresses and secrets; and what it must not hide."""

import pytest

from pytest_ouro.report.redact import redact, redact_start, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/anna/x.py", "~/x.py"),
        ("'/Users/bob/x'", "'~/x'"),
        ("/gpfs/work/home/anna/x", "~/x"),
        ("C:\\Users\\anna\\x", "~\\x"),
        ("/" + "root/run.log", "~/run.log"),
        ("HF_TOKEN=hf_abcdefghijklmnopqrstuv", "HF_TOKEN=<secret>"),
        ("ghp_0123456789abcdefghij", "<secret>"),
        ("AKIAIOSFODNN7EXAMPLE", "<secret>"),
        ("password: hunter22", "password: <secret>"),
        ('"WANDB_API_KEY": "0123456789abcdef"', '"WANDB_API_KEY": "<secret>"'),
        ("Authorization: Bearer abc1def2ghi3jkl4mno5", "Authorization: Bearer <secret>"),
        ("-----BEGIN RSA PRIVATE KEY-----\nab\n-----END RSA PRIVATE KEY----- z", "<secret> z"),
        ("-----BEGIN PRIVATE KEY-----\nab", "<secret>"),
        ("https://u:p@x.org/a", "https://<secret>@x.org/a"),
        ("git@git.example.org:o/r", "<address>:o/r"),
        ("by anna@example.org", "by <address>"),
        ("ip-10-0-3-4.ec2.internal", "<host>"),
        ("gpu-03.cluster.local:8080", "<host>:8080"),
        ("hostname: node17", "hostname: <host>"),
        ("10.1.2.3:8080", "<host>:8080"),
        ("fe80::1ff:fe23", "<host>"),
        ("2001:db8::1", "<host>"),
        ("MASTER_ADDR=node-3.cluster", "MASTER_ADDR=<host>"),
        ("SLURMD_NODENAME=gpu17", "SLURMD_NODENAME=<host>"),
        ("file:///home/anna/x", "file://~/x"),
        ("sk_live_51H8abcdefghijklmnop", "<secret>"),
        ("gsk_abcdefghijklmnop01234567", "<secret>"),
        ("SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvw", "<secret>"),
        ("r8_abcdefghijklmnopqrstuvwxyz0123456789", "<secret>"),
        ("TOKEN=abcd1234efgh5678", "TOKEN=<secret>"),
        ("Authorization: token abc123def456ghi789", "Authorization: token <secret>"),
        ("X-Api-Key: 12345678-90ab-cdef", "X-Api-Key: <secret>"),
        ("password=123456", "password=<secret>"),
        ("PASSWORD='correct horse'", "PASSWORD=<secret>"),
        ("DB_PASS=hunter22", "DB_PASS=<secret>"),
        ("passphrase: hunter22", "passphrase: <secret>"),
        ("mysql --password hunter22", "mysql --password <secret>"),
        ("machine h login u password 0123abcd", "machine h login u password <secret>"),
        ("AccountKey=abcdEFGH1234567890==;x", "AccountKey=<secret>;x"),
        ("?sv=2020&sig=ab%2Fef123456", "?sv=2020&sig=<secret>"),
        ("https://hooks.slack.com/services/T00/B00/XXXX", "https://hooks.slack.com/<secret>"),
        ("AbC1+/\nAbC2=\n-----END OPENSSH PRIVATE KEY-----\nok", "<secret>\nok"),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----\nok",
            "<secret>\nok",
        ),
    ],
)
def test_it_hides(text, shown):
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "docs/home/x.md",
        "https://example.org/users/x",
        "token: 2048",
        "max_token=100000000",
        "total_tokens: 3,070,650",
        "secret sauce: better lr",
        "next token: the_quick_brown_fox",
        "passwords of 12 people",
        "api_key: 12345678901234",
        "std::vector<int>",
        "at 2026:11:30 12:00:00",
        "-----END CERTIFICATE-----",
        "basic improvements to the optimizer",
        "threading.local()",
        "self.local = 2",
        "torch 2.10.0+cu128, driver 580.159.04",
        "val_bpb:1.05989454 at 12:58:15",
        "127.0.0.1",
        "@property",
        "wd 0.1@step 2",
        "commit 0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_it_leaves(text):
    assert redact(text) == text


def test_it_hides_the_home_of_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/data/people/anna")

    assert redact("/data/people/anna/x, /data/people/annabel") == "~/x, /data/people/annabel"


def test_a_text_is_cut_after_secrets_are_hidden():
    secret = "x" * 290 + " ghp_0123456789abcdefghij0123456789"

    assert shorten(secret) == "x" * 290 + " <secret>"
    assert shorten("y" * 5_000) == "y" * 299 + "…"
    assert shorten("a " * 5_000 + "ghp_0123456789abcdefghij").endswith("…")


def test_a_secret_that_begins_before_the_end_of_what_is_shown_is_hidden_whole():
    text = "x" * 90 + " ghp_" + "a1" * 18
    assert redact_start(text, 100)[:100] == "x" * 90 + " <secret>"
    assert redact_start("y" * 5000, 100).startswith("y" * 100)


def test_a_secret_cut_off_where_others_were_hidden_is_not_shown():
    """What is hidden takes less room, and the part that was read of a last secret moves up."""
    known = "password=" + "p" * 300
    text = f"{known} {known} ghp_0123456789abcdefghij0123456789"
    for cut in range(len(text) - 30, len(text)):
        assert "ghp_" not in redact_start(text, cut - 400)
    assert "ghp_" not in shorten((known + " ") * 12 + "x" * 270 + " ghp_0123456789abcdefghij")
