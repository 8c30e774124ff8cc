"""The search: ask, build, record, submit, listen, tell; and how it goes on after its driver was gone."""
