import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { needsTool, temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError } from '../../errors/index.ts';
import { DescriptorSink, PathSink } from './sink.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string): string => join(folder.path, name);
const quiet = (): void => undefined;

describe('a sink to a path', () => {
  test('keeps every byte, in chunks of any size, and leaves zeroes out', () => {
    const parts: Buffer[] = [];
    const sink = new PathSink(at('mixed'), quiet);
    let seed = 7;
    for (let i = 0; i < 60; i++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      const part = Buffer.alloc(seed % 700_001, i % 3 === 0 ? i : 0);
      parts.push(part);
      if (i % 7 === 6) {
        sink.writeZeroes(part.length);
        parts[i] = Buffer.alloc(part.length);
      } else sink.write(part);
    }
    sink.end();
    const all = Buffer.concat(parts);
    assert.ok(readFileSync(at('mixed')).equals(all));
    assert.ok(statSync(at('mixed')).blocks * 512 < all.length * 0.8);
  });

  test('ends at its size, also where that is a hole', () => {
    const sink = new PathSink(at('hole'), quiet);
    sink.write(Buffer.from('x'));
    sink.writeZeroes(10_000_000);
    sink.end();
    assert.equal(statSync(at('hole')).size, 10_000_001);
    const blank = new PathSink(at('blank'), quiet);
    blank.write(Buffer.alloc(1_048_576));
    blank.end();
    assert.equal(statSync(at('blank')).size, 1_048_576);
    assert.equal(statSync(at('blank')).blocks, 0);
  });

  test('removes only what it made when the call fails', () => {
    writeFileSync(at('old'), 'old');
    for (const name of ['old', 'new']) {
      const untouched = new PathSink(at(name), quiet);
      untouched.abort();
      assert.equal(existsSync(at(name)), name === 'old');
      const begun = new PathSink(at(name), quiet);
      begun.write(Buffer.alloc(300_000, 1));
      begun.abort();
      assert.equal(existsSync(at(name)), name === 'old');
    }
    assert.equal(statSync(at('old')).size, 300_000);
  });

  test('writes to a FIFO as to a pipe', { skip: needsTool('mkfifo') }, () => {
    execFileSync('mkfifo', [at('fifo')]);
    const reader = `cat "$0" > "$1"`;
    const script = `
      import { spawn } from 'node:child_process';
      import { PathSink } from './src/backends/io/sink.ts';
      const [fifo, copy] = process.argv.slice(1);
      spawn('sh', ['-c', ${JSON.stringify(reader)}, fifo, copy], { stdio: 'inherit' });
      const sink = new PathSink(fifo, () => undefined);
      sink.write(new Uint8Array(500_000));
      sink.writeZeroes(500_000);
      sink.write(Buffer.from('end'));
      sink.end();
    `;
    const root = join(import.meta.dirname, '..', '..', '..');
    execFileSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script, at('fifo'), at('copy')],
      {
        cwd: root,
      },
    );
    assert.ok(readFileSync(at('copy')).equals(Buffer.concat([Buffer.alloc(1_000_000), Buffer.from('end')])));
  });

  test('a full disk is ENOSPC', { skip: existsSync('/dev/full') ? false : 'there is no /dev/full' }, () => {
    const sink = new PathSink('/dev/full', quiet);
    sink.write(Buffer.from('x'));
    assert.throws(
      () => sink.end(),
      (error) => error instanceof GuestfsError && error.code === 'ENOSPC' && error.path === '/dev/full',
    );
    sink.abort();
    assert.ok(existsSync('/dev/full'));
  });
});

test('a descriptor that nobody has is EBADF', () => {
  const sink = new DescriptorSink(999, quiet);
  sink.write(Buffer.from('x'));
  assert.throws(() => sink.end(), {
    code: 'EBADF',
    message: '/dev/fd/999: cannot write: bad file descriptor',
  });
});
