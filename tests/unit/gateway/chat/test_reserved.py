# ruff: noqa: RUF001, SIM905 - letters that look like others are what this is about
import pytest

from gateway.chat.reserved import RESERVED, check_new_name
from wire.mentions import EVERYONE
from wire.names import check_name
from wire.reasons import ErrorCode, WireError


def is_given(name):
    try:
        return bool(check_new_name(name, 32))
    except WireError as error:
        assert error.code is ErrorCode.BAD_NAME
        return False


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_misleading_name_is_refused_however_it_is_written(word):
    for name in (
        word,
        word.upper(),
        word.title(),
        f"_{word}",
        ".".join(word),
        f"{word[0]}_{word[1:]}",
    ):
        assert check_name(name, 32) == name
        assert not is_given(name)


LOOK_ALIKES = """
    аll Аll ALl alI aIl AIl a11 all\u0307 àll ａｌｌ 𝐚𝐥𝐥 ɑll аӏӏ aⅼⅼ
    нere hеre нЕrе уou yоu γou yоυ me\u0301 rne ΜΕ ме Ме roоm r00m R0OM ѕystem sуstem serνer
    adrnin adm1n admln аdmіn ADMІN АDMIN adm\u0131n root rооt 0perator оperаtor оp 0p nob0dy
    Iobby l0bby сhat gаteway eνeryone еvеryоnе
""".split()

HARMLESS = """
    dana sis mom Ali ALI Al Hal call Hallo yours Meg Rooney admiral Lena Chata bot cron Bill ill
    10.0.0.1 0 me2 west mama мама они Ева НЕТ мод γιου 妈妈 אמא g-string sis-1 alles
""".split()


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_name_that_looks_like_a_misleading_one_is_refused(name):
    assert not is_given(name)


@pytest.mark.parametrize("name", ["g-1f3a9c2b", "G-00", "1795428000123-4", "1-1"])
def test_a_name_that_looks_like_an_id_is_refused(name):
    assert not is_given(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_that_only_contains_a_reserved_word_is_accepted(name):
    assert check_new_name(name, 32) == name


def test_the_words_for_everyone_are_reserved():
    assert EVERYONE <= RESERVED


def test_the_refusal_says_that_a_name_is_reserved():
    with pytest.raises(WireError, match="'аll' is reserved, or looks like"):
        check_new_name("аll", 32)


@pytest.mark.parametrize("name", ["sis.", "-x", "", "a b", "x" * 33])
def test_a_bad_name_is_refused_here_too(name):
    assert not is_given(name)
