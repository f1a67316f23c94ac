"""Tests of the load profile. Locust and gevent patch the process they are in: subprocesses only."""
