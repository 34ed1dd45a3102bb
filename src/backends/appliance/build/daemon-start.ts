/**
 * The daemon is a megabyte of JavaScript, and without KVM compiling it takes longer than all else that it does at its
 * start. So the appliance keeps it compiled, in a V8 code cache made by the same Node when the appliance is built.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { actionEntry } from '../../../actions/table.ts';
import { plainCall } from '../../../rpc/library-call.ts';
import { requestMessage } from '../../../rpc/library-connection.ts';
import { HELLO, writeHello } from '../../../rpc/own-protocol.ts';

/** Names beside each other. */
export const DAEMON_FILE = 'guestfsd.cjs';
export const COMPILED_FILE = 'guestfsd.compiled';
export const START_FILE = 'start.cjs';

/** Milliseconds that compiling may take. */
const LIMIT = 60_000;
/** Calls whose functions are compiled too: of those that look at nothing but what there is. */
const REHEARSED = ['ping_daemon', 'list_devices', 'available_all_groups'];

/** Program that runs the daemon beside it, out of the cache where V8 says that it fits. */
export const DAEMON_START = `'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { createRequire } = require('node:module');
const file = fs.realpathSync(path.join(__dirname, '${DAEMON_FILE}'));
let cachedData;
try {
  cachedData = fs.readFileSync(path.join(__dirname, '${COMPILED_FILE}'));
} catch {
  // None could be made.
}
// The bundle is ASCII.
const source = fs.readFileSync(file, 'latin1').replace(/^#!.*/, '');
const script = new vm.Script(\`(function (exports, require, module, __filename, __dirname) {\${source}\\n})\`, {
  filename: file,
  cachedData,
});
if (script.cachedDataRejected) console.error('guestfsd: what was compiled in advance does not fit this Node');
const keep = process.env.GUESTFSD_COMPILED;
if (keep !== undefined) process.once('exit', () => fs.writeFileSync(keep, script.createCachedData()));
process.argv[1] = file;
const module_ = { exports: {} };
script.runInThisContext()(module_.exports, createRequire(file), module_, file, path.dirname(file));
`;

/**
 * The daemon compiled: what Node keeps of a run that answers a few harmless calls. Where that does not work, the reason;
 * the appliance then starts more slowly.
 */
export function compileDaemon(daemon: string): { bytes: Uint8Array } | { reason: string } {
  const folder = mkdtempSync(join(tmpdir(), 'guestfsd-'));
  try {
    const start = join(folder, START_FILE);
    const compiled = join(folder, COMPILED_FILE);
    writeFileSync(start, DAEMON_START);
    symlinkSync(resolve(daemon), join(folder, DAEMON_FILE));
    // Flags of this process would make another cache than the appliance's Node takes, and what is rehearsed proves nothing.
    const { NODE_OPTIONS: _, GUESTFS_ACTION_LOG: __, ...environment } = process.env;
    const args = [start, '--sysroot', folder, '--channel', 'fd:0'];
    const { status, signal, stderr, error } = spawnSync(process.execPath, args, {
      env: { ...environment, GUESTFSD_COMPILED: compiled },
      input: conversation(),
      timeout: LIMIT,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    if (status === 0) return { bytes: readFileSync(compiled) };
    return { reason: error?.message ?? `${signal ?? `status ${status}`}: ${stderr.toString().trim()}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a library sends that makes itself known and calls a few actions. */
function conversation(): Uint8Array {
  const calls = REHEARSED.map((name) => plainCall(name, actionEntry(name)?.proc as number));
  calls.unshift(plainCall('hello', HELLO, writeHello));
  return Buffer.concat(calls.map(requestMessage));
}
