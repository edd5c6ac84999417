"""Tests of the services, over sockets and on the handlers themselves."""
