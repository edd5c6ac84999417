// What the client programs in JavaScript share; tests/interop/clients/runner.py has the other end.
'use strict';

const assert = require('node:assert');
const lines = require('node:readline').createInterface({ input: process.stdin });

exports.LARGE = 1_400_000;
exports.TOO_LARGE = 1_600_000;
exports.MANY = 100;
exports.DEADLINE_MS = 500;

exports.places = {
  direct: process.env.CLIENT_DIRECT,
  through: process.env.CLIENT_THROUGH,
  secure: process.env.CLIENT_SECURE,
};

const answers = lines[Symbol.asyncIterator]();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Have the proxy cut, stall or flow. */
exports.ask = async (what) => {
  say({ do: what });
  assert.strictEqual((await answers.next()).value, 'done');
};

/** The error that a call ends with. */
exports.refusal = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('it was answered');
};

/** A queue of what comes by itself; `take(count)` waits for so many. */
exports.Queue = class {
  #items = [];
  #wake = () => {};
  add(item) {
    this.#items.push(item);
    this.#wake();
  }
  async take(count) {
    while (this.#items.length < count) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#items.splice(0, count);
  }
  get length() {
    return this.#items.length;
  }
};

/** Run those checks that are wanted; each may give a note. */
exports.main = async (checks) => {
  for (const name of process.env.CLIENT_CHECKS.split(',')) {
    try {
      const note = await checks[name]();
      say({ check: name, ok: true, ...(note ? { note } : {}) });
    } catch (error) {
      console.error(error);
      say({ check: name, ok: false, detail: String(error) });
    }
  }
  process.exit(0);
};
