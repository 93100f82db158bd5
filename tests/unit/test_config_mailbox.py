"""Mailboxes of an envelope: what is let pass, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.complaint import Refusal
from exporter.config.mailbox import check_recipient, check_sender
from exporter.smtp.command import command

LABEL = "a" * 63
LONGEST = f"{'a' * 60}@{LABEL}.{LABEL}.{LABEL}.a"  # 254 octets


@pytest.mark.parametrize(
    "mailbox",
    [
        *("a@b", "postmaster@example.com", "a.b.c@example.com", "a+b=c@x-y.example"),
        *("!#$%&'*+/=?^_`{|}~-@example.com", '"a@b"@example.com', '""@b', r'"\""@b'),
        *("a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@1.example", "a@xn--mil-qla.de"),
        *("ä@example.com", "a@bücher.example", "用户@例子.广告", '"ö.."@b'),
        LONGEST,
        "ü" * 126 + "@b",
    ],
)
def test_good(mailbox: str) -> None:
    """Every form of RFC 5321's and RFC 6531's mailbox is kept as written."""
    assert check_recipient(mailbox) == mailbox
    assert check_sender(mailbox) == mailbox


@pytest.mark.parametrize(
    ("mailbox", "sentence"),
    [
        ("postmaster", "write its domain too"),
        ("<a@b>", "without `<` and `>`"),
        ("A <a@b>", "without `<` and `>`"),
        ("a b@c", "no spaces"),
        ('"a b"@c', "no spaces"),
        ("a@b\n", "no spaces"),
        ("a\u3000b@c", "no spaces"),
        ("@b", "before the last `@`"),
        (".a@b", "before the last `@`"),
        ("a.@b", "before the last `@`"),
        ("a..b@c", "before the last `@`"),
        ("a@b@c", "before the last `@`"),
        ("a,b@c", "before the last `@`"),
        ('"a@b', "before the last `@`"),
        ('a"b"@c', "before the last `@`"),
        ('"\\"@b', "before the last `@`"),
        ("@relay:a@b", "before the last `@`"),
        ("a@", "follows the `@`"),
        ("a@b.", "follows the `@`"),
        ("a@-b", "follows the `@`"),
        ("a@b_c", "follows the `@`"),
        ("a@b..c", "follows the `@`"),
        (f"a@{LABEL}a", "follows the `@`"),
        ("a@[192.0.2.256]", "follows the `@`"),
        ("a@[::1]", "follows the `@`"),
        ("a@[x-tag:1]", "follows the `@`"),
        (f"a{LONGEST}", "longer than 254 octets"),
        ("ü" * 126 + "x@b", "longer than 254 octets"),
    ],
)
def test_bad(mailbox: str, sentence: str) -> None:
    """Anything else is refused with what is wrong about it."""
    for check in (check_recipient, check_sender):
        with pytest.raises(Refusal, match=sentence):
            check(mailbox)


def test_the_null_reverse_path() -> None:
    """Nobody can be the sender, and nobody cannot be the recipient."""
    assert check_sender("") == ""
    with pytest.raises(Refusal, match='write the null reverse-path as `""`'):
        check_sender("<>")
    with pytest.raises(Refusal):
        check_recipient("")


@given(st.text(st.sampled_from('aä@."\\<> [:]-\r\n\t'), max_size=12))
def test_what_passes_is_one_path(text: str) -> None:
    """Whatever passes stands between `<` and `>` in one command, and ends there."""
    try:
        mailbox = check_recipient(text)
    except Refusal:
        return
    line = command("RCPT", f"TO:<{mailbox}>", smtputf8=True)
    assert line.count(b">") == line.count(b"<") == line.count(b"\r\n") == 1
