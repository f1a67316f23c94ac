"""Tests of the shell: against scripted WebSocket servers, in real time with short intervals."""
