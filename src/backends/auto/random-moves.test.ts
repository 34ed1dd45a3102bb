import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FakeMachine, type FakePlan } from '../../../test/support/fake-machine.ts';
import { temporaryFolder } from '../../../test/support/tools.ts';
import { GuestfsError } from '../../errors/index.ts';
import { BACKEND, backendEvents, Guestfs } from '../../handle/guestfs.ts';
import { createEnginePlatform } from '../../platform/engine/index.ts';
import { OwnThreadBackend } from '../engine/own-thread.ts';
import { AutoBackend } from './index.ts';

const MIB = 1024 * 1024;
const ROUNDS = 16;
const STEPS = 40;

const folder = temporaryFolder();
after(() => folder.remove());
const path = (name: string): string => join(folder.path, name);

/** Numbers from a seed: a linear congruential generator, as Numerical Recipes has it. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

before(async () => {
  const g = new Guestfs({ environment: false, thread: 'own' });
  for (const [name, size] of Object.entries({ plain: 16, base: 16, volumes: 64 })) {
    writeFileSync(path(name), '');
    truncateSync(path(name), size * MIB);
    await g.addDrive(path(name), { format: 'raw' });
  }
  await g.launch();
  await g.mkfs('ext4', '/dev/sda');
  await g.mkfs('vfat', '/dev/sdb');
  await g.pvcreate('/dev/sdc');
  await g.vgcreate('vg', ['/dev/sdc']);
  for (const name of ['one', 'two']) {
    await g.lvcreate(name, 'vg', 16);
    await g.mkfs(name === 'one' ? 'ext4' : 'ext2', `/dev/vg/${name}`);
  }
  await g.close();
});

async function begin(plan: FakePlan, seed: number): Promise<Guestfs> {
  const g = new Guestfs({
    environment: false,
    backend: 'auto',
    [BACKEND]: (core) =>
      new AutoBackend(backendEvents(core), {
        makeEngine: (events) => new OwnThreadBackend(createEnginePlatform, events),
        makeMachine: (events) => new FakeMachine(events, plan),
      }),
  });
  await g.setTmpdir(folder.path);
  const overlay = path(`overlay-${seed}.qcow2`);
  await g.diskCreate(overlay, 'qcow2', -1, { backingfile: path('base'), backingformat: 'raw' });
  await g.addDrive(path('plain'), { format: 'raw', readonly: true });
  await g.addDrive(overlay, { format: 'qcow2', backing: 'any' });
  await g.addDrive(path('volumes'), { format: 'raw', readonly: seed % 2 === 0 });
  await g.launch();
  return g;
}

const DEVICES = ['/dev/sda', '/dev/sdb', '/dev/vg/one', '/dev/vg/two', '/dev/vg/new'];
const PLACES = ['/', '/a', '/a/b', '/c', '/dir', '/a/dir', '/c/dir'];
const OPTIONS = ['', 'ro', 'noatime', 'ro,noatime'];
const FILES = ['/f', '/a/f', '/a/b/f', '/dir/f', '/c/f', '/c/dir/f'];

/** One operation, which may well be refused. */
async function step(g: Guestfs, next: (below: number) => number): Promise<void> {
  const any = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const attempts: (() => Promise<unknown>)[] = [
    () => g.mountOptions(any(OPTIONS), any(DEVICES), any(PLACES)),
    () => g.mountOptions(any(OPTIONS), any(DEVICES), any(PLACES)),
    () => g.mountLoop(any(FILES), any(PLACES)),
    () => g.mkmountpoint(any(PLACES)),
    () => g.rmmountpoint(any(PLACES)),
    () => g.umount(any([...PLACES, ...DEVICES])),
    () => g.write(any(FILES), `${next(1000)}\n`.repeat(1 + next(2000))),
    () => g.fallocate64(any(FILES), MIB),
    () => g.mkfs('ext2', any(DEVICES)),
    () => g.mkdirP(any(PLACES)),
    () => g.rm(any(FILES)),
    () => g.rmRf(any(PLACES)),
    () => g.mv(any(PLACES), any(PLACES)),
    () => g.umask(any([0o022, 0o077, 0])),
    () => g.remount(any(PLACES), { rw: next(2) === 0 }),
    () => (next(2) === 0 ? g.blockdevSetro(any(DEVICES)) : g.blockdevSetrw(any(DEVICES))),
    async () => {
      // A group is moved with all of its volumes active, or none.
      await g.vgActivate(true, ['vg']);
      await g.lvcreate('new', 'vg', 8);
    },
    () => g.lvremove('/dev/vg/new'),
    () => g.vgActivate(next(3) > 0, ['vg']),
    () => (next(2) === 0 ? g.lvmSetFilter(['/dev/sdc']) : g.lvmClearFilter()),
  ];
  try {
    await any(attempts)();
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
  }
}

/** Everything that can be asked about a session. */
async function stateOf(g: Guestfs): Promise<unknown> {
  const ask = async <T>(what: () => Promise<T>): Promise<T | string> => {
    try {
      return await what();
    } catch (error) {
      return (error as GuestfsError).code;
    }
  };
  const isReadonly: Record<string, unknown> = {};
  for (const device of DEVICES) isReadonly[device] = await ask(() => g.blockdevGetro(device));
  const files: Record<string, unknown> = {};
  const found = await ask(() => g.find('/'));
  for (const name of Array.isArray(found) ? found : []) {
    const file = `/${name}`;
    const { stMode, stSize } = await g.lstatns(file);
    files[file] = [stMode, (await g.isFile(file)) ? await g.checksum('md5', file) : '', stSize];
  }
  return {
    mounts: await g.mounts(),
    mountpoints: await g.mountpoints(),
    umask: await g.getUmask(),
    volumes: await g.lvs(),
    filesystems: await g.listFilesystems(),
    isReadonly,
    found,
    files,
  };
}

test('whatever was done before, everything is as it was after a move and after one that fails', async () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const plan: FakePlan = { log: [], ...(seed % 3 === 0 ? { fails: 'launch' } : {}) };
    const g = await begin(plan, seed);
    const next = numbers(seed);
    for (let count = 0; count < STEPS; count++) await step(g, next);
    const before = await stateOf(g);
    if (plan.fails === undefined) await g.sh('mounts');
    else await assert.rejects(g.sh('mounts'), /launch fails as planned/);
    assert.deepEqual(await stateOf(g), before, `seed ${seed}`);
    await g.close();
  }
});
