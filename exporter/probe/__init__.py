"""How it is carried: names resolved, a connection opened, a dialogue walked, timed.

The only room with sockets. A probe always comes back with an Outcome.
"""
