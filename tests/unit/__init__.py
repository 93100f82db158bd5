"""The unit ring: pure logic; opening a socket raises."""
