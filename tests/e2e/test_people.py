"""What one does with messages and people, in `chatctl client` on terminals and two gateways."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.processes import Chat, GatewayProcess, StartGateway
from tests.e2e.test_terminal import Open, left, sees, window

__all__ = ["window"]


@pytest.fixture
async def one(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway("--accounts", "open")


@pytest.fixture
async def two(start_gateway: StartGateway) -> GatewayProcess:
    return await start_gateway("--accounts", "open")


async def test_what_one_does_with_a_message(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    async with window(one, "sis") as sis, window(two, "mom") as mom:
        await sees(sis, "· mom joined")
        mom.type("/me waves\r")
        await sees(sis, "* mom waves")
        mom.type("lunch at noon?\r")
        await sees(sis, " mom: lunch at noon?")
        sis.type("/reply yes\r")
        await sees(mom, "> mom: lunch at noon?")
        await sees(mom, " sis: yes")
        mom.type("/react :+1:\r")
        await sees(sis, "· mom reacted 👍 to you: yes")
        await sees(mom, "· you reacted 👍 to sis: yes")
        sis.type("my pin is 1234\r")
        await sees(mom, " sis: my pin is 1234")
        await sees(sis, " sis: my pin is 1234")
        sis.type("/delete\r")
        await mom.until(
            lambda lines: any("· sis deleted a message from " in each for each in lines)
        )
        mom.type("/delete @sis\r")
        await sees(mom, "can delete it")
        mom.type("/history 10\r")
        await sees(mom, "· earlier messages end here")
        earlier = [line for line in mom.lines if "earlier messages" in line]
        assert earlier
        shown = "\n".join(mom.lines).rpartition("earlier messages in")[2]
        assert "sis: yes" in shown
        assert "1234" not in shown
        mom.type("/history since 5m\r")
        await mom.until(
            lambda lines: (
                sum("earlier messages in #lobby" in each for each in lines) == 2
                and lines[-2:] == ["· earlier messages end here", "mom>"]
            )
        )
        assert "* mom waves" in "\n".join(mom.lines).rpartition("messages in #lobby")[2]
        mom.type("/history 1 since 5m\r")
        await mom.until(lambda lines: any("more was said after this" in each for each in lines))
        mom.type("/history since 25:00\r")
        await mom.until(lambda lines: any("that is not a time" in each for each in lines))


async def test_what_one_does_with_people(
    one: GatewayProcess, two: GatewayProcess, window: Open
) -> None:
    async with window(one, "sis") as sis, window(two, "mom") as mom:
        await sees(sis, "· mom joined")
        mom.type("/away lunch\r")
        await sees(sis, "· mom is away: lunch")
        sis.type("/msg mom hi\r")
        await sees(sis, "· mom is away: lunch")
        await sees(mom, " sis → you: hi")
        mom.type("/back\r")
        await sees(sis, "· mom is back")
        mom.type("/nick mother\r")
        await sees(sis, "· mom is mother now")
        await mom.shows("mother>")
        sis.type("/whois mother\r")
        await sees(sis, "· mother is here")
        mom.type("/ignore sis\r")
        await sees(mom, "· what sis says is hidden, until you leave")


async def test_a_registered_name_with_two_sessions_and_mail(
    one: GatewayProcess, two: GatewayProcess, window: Open, chat: Chat
) -> None:
    async with window(one, "mom") as mom:
        async with window(one, "sis") as sis:
            sis.type("/register\r")
            for question in ("new password:", "new password again:"):
                await sis.shows(question)
                sis.type("correct horse\r")
            await sis.until(lambda lines: any("registered" in each for each in lines))
            assert not any("correct horse" in line for line in sis.lines)
            sis.type("/quit\r")
            await left(sis)
        mom.type("while you were out @sis\r")
        await mom.until(lambda lines: any("sis gets it when" in each for each in lines))
        password = chat.home / "password"
        password.write_text("correct horse\n")
        async with window(two, "sis", options=["--password-file", str(password)]) as phone:
            await sees(phone, " mom → you: while you were out @sis")
            async with window(one, "sis", options=["--password-file", str(password)]) as laptop:
                phone.type("on my way\r")
                await sees(laptop, " sis: on my way")
                await sees(mom, " sis: on my way")
                laptop.type("/ignore mom\r")
                await laptop.until(lambda lines: any("mom" in e and "hidden" in e for e in lines))
                mom.type("can you hear me?\r")
                await sees(mom, " mom: can you hear me?")
                laptop.type("/unignore mom\r")
                await laptop.until(lambda lines: any("shown again" in each for each in lines))
                for each in (phone, laptop):
                    assert not any("can you hear me?" in line for line in each.lines)
                found = await asyncio.to_thread(chat.users)
                assert found.stdout.count("127.0.0.1:") == 3
