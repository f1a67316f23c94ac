"""Facts about the bridge, told by small programs under Locust's patches, each a process."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

OPENING = """
    import locust  # patches the standard library, as in a load test
    import asyncio, socket, threading, gevent
    from loadtests.bridge import Bridge

    got = []
    bridge = Bridge(got.append)
"""


def run(story: str) -> str:
    """What a program prints that ends well within its time."""
    done = subprocess.run(
        (sys.executable, "-c", dedent(OPENING) + dedent(story)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_greenlet_that_waits_holds_no_other_up() -> None:
    said = run("""
        def tick():
            while True:
                gevent.sleep(0.01)
                got.append("tick")
        ticking = gevent.spawn(tick)
        async def slow():
            await asyncio.sleep(0.5)
            return "answer"
        answer = bridge.call(slow, 5)
        print(answer, len(got) > 5)
        ticking.kill()
        bridge.close()
    """)
    assert said == "answer True"


def test_the_loop_is_uvloop_in_a_thread_of_its_own() -> None:
    """On a loop of the patched library, a wait for a socket never ends."""
    said = run("""
        import gevent.monkey
        ident = gevent.monkey.get_original("_thread", "get_ident")
        async def where():
            return type(asyncio.get_running_loop()).__module__, ident()
        module, thread = bridge.call(where, 5)
        print(module, thread != ident())
        bridge.close()
    """)
    assert said == "uvloop True"


def test_names_are_resolved_and_sockets_connect() -> None:
    said = run("""
        async def echo(reader, writer):
            writer.write(await reader.readexactly(4))
            writer.close()
        async def talk():
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.write(b"ping")
            answer = await reader.read()
            writer.close()
            server.close()
            return answer.decode()
        print(bridge.call(talk, 10))
        bridge.close()
    """)
    assert said == "ping"


def test_what_is_posted_arrives_in_order_and_before_the_end() -> None:
    said = run("""
        async def post():
            for number in range(1000):
                bridge.post(number)
        bridge.call(post, 5)
        bridge.close()
        print(got == list(range(1000)), bridge.dropped)
    """)
    assert said == "True 0"


def test_beyond_the_bound_items_are_dropped_and_counted() -> None:
    said = run("""
        import loadtests.bridge as module
        module.HAND_OVER_MAX = 10
        async def post():
            for number in range(15):
                bridge.post(number)
        bridge.call(post, 5)
        bridge.close()
        print(len(got), bridge.dropped)
    """)
    assert said == "10 5"


def test_an_error_there_is_raised_here() -> None:
    said = run("""
        async def fail():
            raise KeyError("there")
        try:
            bridge.call(fail, 5)
        except KeyError as error:
            print("raised", error)
        bridge.close()
    """)
    assert said == "raised 'there'"


def test_who_stops_waiting_cancels_the_work() -> None:
    """A user that Locust kills while it connects must not go on connecting."""
    said = run("""
        ended = []
        async def work():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
        waiting = gevent.spawn(bridge.call, work, 30)
        gevent.sleep(0.2)
        waiting.kill()
        try:
            bridge.call(work, 0.2)
        except gevent.Timeout:
            ended.append("timeout")
        gevent.sleep(0.2)
        print(sorted(ended))
        bridge.close()
    """)
    assert said == "['cancelled', 'cancelled', 'timeout']"


def test_a_closed_bridge_leaves_no_thread() -> None:
    said = run("""
        import os
        before = len(os.listdir("/proc/self/task"))
        bridge.close()
        gevent.sleep(0.1)
        print(before - len(os.listdir("/proc/self/task")))
    """)
    assert said == "1"
