// One of the clients of `python -m soak`, on the etcd3 package. What it does and what it prints is
// said in soak/told.py.
'use strict';

const { Etcd3 } = require('etcd3');

const [endpoint, name, workers, steps, pause, seed] = process.argv.slice(2, 8).map((text, index) =>
  index < 2 ? text : Number(text));
const prefix = `${name}/`;
const client = new Etcd3({ hosts: endpoint });
let isStopping = false;

const tell = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const reason = (error) => `${error.name}: ${error.message}`;

/** Numbers that look random, the same for the same seed. */
function randomFrom(start) {
  let state = (start * 2654435761 + 1) >>> 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

async function put(key, value, builder) {
  try {
    const response = await builder;
    tell({ told: 'put', key, value, revision: Number(response.header.revision) });
    return true;
  } catch (error) {
    tell({ told: 'put', key, value, error: reason(error) });
    return false;
  }
}

async function step(worker) {
  const key = `${prefix}keys/${worker.number}/${worker.random(20)}`;
  const draw = worker.random(100);
  const fresh = () => `${worker.number}-${(worker.count += 1)}`;
  if (draw < 40) {
    const value = fresh();
    await put(key, value, client.put(key).value(value));
  } else if (draw < 60) {
    try {
      const response = await client.get(key).exec();
      const [found] = response.kvs;
      const told = { told: 'get', key, revision: Number(response.header.revision) };
      tell(found ? { ...told, value: found.value.toString() } : { ...told, absent: true });
    } catch (error) {
      tell({ told: 'get', key, error: reason(error) });
    }
  } else if (draw < 75) {
    const value = fresh();
    await put(key, value, client.if(key, 'Version', '>', 0)
      .then(client.put(key).value(value), client.get(key))
      .else(client.put(key).value(value))
      .commit());
  } else if (draw < 88) {
    try {
      const response = await client.delete().key(key).exec();
      const absent = Number(response.deleted) === 0;
      tell({ told: 'delete', key, revision: Number(response.header.revision), absent });
    } catch (error) {
      tell({ told: 'delete', key, error: reason(error) });
    }
  } else {
    await leased(fresh(), draw < 96 ? 60 : 2);
  }
}

/** Puts a key with a lease of its own: a long one is revoked, a short one expires. */
async function leased(value, seconds) {
  const key = `${prefix}leased/${value}`;
  const lease = client.lease(seconds, { autoKeepAlive: false });
  try {
    await lease.grant();
  } catch (error) {
    tell({ told: 'grant', error: reason(error) });
    return;
  }
  await put(key, value, lease.put(key).value(value).exec());
  if (seconds < 10) {
    tell({ told: 'expires', key });
    lease.release();
    return;
  }
  try {
    await lease.keepaliveOnce();
  } catch (error) {
    tell({ told: 'keepalive', error: reason(error) });
  }
  try {
    const { header } = await client.leaseClient.leaseRevoke({ ID: await lease.grant() });
    tell({ told: 'revoke', key, revision: Number(header.revision) });
  } catch (error) {
    tell({ told: 'revoke', key, error: reason(error) });
  }
  lease.release();
}

/** Tells every event of the prefix; the promise it gives is kept by the one that ends it. */
async function watch() {
  const watcher = await client.watch().prefix(prefix).startRevision(1).create();
  watcher.on('error', (error) => tell({ told: 'failed', error: `watch: ${reason(error)}` }));
  const ended = new Promise((resolve) => {
    watcher.on('data', (response) => {
      for (const event of response.events) {
        const key = event.kv.key.toString();
        const told = { told: 'event', key, revision: Number(event.kv.mod_revision) };
        const isPut = event.type === 'Put';
        tell(isPut ? { ...told, value: event.kv.value.toString() } : { ...told, absent: true });
        if (key === `${prefix}end`) resolve();
      }
    });
  });
  return { ended };
}

/**
 * Does it again until it is done. For five seconds after three failures in a row the client tries
 * nothing, which is what its circuit breaker is for.
 */
async function insist(attempt) {
  for (let number = 0; number < 300; number += 1) {
    if (await attempt()) return;
    await sleep(100);
  }
  throw new Error('it could not be done in 300 attempts');
}

async function main() {
  process.stdin.on('data', () => {});
  process.stdin.on('end', () => { isStopping = true; });
  await insist(async () => {
    const lease = client.lease(30);
    lease.on('lost', (error) => tell({ told: 'failed', error: `lease: ${reason(error)}` }));
    try {
      await lease.grant();
    } catch (error) {
      return false;
    }
    return put(`${prefix}alive`, 'alive', lease.put(`${prefix}alive`).value('alive').exec());
  });
  const { ended } = await watch();
  await Promise.all(Array.from({ length: workers }, async (_, number) => {
    const worker = { number, count: 0, random: randomFrom(seed * 1000 + number + 1) };
    for (let done = 0; !isStopping && (steps === 0 || done < steps); done += 1) {
      await sleep(pause);
      await step(worker);
    }
  }));
  await insist(() => put(`${prefix}end`, 'end', client.put(`${prefix}end`).value('end').exec()));
  await ended;
  tell({ told: 'done' });
  process.exitCode = 0;
  process.stdout.write('', () => process.exit());
}

main().catch((error) => {
  tell({ told: 'failed', error: error.stack });
  process.stdout.write('', () => process.exit(1));
});
