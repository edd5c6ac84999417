// One of the clients of `python -m soak`, on the etcd3 package. What it does and what it prints is
// said in soak/told.py.
'use strict';

const { noop } = require('cockatiel'); // of which etcd3 has its policies
const { Etcd3 } = require('etcd3');

const [endpoint, name, workers, steps, pause, seed] = process.argv.slice(2, 8).map((text, index) =>
  index < 2 ? text : Number(text));
const prefix = `${name}/`;
// By default a host that failed three times in a row is left alone for five seconds, and so is all
// that is to be tried here.
const tryAlways = { host: () => noop, global: noop };
const client = new Etcd3({ hosts: endpoint, faultHandling: tryAlways });
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

/**
 * Tells every event of the prefix; the promise it gives is kept by the one that ends it. The package
 * resumes by itself, but from too late where it is cut before the first event; so after each cut
 * this one watches anew, from the revision behind the last event.
 */
function watch() {
  let next = 1;
  return new Promise((resolve, reject) => {
    const open = async () => {
      let isOver = false;
      const watcher = client.watch().prefix(prefix).startRevision(next).watcher();
      const again = () => {
        if (isOver) return;
        isOver = true;
        watcher.cancel().catch((error) => tell({ told: 'watch', error: reason(error) }));
        setTimeout(() => open().catch(reject), 20);
      };
      watcher.on('disconnected', again);
      watcher.on('error', (error) => {
        if (isOver) return;
        tell({ told: 'watch', error: reason(error) });
        again();
      });
      watcher.on('data', (response) => {
        if (isOver) return;
        for (const event of response.events) {
          const key = event.kv.key.toString();
          const told = { told: 'event', key, revision: Number(event.kv.mod_revision) };
          const isPut = event.type === 'Put';
          tell(isPut ? { ...told, value: event.kv.value.toString() } : { ...told, absent: true });
          next = told.revision + 1;
          if (key === `${prefix}end`) {
            isOver = true; // leases that expire go on making events
            resolve();
            return;
          }
        }
      });
    };
    open().catch(reject);
  });
}

/** Does it again until it is done. */
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
  const ended = watch();
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
