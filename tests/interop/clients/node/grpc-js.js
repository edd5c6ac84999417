// Holds the stubs that @grpc/grpc-js makes of etcd's .proto files against a running server.
'use strict';

const fs = require('node:fs');
const { deepStrictEqual: same, ok } = require('node:assert');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const program = require('./program.js');

const { ask, refusal, places, Queue } = program;

const definition = loader.loadSync(
  ['kv', 'watch', 'lease', 'auth', 'cluster', 'maintenance'].map(
    (name) => `fake_etcd/etcdserverpb/${name}.proto`,
  ),
  { includeDirs: [process.env.CLIENT_PROTOS], keepCase: true, longs: String, enums: String,
    defaults: true },
);
const { etcdserverpb: api } = grpc.loadPackageDefinition(definition);
const SERVICES = { KV: api.KV, Lease: api.Lease, Auth: api.Auth, Watch: api.Watch,
  Cluster: api.Cluster, Maintenance: api.Maintenance };
const plain = grpc.credentials.createInsecure();

/** All services of a place, on connections of their own. */
const connect = (place, credentials = plain) =>
  Object.fromEntries(
    Object.entries(SERVICES).map(([name, Service]) => [name, new Service(place, credentials)]),
  );

const direct = connect(places.direct);
const through = connect(places.through);
const bytes = (text) => Buffer.from(text);

