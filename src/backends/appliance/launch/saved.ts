/**
 * Saved machines: one that has booted without disks is stopped and its memory kept in a file. Later machines begin
 * with a private view of that memory and get their disks then, which takes a twentieth of the time of a boot.
 */
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { GuestfsError } from '../../../errors/index.ts';
import type { RemoteSession } from '../../remote/session.ts';
import { applianceCache, KEPT_DAYS, madeOnce, noteUse, tidyCache } from '../build/cache.ts';
import { type MachineFacts, type MachinePlan, processorModel } from './arguments.ts';
import { attachmentOf } from './attachment.ts';
import { Machine, type MachineEvents, type MachineLines } from './machine.ts';
import { Monitor } from './monitor.ts';
import { PrivateFolder } from './private-folder.ts';
import { backendSetting } from './settings.ts';

const MEMORY = 'memory';
const STATE = 'state';
/** Milliseconds between looks at a migration. */
const POLL = 5;
/** Milliseconds that saving or restoring may take before the machine boots instead. */
const LIMIT = 30_000;
const MIB = 1024 * 1024;
const REHEARSALS = 3;
/** Small calls after which Node has begun to note what the functions of a call meet. */
const FIRST_CALLS = 1000;
/** Small calls, several at once and then one by one, until Node has compiled what all calls have in common. */
const PILED_CALLS = 12_000;
const SMALL_CALLS = 1000;
const CAPABILITY = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };

/** Begins to speak through a line to a daemon that has not said the launch word yet. */
export type Connect = (channel: Socket) => RemoteSession;

/** What makes a saved machine another one: everything of the command line that is not the user's disks. */
function keyOf(plan: MachineFacts, hypervisor: string): string {
  const { settings, acceleration, appliance, sandbox } = plan;
  const facts = [appliance.uuid, appliance.kernel, hypervisor, settings.hv, acceleration, sandbox];
  const more = [
    processorModel(acceleration),
    settings.memsize,
    settings.smp,
    settings.network,
    settings.selinux,
    backendSetting(settings, 'machine'),
    process.arch,
    process.env['TERM'],
  ];
  return createHash('sha256')
    .update(JSON.stringify([...facts, ...more]))
    .digest('hex');
}

/** Folder of the saved machine that fits, made if it is not there. Throws what booting and saving throw. */
export async function savedMachine(
  plan: MachineFacts,
  hypervisor: string,
  limit: number,
  connect: Connect,
  events: MachineEvents,
): Promise<string> {
  const cache = applianceCache(plan.settings.cachedir);
  const folder = join(cache, `machine-${keyOf(plan, hypervisor).slice(0, 16)}`);
  await madeOnce(cache, folder, async (unfinished) => {
    await save(plan, unfinished, limit, connect, events);
    tidyCache(cache, unfinished, KEPT_DAYS);
  });
  const { mode, uid } = statSync(folder);
  if ((mode & 0o077) !== 0 || uid !== process.getuid?.()) {
    throw new GuestfsError('EPERM', `${folder}: others may change the saved machine, it is not used`, {
      path: folder,
    });
  }
  noteUse(folder);
  return folder;
}

/** Forget a saved machine that cannot be restored. */
export function dropSavedMachine(folder: string): void {
  const gone = `${folder}.gone-${process.pid}`;
  try {
    renameSync(folder, gone);
    rmSync(gone, { recursive: true, force: true });
  } catch {
    // Somebody else has done it.
  }
}

async function save(
  facts: MachineFacts,
  target: string,
  limit: number,
  connect: Connect,
  events: MachineEvents,
): Promise<void> {
  const { settings } = facts;
  const memory = join(target, MEMORY);
  const fd = openSync(memory, 'wx', 0o600);
  ftruncateSync(fd, settings.memsize * MIB);
  closeSync(fd);
  const folder = new PrivateFolder([settings.sockdir, settings.tmpdir], facts.watchdog);
  const planIn = (): MachinePlan => ({
    ...facts,
    drives: [],
    secrets: new Map(),
    memory: { file: memory, share: true },
    sockets: { ...socketsIn(folder), monitor: monitorIn(folder) },
  });
  const machine = await Machine.start(planIn, folder, events);
  try {
    const state = await within(limit, machine.orEnd(bootAndStop(machine, connect, folder)));
    writeFileSync(join(target, STATE), state, { flag: 'wx', mode: 0o600 });
  } finally {
    await machine.kill();
  }
}

