# ruff: noqa: RUF001 - this is about characters that look like others
"""A message meant for one person is read by nobody else, however it was typed."""

from time import process_time

import pytest

from tests.support.fixtures import Join, Peer, Running, StartGateway

PRIVATE = """
    ＠sis！ ﹫sis。 (@sis) "@sis" **@sis** _@sis_ <@sis> @sis's @sis❤️ @sis1️⃣
    @sis\u200b \u2068@sis\u2069 @si\u00ads
    @sis. @sis- @sis_ @@sis :@sis @sis:) @sis:D @sis— 秘密@sis
""".split()  # noqa: SIM905

MENTIONED = [
    "@sis: {}",
    "hey @sis {}",
    "{} @sis\nthx",
    "{} @sis xx",
    "{} hello@sis",
    "@sis {} @mmo",
]


@pytest.fixture
async def people(one: Running, two: Running, join: Join) -> list[Peer]:
    """Dana, and Sis and Mom on the other gateway."""
    return [await join(one, "dana"), await join(two, "Sis"), await join(two, "mom")]


async def test_no_character_next_to_a_name_makes_a_private_message_public(
    people: list[Peer],
) -> None:
    dana, sis, mom = people
    for seq, mention in enumerate(PRIVATE):
        text = f"my pin is 1234 {mention}"
        await dana.say(op="send", text=text, seq=seq)
        ack = await dana.expect(op="ack", seq=seq)
        assert ack["to"] == ["Sis"], mention
        await sis.expect(op="msg", text=text, to=["Sis"])
    await dana.say(op="send", text="good night")
    await mom.expect(op="msg", text="good night")
    assert len(mom.told(op="msg")) == 1


async def test_a_name_before_the_end_brings_a_notice_that_everyone_reads_the_message(
    people: list[Peer],
) -> None:
    dana, _, mom = people
    for seq, form in enumerate(MENTIONED):
        text = form.format("my pin is 1234")
        await dana.say(op="send", text=text, seq=seq)
        ack = await dana.expect(op="ack", seq=seq, mentioned=["Sis"])
        assert ack["room"] == "lobby"
        await dana.say(op="send", text=text)
        await dana.expect(op="notice", code="mentioned", mentioned=["Sis"])
        for _ in range(2):
            await mom.expect(op="msg", text=text)


async def test_the_notice_names_people_who_may_still_return_but_not_those_who_left(
    people: list[Peer],
) -> None:
    dana, sis, mom = people
    sis.vanish()
    await mom.say(op="quit")
    for name in ("Sis", "mom"):
        await dana.expect(op="left", name=name)
    await dana.say(op="send", text="@sis and @mom: news", seq=1)
    assert (await dana.expect(op="ack", seq=1))["mentioned"] == ["Sis"]


async def test_with_fallback_refuse_such_a_text_is_refused(
    start_gateway: StartGateway, join: Join
) -> None:
    gateway = await start_gateway(fallback="refuse")
    dana, sis = await join(gateway, "dana"), await join(gateway, "Sis")
    for seq, form in enumerate(MENTIONED):
        await dana.say(op="send", text=form.format("my pin is 1234"), seq=seq)
        error = await dana.expect(op="error", seq=seq)
        assert error["code"] in ("would_be_public", "nobody_here")
    text = "@dana and @mom are out, mail me@home"
    await dana.say(op="send", text=text, seq=90)
    await dana.expect(op="ack", seq=90, room="lobby")
    await sis.expect(op="msg")
    assert [msg["text"] for msg in sis.told(op="msg")] == [text]


async def test_the_cost_of_names_grows_only_with_their_length(people: list[Peer]) -> None:
    dana, sis, _ = people
    marks = "a" + "\u0300" * 4000 + "\u0327" * 4000
    started = process_time()
    for seq in range(20):
        await dana.say(op="send", text="x", to=[marks, "." * 100 + "a", "sis"], seq=3 * seq)
        await dana.expect(op="ack", seq=3 * seq, to=["Sis"])
        await dana.say(op="send", text="hi @" + "." * 3000 + "a", seq=3 * seq + 1)
        await dana.say(op="send", text="hi @" + marks[2200:5800] + " you", seq=3 * seq + 2)
        await dana.expect(op="ack", seq=3 * seq + 2)
    await sis.caught_up()
    assert process_time() - started < 1.5  # folding alone once took twice as long
