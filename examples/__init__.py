"""Small applications of etcd, and their tests; `docs/testing.md` tells how they are tested."""
