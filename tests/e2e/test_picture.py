"""The picture of the README shows what the client really does."""

from xml.etree import ElementTree

from tests.picture.__main__ import PICTURE
from tests.picture.film import last_moment
from tests.picture.recording import record


async def test_the_picture_ends_with_what_the_client_shows_today() -> None:
    assert last_moment(PICTURE.read_text()) == last_moment(await record()), "make picture"


def test_the_picture_is_small_and_plays_as_an_image() -> None:
    text = PICTURE.read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(text) < 150_000
    assert not {"script", "foreignObject"} & {each.tag.split("}")[-1] for each in root.iter()}
    assert "url(" not in text
    assert "href" not in text
