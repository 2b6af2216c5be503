"""Files that go out of the service and, later, into it."""