async function bootAndStop(machine: Machine, connect: Connect, folder: PrivateFolder): Promise<Buffer> {
  const { channel, monitor } = await machine.lines();
  await rehearse(connect(channel));
  const qemu = await Monitor.on(monitor!);
  await qemu.run('migrate-set-capabilities', CAPABILITY);
  return within(LIMIT, receiveState(qemu, folder));
}

/** What every launch begins with is done once, so that what it needs is loaded and compiled in the memory that is kept. */
async function rehearse(session: RemoteSession): Promise<void> {
  const call = (action: string, ...args: unknown[]): Promise<unknown> =>
    session.call({ action, args, options: {}, serial: 0 });
  const collectGarbage = (): Promise<unknown> => call('debug', 'gc', []);
  await session.start();
  // Node notes what a function meets only once it has run a while; what it does not know of then undoes what it compiled.
  await session.rehearse(FIRST_CALLS);
  for (let turn = 0; turn < REHEARSALS; turn++) {
    await session.start();
    await session.attach(attachmentOf(1));
    await call('list_devices');
    await collectGarbage();
  }
  await session.rehearse(PILED_CALLS);
  for (let turn = 0; turn < SMALL_CALLS; turn++) await call('ping_daemon');
  // Else a launch soon pays for what was left here, with all that collecting needs still to be translated for this processor.
  await collectGarbage();
}

/** Have qemu write its state into a socket of ours: programs it may not start. */
async function receiveState(qemu: Monitor, folder: PrivateFolder): Promise<Buffer> {
  const path = folder.file('state.sock');
  const parts: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('data', (chunk) => parts.push(chunk));
    socket.once('close', () => server.close());
    socket.on('error', () => {});
  });
  const closed = new Promise((resolve) => server.once('close', resolve));
  await listen(server, path);
  await qemu.run('migrate', { uri: `unix:${path}` });
  await finished(qemu);
  await closed;
  return Buffer.concat(parts);
}

function listen(server: ReturnType<typeof createServer>, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve();
    });
  });
}

/** Wait for a migration to end well. */
async function finished(qemu: Monitor): Promise<void> {
  for (;;) {
    const { status, 'error-desc': reason } = (await qemu.run('query-migrate')) as Record<string, string>;
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled') {
      throw new GuestfsError('EIO', `the state of the machine cannot be moved: ${reason ?? status}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/** Start a machine out of a saved one. Throws where it does not come up; nothing is left then. */
export async function restore(
  planIn: (folder: PrivateFolder) => MachinePlan,
  saved: string,
  folder: PrivateFolder,
  events: MachineEvents,
): Promise<{ machine: Machine; lines: MachineLines }> {
  const state = readFileSync(join(saved, STATE));
  const memory = { file: join(saved, MEMORY), share: false };
  const restoring = (place: PrivateFolder): MachinePlan => {
    const plan = planIn(place);
    const sockets = { ...plan.sockets, monitor: monitorIn(place) };
    return { ...plan, memory, incoming: true, sockets };
  };
  const machine = await Machine.start(restoring, folder, events);
  try {
    return await within(LIMIT, machine.orEnd(resume(machine, state, folder)));
  } catch (error) {
    await machine.kill();
    throw error;
  }
}

async function resume(
  machine: Machine,
  state: Buffer,
  folder: PrivateFolder,
): Promise<{ machine: Machine; lines: MachineLines }> {
  const lines = await machine.lines();
  const qemu = await Monitor.on(lines.monitor!);
  await qemu.run('migrate-set-capabilities', CAPABILITY);
  const path = folder.file('state.sock');
  // qemu listens when this returns.
  await qemu.run('migrate-incoming', { uri: `unix:${path}` });
  const socket = createConnection(path);
  // Where it breaks qemu says that the migration failed.
  socket.on('error', () => {});
  socket.end(state);
  await finished(qemu);
  return { machine, lines };
}

/** Names of the sockets in a machine's folder. */
export function socketsIn(folder: PrivateFolder): { channel: string; control: string } {
  return { channel: folder.file('channel.sock'), control: folder.file('control.sock') };
}

/** Name of the monitor's socket in a machine's folder. */
export const monitorIn = (folder: PrivateFolder): string => folder.file('monitor.sock');

/** Reject with ETIMEDOUT where something takes longer than so many milliseconds. */
export async function within<T>(limit: number, what: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new GuestfsError('ETIMEDOUT', `the machine did not come up within ${limit / 1000} s`));
    }, limit);
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}
