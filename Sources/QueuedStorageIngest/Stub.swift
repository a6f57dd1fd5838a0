enum StubIngest {}
