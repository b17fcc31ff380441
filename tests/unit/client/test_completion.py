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
    return ChatCompleter(names, nobody_is_asked)


async def nobody_is_asked():
    pytest.fail("somebody is asked who is here")


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
        ("hi (@m", ["hi (@mom "]),
        ("你好@m", ["你好@mom "]),
        ("hi \uff20m", ["hi \uff20mom "]),
        ("@sis,@m", ["@sis,@mom "]),
        ("mail@s", []),
        (r"\@s", []),
        ("s", []),
        ("", []),
        ("/msg s", ["/msg sis ", "/msg Simon "]),
        ("/msg @m", ["/msg @mom "]),
        ("/msg sis,m", ["/msg sis,mom "]),
        ("/msg sis, m", ["/msg sis, mom "]),
        (" /msg @sis @m", [" /msg @sis @mom "]),
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


async def offered(completer, typed):
    found = completer.get_completions_async(Document(typed), CompleteEvent())
    return [completion.text async for completion in found]


@pytest.mark.parametrize("typed", ["hi @", "@s", "/msg s", "/msg sis,"])
async def test_who_is_here_is_asked_for_the_first_name_and_not_before(typed):
    names, asked = KnownNames("dana"), []

    async def look():
        asked.append(typed)
        names.are(["sis"])

    completer = ChatCompleter(names, look)
    for word in ("/m", "", "hello", "a@b"):
        await offered(completer, word)
    assert asked == []
    assert await offered(completer, typed) == ["sis "]
    assert await offered(completer, typed) == ["sis "]
    assert asked == [typed]
    names.doubt()  # the connection was lost meanwhile
    await offered(completer, typed)
    assert asked == [typed] * 2


async def test_where_it_cannot_be_asked_those_who_were_heard_are_offered():
    names = KnownNames("dana")
    names.spoke("sis")

    async def look():
        pass

    assert await offered(ChatCompleter(names, look), "@s") == ["sis "]
