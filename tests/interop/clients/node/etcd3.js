// Holds the client `etcd3` against a running server.
'use strict';

const fs = require('node:fs');
const { deepStrictEqual: same, ok } = require('node:assert');
const { noop } = require('cockatiel'); // of which etcd3 has its policies
const { Etcd3, Range } = require('etcd3');
const program = require('./program.js');

const { ask, refusal, places, Queue } = program;
// By itself the client calls nobody for a time after a few errors, those that are wanted here too.
const faultHandling = { host: () => noop, global: noop };
const connect = (place, more = {}) =>
  new Etcd3({ hosts: [`http://${place}`], faultHandling, ...more });
const direct = connect(places.direct);
const through = connect(places.through);

const put = async (key, value) =>
  BigInt((await direct.put(key).value(value).exec()).header.revision);
const count = (prefix) => direct.getAll().prefix(prefix).count();

/** A watcher that is connected, and the queue of its events as text. */
async function watching(builder) {
  const events = new Queue();
  const watcher = await builder.create();
  const tell = (kind) => (kv, previous) =>
    events.add(`${kind} ${kv.key}=${kv.value}${previous ? ` was ${previous.value}` : ''}`);
  watcher.on('put', tell('put')).on('delete', tell('delete'));
  return { watcher, events };
}

