import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from client.completion import ChatCompleter
from client.display.commands import COMMANDS
from client.display.options import VALUES
from client.display.room_commands import MODES
from client.rooms import Rooms


@pytest.fixture
def rooms():
    rooms = Rooms("dana", ["lobby", "dev"])
    rooms.names("lobby").are(["sis", "Simon", "mom", "z\x1b"])
    rooms.names("lobby").spoke("sis")
    rooms.names("dev").are(["mia", "mom"])
    rooms.listed = ["dev", "deep-sea", "ops"]
    return rooms


@pytest.fixture
def completer(rooms):
    return ChatCompleter(rooms, nobody_is_asked, nobody_is_asked)


async def nobody_is_asked():
    pytest.fail("somebody is asked who is here")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/", [f"/{name} " for name in COMMANDS]),
        ("/w", ["/who ", "/whois "]),
        ("/help un", [f"/help {name} " for name in COMMANDS if name.startswith("un")]),
        ("/help /ki", ["/help /kick "]),
        ("/join d", ["/join dev ", "/join deep-sea "]),
        ("/join #D", ["/join #dev ", "/join #deep-sea "]),
        ("/names ", ["/names lobby ", "/names dev ", "/names deep-sea ", "/names ops "]),
        ("/leave ", ["/leave lobby ", "/leave dev "]),
        ("/join dev k", []),
        ("/kick s", ["/kick sis ", "/kick Simon "]),
        ("/unban @Si", ["/unban @sis ", "/unban @Simon "]),
        ("/kick sis s", []),
        ("/kick sis like @s", ["/kick sis like @sis ", "/kick sis like @Simon "]),
        ("/set ", [f"/set {each} " for each in (*MODES, *VALUES, "options")]),
        ("/set s", ["/set secret ", "/set slow ", "/set status "]),
        ("/set theme ", ["/set theme dark ", "/set theme light ", "/set theme plain "]),
        ("/set bell off ", []),
        ("well done :tad", ["well done \U0001f389 "]),
        ("at 10:30", []),
        ("/history with s", ["/history with sis ", "/history with Simon "]),
        ("/help m", ["/help msg ", "/help me ", "/help mute ", "/help messages "]),
        ("/set secret ", ["/set secret on ", "/set secret off "]),
        ("/set secret on s", ["/set secret on slow "]),
        ("/set history j", ["/set history joined "]),
        ("/set nonsense ", []),
        ("/W", ["/who ", "/whois "]),
        ("hi /w", []),
        ("hi @s", ["hi @sis ", "hi @Simon "]),
        ("@SI", ["@sis ", "@Simon "]),
        ("hi @m", ["hi @mom ", "hi @mia "]),
        ("hi @mom @s", ["hi @mom @sis ", "hi @mom @Simon "]),
        ("two\nlines @mo", ["two\nlines @mom "]),
        ("hi (@mo", ["hi (@mom "]),
        ("你好@mo", ["你好@mom "]),
        ("hi \uff20mo", ["hi \uff20mom "]),
        ("@sis,@mo", ["@sis,@mom "]),
        ("mail@s", []),
        (r"\@s", []),
        ("s", []),
        ("", []),
        ("/msg s", ["/msg sis ", "/msg Simon "]),
        ("/msg @mo", ["/msg @mom "]),
        ("/msg sis,mo", ["/msg sis,mom "]),
        ("/msg sis, mo", ["/msg sis, mom "]),
        (" /msg @sis @mo", [" /msg @sis @mom "]),
        ("/msg sis m", []),
    ],
)
def test_words_that_are_offered(completer, typed, offered):
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


@pytest.mark.parametrize("typed", ["hi @", "@s", "/msg s", "/msg sis,", "/kick s"])
async def test_the_gateway_is_asked_for_people_before_the_first_name_is_completed(typed):
    rooms, asked = Rooms("dana", ["lobby"]), []

    async def look():
        asked.append(typed)
        rooms.names("lobby").are(["sis"])

    completer = ChatCompleter(rooms, look, nobody_is_asked)
    for word in ("/m", "", "hello", "a@b", "/set s"):
        await offered(completer, word)
    assert asked == []
    assert await offered(completer, typed) == ["sis "]
    assert await offered(completer, typed) == ["sis "]
    assert asked == [typed]
    rooms.returned()  # the connection was lost meanwhile
    await offered(completer, typed)
    assert asked == [typed] * 2


async def test_the_gateway_is_asked_for_rooms_before_a_room_is_completed():
    rooms, asked = Rooms("dana", ["lobby"]), []

    async def look():
        asked.append("rooms")
        rooms.listed = ["ops"]

    completer = ChatCompleter(rooms, nobody_is_asked, look)
    assert await offered(completer, "/join o") == ["ops "]
    assert asked == ["rooms"]


async def test_without_an_answer_from_the_gateway_the_names_of_speakers_are_offered():
    rooms = Rooms("dana", ["lobby"])
    rooms.names("lobby").spoke("sis")

    async def look():
        pass

    assert await offered(ChatCompleter(rooms, look, look), "@s") == ["sis "]


def test_names_of_the_current_room_come_first(rooms, completer):
    rooms.current = "dev"
    found = completer.get_completions(Document("@m"), CompleteEvent())
    assert [completion.text for completion in found] == ["mia ", "mom "]
