import pytest

from client.direction import arrow, direction


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("", ()),
        ("hello", ()),
        ("hello @sis", ("sis",)),
        ("hello @sis :)", ("sis",)),
        ("hello @sis and @mom", ("sis", "mom")),
        ("hello @sis and", ("everyone",)),
        ("@sis: my pin", ("everyone",)),
        ("@sis look at @mom", ("mom",)),
        (r"hello \@sis", ()),
        ("@sis @sis", ("sis",)),
        ("/msg sis", ()),
        ("/msg sis h", ("sis",)),
        ("/msg sis, mom hi", ("sis", "mom")),
        ("//msg sis hi", ()),
        ("/who", ()),
        ("/mgs sis hi", ()),
        ("!msg sis hi @mom", ()),
        ("x" * 100_000 + " @sis", ()),
    ],
)
def test_the_recipients_of_a_line_are_shown_while_it_is_typed(line, names):
    assert direction(line, None) == names


def test_with_fixed_recipients_every_line_is_for_them():
    assert direction("", ("sis",)) == direction("hi @mom", ("sis",)) == ("sis",)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), ""),
        (("sis",), " → sis"),
        (("sis", "mom", "dad"), " → sis, mom, dad"),
        (("sis", "mom", "dad", "bro", "eve"), " → sis, mom, dad and 2 more"),
        (("s\x1bis",), " → s\ufffdis"),
        (("x" * 4000,), f" → {'x' * 32}"),
    ],
)
def test_the_prompt_has_an_arrow_to_the_recipients(names, shown):
    assert arrow(names) == shown
