"""The JSON gateway: what is sent and what comes back as bytes of HTTP."""