/** What a call of one answer gives. `options` are grpc's; a token goes as metadata. */
function call(client, method, request, { token, started, ...options } = {}) {
  const metadata = new grpc.Metadata();
  if (token) metadata.set('token', token);
  return new Promise((resolve, reject) => {
    const going = client[method](request, metadata, options, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    started?.(going);
  });
}

async function refused(going, code, details) {
  const error = await refusal(() => going);
  same([error.code, error.details], [code, details ?? error.details]);
}

const put = async (key, value, more = {}) =>
  BigInt((await call(direct.KV, 'Put', { key: bytes(key), value: bytes(value), ...more }))
    .header.revision);
const find = (key, more = {}) => call(direct.KV, 'Range', { key: bytes(key), ...more });
const below = (prefix) => ({ key: bytes(`${prefix}/`), range_end: bytes(`${prefix}0`) });

/** A watcher that was answered already: its call, its events as text, how it ended. */
async function watching(client, create) {
  const stream = client.Watch.Watch();
  const [created, events, ended] = [new Queue(), new Queue(), new Queue()];
  stream.on('data', (answer) => {
    if (answer.created || answer.canceled) created.add(answer);
    for (const { type, kv, prev_kv: previous } of answer.events) {
      events.add(`${type} ${kv.key}=${kv.value}${previous ? ` was ${previous.value}` : ''}`);
    }
  });
  stream.on('error', (error) => ended.add(error));
  stream.write({ create_request: create });
  same((await created.take(1))[0].created, true);
  return { stream, created, events, ended };
}

program.main({
  async put() {
    const first = await put('put/a', '1');
    same(await put('put/a', '2'), first + 1n);
    const request = { key: bytes('put/a'), value: bytes('3'), prev_kv: true };
    const { prev_kv: before } = await call(direct.KV, 'Put', request);
    same([`${before.value}`, before.version, BigInt(before.mod_revision)], ['2', '2', first + 1n]);
    const code = grpc.status.INVALID_ARGUMENT;
    await refused(put('', 'x'), code, 'etcdserver: key is not provided');
  },

  async get() {
    const revision = await put('get/a', '1');
    await put('get/a', '2');
    const [now] = (await find('get/a')).kvs;
    same([`${now.value}`, BigInt(now.create_revision), now.version], ['2', revision, '2']);
    same(`${(await find('get/a', { revision: `${revision}` })).kvs[0].value}`, '1');
    same((await find('get/none')).count, '0');
  },

  async prefix() {
    for (const value of '01234') await put(`prefix/${value}`, value);
    const everything = below('prefix');
    const all = await call(direct.KV, 'Range', everything);
    same(all.kvs.map((kv) => `${kv.value}`), [...'01234']);
    const backwards = { ...everything, limit: 2, sort_order: 'DESCEND' };
    const page = await call(direct.KV, 'Range', backwards);
    same([page.kvs.map((kv) => `${kv.value}`), page.more, page.count], [['4', '3'], true, '5']);
    same((await call(direct.KV, 'DeleteRange', everything)).deleted, '5');
  },

  async txn() {
    await put('txn/a', '1');
    const key = bytes('txn/a');
    const swap = () =>
      call(direct.KV, 'Txn', {
        compare: [{ key, target: 'VALUE', result: 'EQUAL', value: bytes('1') }],
        success: [{ request_put: { key, value: bytes('2') } }, { request_range: { key } }],
        failure: [{ request_delete_range: { key } }],
      });
    let answer = await swap();
    same([answer.succeeded, `${answer.responses[1].response_range.kvs[0].value}`], [true, '2']);
    answer = await swap();
    same([answer.succeeded, answer.responses[0].response_delete_range.deleted], [false, '1']);
  },

  async watch() {
    const wanted = ['PUT watch/a=1', 'PUT watch/a=2 was 1', 'DELETE watch/a= was 2'];
    const created = { ...below('watch'), prev_kv: true };
    const now = await watching(direct, created);
    const revision = await put('watch/a', '1');
    await put('watch/a', '2');
    await call(direct.KV, 'DeleteRange', { key: bytes('watch/a') });
    same(await now.events.take(3), wanted);
    now.stream.cancel();
    const past = await watching(direct, { ...created, start_revision: `${revision}` });
    same(await past.events.take(3), wanted);
    past.stream.cancel();
  },

  async resume() {
    const found = [];
    for (const value of '012') {
      const revision = await put('resume/a', value);
      const created = { ...below('resume'), start_revision: `${revision}` };
      const { events, ended } = await watching(through, created);
      found.push(...(await events.take(1)));
      await ask('cut');
      same((await ended.take(1))[0].code, grpc.status.UNAVAILABLE);
      same(events.length, 0);
    }
    same(found, [...'012'].map((value) => `PUT resume/a=${value}`));
    return 'no resume of its own: watched again from the next revision';
  },

  async lease() {
    const granted = await call(direct.Lease, 'LeaseGrant', { TTL: 60 });
    same(granted.TTL, '60');
    await put('lease/a', '1', { lease: granted.ID });
    const stream = direct.Lease.LeaseKeepAlive();
    const kept = new Queue();
    stream.on('data', (answer) => kept.add(answer));
    for (let time = 0; time < 2; time++) {
      stream.write({ ID: granted.ID });
      const [answer] = await kept.take(1);
      same([answer.ID, answer.TTL], [granted.ID, '60']);
    }
    stream.end();
    const asked = { ID: granted.ID, keys: true };
    const left = await call(direct.Lease, 'LeaseTimeToLive', asked);
    same([left.grantedTTL, left.keys.map(String)], ['60', ['lease/a']]);
    await call(direct.Lease, 'LeaseRevoke', { ID: granted.ID });
    same((await find('lease/a')).count, '0');
  },

  async deadline() {
    await call(through.KV, 'Range', { key: bytes('a') });
    await ask('stall');
    const soon = { deadline: Date.now() + program.DEADLINE_MS };
    const late = call(through.KV, 'Range', { key: bytes('a') }, soon);
    await refused(late, grpc.status.DEADLINE_EXCEEDED);
    await ask('flow');
    same((await call(through.KV, 'Range', { key: bytes('deadline/none') })).count, '0');
  },

  async cancel() {
    await call(through.KV, 'Range', { key: bytes('a') });
    await ask('stall');
    const started = (going) => setImmediate(() => going.cancel());
    const going = call(through.KV, 'Range', { key: bytes('a') }, { started });
    await refused(going, grpc.status.CANCELLED);
    await ask('flow');
    same((await call(through.KV, 'Range', { key: bytes('cancel/none') })).count, '0');
    const { stream, created, events } = await watching(direct, below('cancel'));
    stream.write({ cancel_request: { watch_id: 0 } });
    same((await created.take(1))[0].canceled, true);
    await put('cancel/a', '1');
    stream.write({ create_request: { key: bytes('x') } });
    same((await created.take(1))[0].created, true);
    same(events.length, 0);
    stream.cancel();
  },

  async large() {
    const value = Buffer.alloc(program.LARGE, Buffer.from([0, 1, 2, 0xfd, 0xfe]));
    await put('large', value);
    ok(value.equals((await find('large')).kvs[0].value));
    const going = put('large', Buffer.alloc(program.TOO_LARGE));
    await refused(going, grpc.status.INVALID_ARGUMENT, 'etcdserver: request is too large');
  },

  async concurrent() {
    const before = await put('concurrent', '');
    const numbers = [...Array(program.MANY).keys()];
    const revisions = await Promise.all(numbers.map((n) => put(`concurrent/${n}`, `${n}`)));
    const order = (a, b) => (a < b ? -1 : 1);
    same(revisions.sort(order), numbers.map((n) => before + 1n + BigInt(n)));
    same((await call(direct.KV, 'Range', below('concurrent'))).count, `${program.MANY}`);
  },

  async members() {
    const { members } = await call(direct.Cluster, 'MemberList', {});
    same(members.map((member) => member.name), ['default']);
    const status = await call(direct.Maintenance, 'Status', {});
    same([status.version, status.leader], ['3.7.3', members[0].ID]);
  },

  async tls() {
    const files = ['CA', 'KEY', 'CERT'].map((name) => fs.readFileSync(process.env[`CLIENT_${name}`]));
    const { KV } = connect(places.secure, grpc.credentials.createSsl(...files));
    await call(KV, 'Put', { key: bytes('tls'), value: bytes('1') });
    same(`${(await call(KV, 'Range', { key: bytes('tls') })).kvs[0].value}`, '1');
    KV.close();
  },

  async auth() {
    const login = async (name, password) =>
      (await call(direct.Auth, 'Authenticate', { name, password })).token;
    const permission = { permType: 'READWRITE', ...below('alice') };
    for (const [method, request] of [
      ['UserAdd', { name: 'root', password: 'r' }],
      ['UserGrantRole', { user: 'root', role: 'root' }],
      ['UserAdd', { name: 'alice', password: 'a' }],
      ['RoleAdd', { name: 'writer' }],
      ['RoleGrantPermission', { name: 'writer', perm: permission }],
      ['UserGrantRole', { user: 'alice', role: 'writer' }],
      ['AuthEnable', {}],
    ]) {
      await call(direct.Auth, method, request);
    }
    const { INVALID_ARGUMENT, PERMISSION_DENIED } = grpc.status;
    await refused(find('alice/a'), INVALID_ARGUMENT, 'etcdserver: user name is empty');
    const failed = 'etcdserver: authentication failed, invalid user ID or password';
    await refused(login('alice', 'wrong'), INVALID_ARGUMENT, failed);
    const alice = { token: await login('alice', 'a') };
    const root = { token: await login('root', 'r') };
    const set = (key, value, who) =>
      call(direct.KV, 'Put', { key: bytes(key), value: bytes(value) }, who);
    await set('alice/a', '1', alice);
    const found = await call(direct.KV, 'Range', { key: bytes('alice/a') }, alice);
    same(`${found.kvs[0].value}`, '1');
    await refused(set('bob/a', '1', alice), PERMISSION_DENIED, 'etcdserver: permission denied');
    await set('bob/a', '2', root);
    await call(direct.Auth, 'AuthDisable', {}, root);
    same(`${(await find('bob/a')).kvs[0].value}`, '2');
  },
});
