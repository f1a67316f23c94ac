"""What the core and the wire ask before they do as they should: switches, and rules for frames.

Nothing here knows how people pull a lever: that is `fake_server.levers`, which throws these.
"""
