"""What a build is told, and where it works: sessions, tasks, keys, the folder of a build under way."""
