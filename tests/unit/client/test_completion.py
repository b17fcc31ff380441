import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from client.completion import ChatCompleter
from client.names import KnownNames


@pytest.fixture
def completer():
    names = KnownNames("dana")
    names.are(["sis", "Simon", "mom", "z\x1b"])
    names.spoke("sis")
    return ChatCompleter(names)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/", ["/msg ", "/who ", "/help ", "/quit "]),
        ("/w", ["/who "]),
        ("/W", ["/who "]),
        ("hi /w", []),
        ("hi @s", ["hi @sis ", "hi @Simon "]),
        ("@SI", ["@sis ", "@Simon "]),
        ("hi @mom @s", ["hi @mom @sis ", "hi @mom @Simon "]),
        ("two\nlines @m", ["two\nlines @mom "]),
        ("mail@s", []),
        ("s", []),
        ("", []),
        ("/msg s", ["/msg sis ", "/msg Simon "]),
        ("/msg @m", ["/msg @mom "]),
        ("/msg sis,m", ["/msg sis,mom "]),
        ("/msg sis m", []),
    ],
)
def test_what_is_offered(completer, typed, offered):
    document = Document(typed)
    completions = completer.get_completions(document, CompleteEvent())
    results = [typed[: len(typed) + c.start_position] + c.text for c in completions]
    assert [result.lower() for result in results] == [line.lower() for line in offered]


def test_a_name_is_offered_as_it_is_and_shown_clean(completer):
    (completion,) = completer.get_completions(Document("@z"), CompleteEvent())
    assert completion.text == "z\x1b "
    assert completion.display_text == "z\ufffd"
