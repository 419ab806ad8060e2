"""The Faust applications, one per stage, and the protocol that makes them exact."""
