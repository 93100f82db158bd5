"""How it is carried: names resolved, a connection opened, a dialogue walked, timed.

The only room that reaches out to mail servers. A probe always comes back with an
Outcome.
"""