program.main({
  async put() {
    const first = await put('put/a', '1');
    same(await put('put/a', '2'), first + 1n);
    const before = await direct.put('put/a').value('3').getPrevious();
    same([`${before.value}`, before.version, BigInt(before.mod_revision)], ['2', '2', first + 1n]);
    const error = await refusal(() => direct.put('').value('x').exec());
    ok(error.message.includes('etcdserver: key is not provided'), error.message);
  },

  async get() {
    const revision = await put('get/a', '1');
    await put('get/a', '2');
    const [now] = (await direct.get('get/a').exec()).kvs;
    same([`${now.value}`, BigInt(now.create_revision), now.version], ['2', revision, '2']);
    same(await direct.get('get/a').revision(`${revision}`).string(), '1');
    same(await direct.get('get/none').string(), null);
  },

  async prefix() {
    for (let number = 0; number < 5; number++) await put(`prefix/${number}`, `${number}`);
    same(Object.values(await direct.getAll().prefix('prefix/').strings()), [...'01234']);
    const page = await direct.getAll().prefix('prefix/').sort('Key', 'Descend').limit(2).exec();
    same([page.kvs.map((kv) => `${kv.value}`), page.more, page.count], [['4', '3'], true, '5']);
    same((await direct.delete().prefix('prefix/').exec()).deleted, '5');
  },

  async txn() {
    await put('txn/a', '1');
    const swap = () =>
      direct
        .if('txn/a', 'Value', '==', '1')
        .then(direct.put('txn/a').value('2'), direct.get('txn/a'))
        .else(direct.delete().key('txn/a'))
        .commit();
    let answer = await swap();
    same([answer.succeeded, `${answer.responses[1].response_range.kvs[0].value}`], [true, '2']);
    answer = await swap();
    same([answer.succeeded, answer.responses[0].response_delete_range.deleted], [false, '1']);
  },

  async watch() {
    const { watcher, events } = await watching(direct.watch().prefix('watch/').withPreviousKV());
    const revision = await put('watch/a', '1');
    await put('watch/a', '2');
    await direct.delete().key('watch/a');
    const wanted = ['put watch/a=1', 'put watch/a=2 was 1', 'delete watch/a= was 2'];
    same(await events.take(3), wanted);
    await watcher.cancel();
    const past = await watching(
      direct.watch().prefix('watch/').withPreviousKV().startRevision(`${revision}`),
    );
    same(await past.events.take(3), wanted);
    await past.watcher.cancel();
  },

  async resume() {
    const { watcher, events } = await watching(through.watch().prefix('resume/'));
    const found = [];
    for (const value of '0123') {
      await put('resume/a', value);
      found.push(...(await events.take(1)));
      await ask('cut');
    }
    await put('resume/a', '4');
    found.push(...(await events.take(1)));
    same(found, [...'01234'].map((value) => `put resume/a=${value}`));
    await watcher.cancel();
  },

  async lease() {
    const lease = direct.lease(60, { autoKeepAlive: false });
    const id = await lease.grant();
    await lease.put('lease/a').value('1').exec();
    for (let time = 0; time < 2; time++) same((await lease.keepaliveOnce()).TTL, '60');
    const left = await direct.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    same([left.grantedTTL, left.keys.map(String)], ['60', ['lease/a']]);
    await lease.revoke();
    same(await count('lease/a'), 0);
  },

  async deadline() {
    await through.get('a').string();
    await ask('stall');
    const soon = { deadline: Date.now() + program.DEADLINE_MS };
    const error = await refusal(() => through.get('a').options(soon).string());
    ok(error.message.includes('DEADLINE_EXCEEDED'), error.message);
    await ask('flow');
    same(await through.get('deadline/none').string(), null);
  },

  async cancel() {
    const { watcher, events } = await watching(direct.watch().prefix('cancel/'));
    await watcher.cancel();
    await put('cancel/a', '1');
    const next = await watching(direct.watch().prefix('cancel/'));
    await put('cancel/a', '2');
    same(await next.events.take(1), ['put cancel/a=2']);
    same(events.length, 0);
    await next.watcher.cancel();
    return 'cancels watchers only, calls have no way to be cancelled';
  },

  async large() {
    const value = Buffer.alloc(program.LARGE, Buffer.from([0, 1, 2, 0xfd, 0xfe]));
    await put('large', value);
    ok(value.equals(await direct.get('large').buffer()));
    const error = await refusal(() => put('large', Buffer.alloc(program.TOO_LARGE)));
    ok(error.message.includes('etcdserver: request is too large'), error.message);
  },

  async concurrent() {
    const before = await put('concurrent', '');
    const numbers = [...Array(program.MANY).keys()];
    const revisions = await Promise.all(numbers.map((n) => put(`concurrent/${n}`, `${n}`)));
    const order = (a, b) => (a < b ? -1 : 1);
    same(revisions.sort(order), numbers.map((n) => before + 1n + BigInt(n)));
    same(await count('concurrent/'), program.MANY);
  },

  async members() {
    const { members } = await direct.cluster.memberList({});
    same(members.map((member) => member.name), ['default']);
    const status = await direct.maintenance.status();
    same([status.version, status.leader], ['3.7.3', members[0].ID]);
  },

  async tls() {
    const read = (name) => fs.readFileSync(process.env[`CLIENT_${name}`]);
    const credentials = {
      rootCertificate: read('CA'),
      privateKey: read('KEY'),
      certChain: read('CERT'),
    };
    const secure = new Etcd3({ hosts: [`https://${places.secure}`], credentials });
    await secure.put('tls').value('1').exec();
    same(await secure.get('tls').string(), '1');
    secure.close();
  },

  async auth() {
    const login = (username, password) => connect(places.direct, { auth: { username, password } });
    const refused = async (call, text) => {
      const error = await refusal(call);
      ok(error.message.includes(text), error.message);
    };
    await direct.user('root').create('r');
    await direct.user('root').addRole('root');
    await direct.user('alice').create('a');
    const range = Range.prefix('alice/');
    await direct.role('writer').create();
    await direct.role('writer').grant({ permission: 'Readwrite', range });
    await direct.user('alice').addRole('writer');
    await direct.auth.authEnable();
    await refused(() => direct.get('alice/a').string(), 'etcdserver: user name is empty');
    await refused(
      () => login('alice', 'wrong').get('alice/a').string(),
      'etcdserver: authentication failed, invalid user ID or password',
    );
    const alice = login('alice', 'a');
    await alice.put('alice/a').value('1').exec();
    same(await alice.get('alice/a').string(), '1');
    await refused(() => alice.put('bob/a').value('1').exec(), 'etcdserver: permission denied');
    const root = login('root', 'r');
    await root.put('bob/a').value('2').exec();
    await root.auth.authDisable();
    same(await direct.get('bob/a').string(), '2');
  },
});
