import asyncio

from client.heartbeat import Heartbeat, Pulse

SOON = Pulse(every=0.02, within=0.01)


async def test_while_something_arrives_pings_go_on():
    asked = asyncio.Semaphore(0)
    lost = []

    def ask():
        asked.release()
        heartbeat.heard()

    heartbeat = Heartbeat(SOON, ask, lambda: lost.append(True))
    heartbeat.start()
    for _ in range(3):
        await asked.acquire()
    heartbeat.stop()
    assert not lost


async def test_silence_after_a_ping_means_a_lost_connection():
    asked, lost = [], asyncio.Event()
    heartbeat = Heartbeat(SOON, lambda: asked.append(True), lost.set)
    heartbeat.start()
    heartbeat.heard()  # what came before the ping does not count
    await lost.wait()
    assert asked == [True]


async def test_a_stopped_heartbeat_sends_no_pings():
    asked, later = [], asyncio.Event()
    heartbeat = Heartbeat(SOON, lambda: asked.append(True), later.set)
    heartbeat.start()
    heartbeat.stop()
    asyncio.get_running_loop().call_later(2 * SOON.every, later.set)
    await later.wait()
    assert not asked
