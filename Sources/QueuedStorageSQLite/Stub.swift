enum StubSQLite {}
