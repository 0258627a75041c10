"""What people are told of a job: why it is not finished, how fast it is, and when it will end."""
