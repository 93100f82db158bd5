"""What is said: replies, commands, and the dialogue that judges them.

Everything in here works on octets and values alone. No file of this room can reach a
socket, a clock, an event loop or a log, so a whole conversation fits in a list.
"""
