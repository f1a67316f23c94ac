"""Where a scenario runs: `sim` in virtual time, `wire` over real sockets."""
