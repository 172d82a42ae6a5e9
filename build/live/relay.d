build/live/relay: tests/live/src/relay.c
