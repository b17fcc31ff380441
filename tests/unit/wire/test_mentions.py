# ruff: noqa: RUF001, SIM905 - signs that look like others are what this is about
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.mentions import AT, SEPARATORS, read_mentions, recipients, unescaped
from wire.names import NEVER_LAST, in_names
from wire.unseen import is_unseen


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("how are you? @sis @mom @dad", ["sis", "mom", "dad"]),
        ("@sis how are you?", []),
        ("ask @sis about it", []),
        ("ask @sis or tell @mom", ["mom"]),
        ("@sis hello @mom @dad", ["mom", "dad"]),
        ("@sis", ["sis"]),
        ("@sis @sis", ["sis", "sis"]),
        ("hello", []),
        ("", []),
        ("   ", []),
        ("@", []),
        ("hi @", []),
        ("hi @!", []),
        ("come home @.", []),
        ("hi @sis @", ["sis"]),
        ("hi @ @sis", ["sis"]),
        ("hi @sis @ !", ["sis"]),
        ("hi   @sis \t @mom  \n", ["sis", "mom"]),
        ("line one\nline two @sis\n@mom\n\n", ["sis", "mom"]),
        ("hi @妈妈", ["妈妈"]),
        ("你好@妈妈", ["妈妈"]),
        ("привет@sis", ["sis"]),
        ("secret＠sis", ["sis"]),
        ("hi @Sis", ["Sis"]),
        ("hi @d.k-2 @a_b", ["d.k-2", "a_b"]),
        ("hi @_sis", ["_sis"]),
        ("hi @-sis", ["sis"]),
    ],
)
def test_the_recipients_are_the_run_of_names_at_the_end(text, names):
    assert recipients(text) == names


SIS = """
    @sis! @sis? @sis: @sis; @sis, @sis. @sis... @sis!!! @sis?! @sis., @sis.! @sis!. @sis…
    @sis！ @sis？ @sis。 @sis、 @sis， @sis． @sis। @sis؟ @sis، @sis؛ @sis‼ @sis⁉ @sis!… @sis¡ @sis·
    @sis) @sis] @sis} @sis> @sis» @sis” @sis’ @sis" @sis' @sis` @sis」 @sis） @sis›
    (@sis) [@sis] {@sis} <@sis> "@sis" '@sis' `@sis` «@sis» “@sis” ‘@sis’ „@sis“ 「@sis」 (@sis).
    @(sis) @"sis" @<sis> @“sis”
    *@sis* **@sis** _@sis_ ~~@sis~~ __@sis__ ||@sis||
    @sis- @sis_ @sis* @sis~ @sis/ @sis| @sis\\ @sis— @sis– @sis= @sis+ @sis& @sis# @sis% @sis^ @sis$
    @@sis @sis@ ＠sis ﹫sis @＠sis :@sis ,@sis /@sis .@sis -@sis …@sis ¿@sis
    @sis's @sis’s @sisʼs @sis`s @sis´s
    @sis:) @sis;) @sis:-( @sis:D @sis;P @sis<3 @sis^^ @sis❤️ @sis❤ @sis💋 @sis👍🏽 @sis1️⃣ @sis🇩🇪
    @sis\u200b @sis\u200c @sis\u200d @sis\u2060 @sis\ufeff @sis\u00ad @sis\u200f @sis\u202c
    @sis\ufe0e @sis\ufe0f @sis\u034f @sis\u3164
    \u200b@sis \u2068@sis\u2069 \u202e@sis @\u2068sis\u2069 @s\u00adis @si\u200ds
    @sis\U0001fae9 @sis\ue000 @sis\u0378
""".split()  # fmt: skip

ASIDES = """
    :) ;-) :( :-/ :'( :D :-D xD XD :P ;P =P :o :3 <3 </3 8-) B) D: c: ^^ ^_^ -.- >.< T_T o_O O.o x_x
    \\o/ ^o^ >w< UwU ¯\\_(ツ)_/¯ ಠ_ಠ :D!! (:D) :D:D ;_; ... !!! ?! … — -- * & + ❤️ ❤
    👍🏽 👩🏽‍🚀 👨‍👩‍👧‍👦 🏳️‍🌈 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪 1️⃣ #️⃣ *⃣
    ℹ️ ™ © 💋💋 ( ) [ ] 」 ！ 。 । \u200b \ufeff \u2800 \u3164 \u00a0 \u3000 \u2028 \ue000 \U0001fae9
    ♥ ☕️ † → ± € ° ´ ` ^ ~ | \\ / < > =
""".split()  # fmt: skip


@pytest.mark.parametrize("mention", SIS)
@pytest.mark.parametrize("text", ["{}", "my pin is 1234 {}", "my pin\n{}\n", "mum @mom {} @dad"])
def test_a_character_that_names_cannot_have_ends_a_name(mention, text):
    names = ["mom", "sis", "dad"] if "@mom" in text else ["sis"]
    assert recipients(text.format(mention)) == names


@pytest.mark.parametrize("aside", ASIDES)
@pytest.mark.parametrize("space", [" ", "", "\n", "\u3000"])
def test_characters_that_say_nothing_may_follow_a_name_or_separate_two(aside, space):
    if not space and (in_names(aside[0]) or aside[0] in "´`"):
        return  # then it belongs to the word
    assert recipients(f"my pin @sis{space}{aside}") == ["sis"]
    assert recipients(f"my pin @sis{space}{aside} {aside} @mom {aside}") == ["sis", "mom"]
    assert recipients(f"my pin {aside} @sis") == ["sis"]


