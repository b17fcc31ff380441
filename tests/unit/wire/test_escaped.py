from hypothesis import given
from hypothesis import strategies as st

from wire.mentions import AT, escaped, read_mentions, unescaped

TEXTS = st.text(st.sampled_from(f"{AT}\\ ,.sismom:/"))


@given(TEXTS)
def test_no_name_in_an_escaped_text_is_a_recipient_and_it_is_shown_as_it_was(text):
    assert not any(read_mentions(escaped(text)))
    assert unescaped(escaped(text)) == text
