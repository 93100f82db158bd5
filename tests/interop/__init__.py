"""The interop ring: mail servers as Debian ships them."""
