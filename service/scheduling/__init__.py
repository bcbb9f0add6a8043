"""What happens by the clock: schedules, jobs, calls over HTTP, and the thread that starts them."""
