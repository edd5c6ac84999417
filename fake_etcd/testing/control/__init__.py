"""What a test does with a FakeEtcd, as JSON over HTTP, for programs in other languages."""
