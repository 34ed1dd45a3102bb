import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/tools.ts';
import { COMPILED_FILE, compileDaemon, DAEMON_FILE, DAEMON_START, START_FILE } from './daemon-start.ts';

describe('the daemon compiled in advance', () => {
  let folder: { path: string; remove: () => void };
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  /** A daemon that hears a conversation out and says how it was started. */
  const DAEMON = `#!/usr/bin/env node
const fs = require('node:fs');
const heard = process.argv[3] === undefined ? 0 : fs.readFileSync(0).length;
console.log(JSON.stringify([process.argv.slice(2), heard > 100, require('node:path').basename(__filename)]));
`;

  function started(...args: string[]): { stdout: string; stderr: string } {
    return spawnSync(process.execPath, [join(folder.path, START_FILE), ...args], { encoding: 'utf8' });
  }

  function install(compiled: Uint8Array): void {
    writeFileSync(join(folder.path, START_FILE), DAEMON_START);
    writeFileSync(join(folder.path, COMPILED_FILE), compiled);
  }

  test('is what the same Node takes, and runs as the daemon itself', () => {
    const daemon = join(folder.path, DAEMON_FILE);
    writeFileSync(daemon, DAEMON);
    const compiled = compileDaemon(daemon);
    assert.ok('bytes' in compiled, JSON.stringify(compiled));
    install(compiled.bytes);
    const { stdout, stderr } = started('--verbose');
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), [['--verbose'], false, DAEMON_FILE]);
  });

  test('is left alone where it does not fit: the daemon starts all the same', () => {
    const daemon = join(folder.path, DAEMON_FILE);
    const other = join(folder.path, 'other.cjs');
    writeFileSync(other, `${DAEMON}\n// longer`);
    const compiled = compileDaemon(other);
    assert.ok('bytes' in compiled);
    install(compiled.bytes);
    writeFileSync(daemon, DAEMON);
    const { stdout, stderr } = started();
    assert.match(stderr, /does not fit this Node/);
    assert.deepEqual(JSON.parse(stdout), [[], false, DAEMON_FILE]);
  });

  test('a daemon that cannot run is no failure, and the reason is told', () => {
    const daemon = join(folder.path, DAEMON_FILE);
    writeFileSync(daemon, `throw new Error('not today')`);
    const compiled = compileDaemon(daemon);
    assert.ok('reason' in compiled);
    assert.match(compiled.reason, /status 1: [\s\S]*not today/);
  });
});
