"""The wire ring: scripted servers and real sockets, all on this machine."""
