build/live/traffic: tests/live/src/traffic.c
