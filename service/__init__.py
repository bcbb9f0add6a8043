"""Settings, wiring, threads, supervision, command line: the only room that knows all the others."""
