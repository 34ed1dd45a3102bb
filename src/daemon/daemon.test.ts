import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { emptyPlatform } from '../../test/support/fake-engine.ts';
import { GuestfsError } from '../errors/index.ts';
import type { ActionContext, ByteSink } from './context.ts';
import { Daemon, type Implementations } from './daemon.ts';

const platform = emptyPlatform({ drives: [], warn: () => undefined });

function daemon(actions: Implementations): Daemon {
  return new Daemon(
    platform,
    {
      warn: () => undefined,
      progress: () => undefined,
      checkCancelled: () => undefined,
    },
    actions,
  );
}

function thrown(run: () => unknown): GuestfsError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof GuestfsError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

describe('the dispatcher', () => {
  test('gives implementations their context, arguments in order, streams in place, options last', () => {
    const seen: unknown[] = [];
    const d = daemon({
      tar_out: (...args: unknown[]) => void seen.push(...args.slice(1)),
      echo_daemon: (context: ActionContext, words: string[]) => `${context.platform.name} ${words.join(' ')}`,
    });
    assert.equal(d.call('echo_daemon', [['a', 'b']]), 'engine a b');
    const output: ByteSink = { write: () => undefined };
    d.call('tar_out_opts', ['/d'], { compress: 'gzip' }, { output });
    assert.deepEqual(seen, ['/d', output, { compress: 'gzip' }]);
  });

  test('refuses what it cannot run', () => {
    const d = daemon({ cat: () => '' });
    assert.equal(thrown(() => d.call('nope', [])).code, 'ENOSYS');
    assert.equal(thrown(() => d.call('launch', [])).code, 'ENOSYS');
    const missing = thrown(() => d.call('sh', ['ls']));
    assert.equal(missing.code, 'ENOTSUP');
    assert.equal(missing.action, 'sh');
    assert.match(
      missing.message,
      /^sh: the engine backend does not have this action; the appliance backend has it$/,
    );
    for (const args of [[], ['/a', '/b'], [5], ['a'], ['/a\0']]) {
      const error = thrown(() => d.call('cat', args));
      assert.equal(error.code, 'EINVAL');
      assert.equal(error.action, 'cat');
    }
    assert.equal(thrown(() => daemon({ toString: () => '' }).call('toString', [])).code, 'ENOSYS');
    assert.equal(thrown(() => daemon({ tar_out: () => undefined }).call('tar_out', ['/d'])).code, 'EINVAL');
  });

  test('overwrites its copies of keys when the call is over', () => {
    let seen: Uint8Array | undefined;
    const d = daemon({
      luks_open: (_context: ActionContext, _device: string, key: Uint8Array) => void (seen = key),
    });
    const mine = new Uint8Array([1, 2, 3]);
    d.call('luks_open', ['/dev/sda', mine, 'name']);
    assert.deepEqual(seen, new Uint8Array(3));
    assert.deepEqual(mine, new Uint8Array([1, 2, 3]));
  });

  test('turns whatever is thrown into a GuestfsError of the action', () => {
    const throwing = (error: unknown): GuestfsError =>
      thrown(() =>
        daemon({
          ping_daemon: () => {
            throw error;
          },
        }).call('ping_daemon', []),
      );
    const own = new GuestfsError('EROFS', 'x');
    assert.equal(throwing(own), own);
    assert.equal(own.action, 'ping_daemon');
    const system = throwing(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC', path: '/x' }));
    assert.deepEqual([system.code, system.path], ['ENOSPC', '/x']);
    assert.equal(throwing(new RangeError('Array buffer allocation failed')).code, 'ENOMEM');
    assert.equal(throwing(new RangeError('Maximum call stack size exceeded')).code, 'ENOMEM');
    const bug = throwing(new TypeError('x is undefined'));
    assert.equal(bug.code, 'EFAULT');
    assert.ok(bug.cause instanceof TypeError);
    assert.equal(throwing('text').code, 'EFAULT');
  });
});

test('the registries have every topic', () => {
  const folder = join(import.meta.dirname, 'actions');
  // A topic may be in several files, of which one takes in the others.
  const registry = [
    join(import.meta.dirname, 'registry.ts'),
    join(import.meta.dirname, 'linux-registry.ts'),
    ...readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  ]
    .map((name) => readFileSync(name, 'utf8'))
    .join('\n');
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const text = readFileSync(join(import.meta.dirname, 'actions', file), 'utf8');
    const name = /^export const (\w+Actions) = /m.exec(text)?.[1];
    if (name !== undefined) assert.ok(registry.includes(`...${name},`), `${file} is not in the registry`);
  }
});
