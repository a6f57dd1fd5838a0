enum StubTesting {}
