"""The client without a way to wait: all that it does, in coroutines over `io.Io`.

Both faces run this same code. `clientv3.aio` awaits it on asyncio's loop; `clientv3` drives it with
an `Io` whose coroutines block instead of suspending, so that one `send` runs them to their end.
"""