JOINTS = [
    *(
        ",",
        ", ",
        " , ",
        "/",
        " / ",
        ";",
        "; ",
        "&",
        " & ",
        "+",
        " + ",
        "、",
        "，",
        " ، ",
        "|",
        "·",
        " - ",
    ),
    *(" ", "", "\n", " and ", ", and ", " AND ", " and\n", " (and) ", " ❤️ "),
]


@pytest.mark.parametrize("joint", JOINTS)
def test_names_may_be_joined_in_any_way(joint):
    assert recipients(f"secret @sis{joint}@mom") == ["sis", "mom"]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_name_that_is_joined_to_another_needs_no_at_sign(separator):
    assert recipients(f"secret @sis{separator}mom") == ["sis", "mom"]
    assert recipients(f"secret @sis{separator}mom{separator}dad. :)") == ["sis", "mom", "dad"]
    assert recipients(f"secret @sis{separator}mom and @dad") == ["sis", "mom", "dad"]
    assert recipients(f"thanks @sis{separator}see you") == []


@pytest.mark.parametrize(
    "text",
    [
        *("mail dana@example.org", "hi@sis", "mail me@home", "a.b+c@sis.org", "dana@sis"),
        *(r"look at \@sis", r"hi @mom \@sis", r"\@sis", r"\＠sis", r"@sis \@mom"),
        *("https://example.org/@sis", "see http://x.org/a/@sis/1", "ssh://git@sis"),
        *("@sis secret", "hey @sis: secret", "secret @sis\nthx", "secret @sis -- dana"),
        *(
            "secret @sis xx",
            "@sis ok!!!!!!!!",
            "@sis !!!!!!!!ok",
            "@sis lol",
            "@sis 5%",
            "@sis (no)",
            "@sis no.",
        ),
        *("secret @ sis", "and @sis and", "@sis x", "@sis 好"),
    ],
)
def test_a_text_without_names_at_its_end_is_for_everyone(text):
    assert recipients(text) == []


def test_an_address_before_the_run_does_not_end_it():
    assert recipients("mail me: dana@example.org @sis") == ["sis"]
    assert recipients(r"\@dad says @mom @sis") == ["mom", "sis"]


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("hello", []),
        ("hi @sis", []),
        ("@sis secret", ["sis"]),
        ("secret @sis\nthx", ["sis"]),
        ("@sis is not @mom is she", ["sis", "mom"]),
        ("@sis look what I got for @mom", ["sis"]),
        ("@sis @sis hello", ["sis"]),
        ("@mom is with @mom", []),
        ("hello@sis", ["sis"]),
        ("hello @ sis", ["sis"]),
        ("hello @!sis", ["sis"]),
        ("hello @ : sis", ["sis"]),
        ("hello @_sis", ["sis"]),
        ("hello @sis.thx", ["sis"]),
        ("hello @sisへ", ["sis"]),
        ("@sis-and-mom come", ["sis-and-mom", "sis", "sis-and"]),
        (r"hello \@sis you", []),
        ("https://example.org/@sis there", ["sis"]),
        ("http://@a http://@b/@c @d", ["a", "b", "c"]),
        ("@妈妈你好", ["妈", "妈妈", "妈妈你"]),
        ("@シスさん hi", ["シスさん", "シ", "シス", "シスさ"]),
    ],
)
def test_names_before_the_end_are_found_too(text, others):
    assert read_mentions(text).others == others


def test_an_escaped_at_sign_is_shown_without_the_backslash():
    assert unescaped(r"look at \@sis and \＠mom") == "look at @sis and ＠mom"


def test_everything_else_is_shown_as_it_was_typed():
    text = "a \\ b \\n  @sis\t@mom "
    assert unescaped(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "@",
        "@a",
        "@a.b",
        "@ ",
        "@~",
        "@a :D",
        "://@",
        " ://@a",
        "@(",
        ":d@",
        "@\u200b",
        "a",
        "\\@",
        ",a",
        ",a@",
    ],
)
def test_reading_a_text_takes_time_in_proportion_to_its_length(text):
    def cost(times):
        def once():
            begin = process_time()
            read_mentions("@a" + text * times)
            return process_time() - begin

        return min(once() for _ in range(5))

    assert cost(8000) < 24 * cost(1000) + 0.01  # eight times as long; squared it were 64


def _says_nothing(char):
    return char not in AT + "\\:/" and not char.isalnum()


noise = st.text(
    st.characters(exclude_categories=["Cs", "L", "N", "M"]).filter(_says_nothing), max_size=6
)
names = st.text(
    st.characters(categories=["L", "N"]).filter(lambda char: in_names(char)), min_size=1, max_size=8
).filter(lambda name: name[-1] not in NEVER_LAST)


@given(st.lists(st.tuples(names, noise), min_size=1, max_size=4), noise, st.sampled_from(AT))
def test_no_sign_around_the_names_changes_who_gets_it(run, before, at):
    text = f"my pin {before} " + "".join(f" {at}{name}{after}" for name, after in run)
    assert recipients(text) == [name for name, _ in run]


@given(st.text(st.sampled_from("@＠\\ ab,.?\n:D-_'s\u200b好"), max_size=30))
def test_every_name_was_written_after_an_at_sign(text):
    seen = "".join(char for char in text if not is_unseen(char))
    for name in (*read_mentions(text).recipients, *read_mentions(text).others):
        assert name
        assert name[-1] not in NEVER_LAST
        assert all(map(in_names, name))
        assert name in seen


@given(st.text(st.sampled_from("@ ab✓"), max_size=30))
def test_a_text_with_every_at_sign_escaped_names_nobody(meant):
    escaped = meant.replace("@", "\\@")
    assert read_mentions(escaped) == ([], [])
    assert unescaped(escaped) == meant
