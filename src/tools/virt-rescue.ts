import { constants } from 'node:os';
import { ApplianceBackend } from '../backends/appliance/index.ts';
import { BACKEND, backendEvents, type GuestfsOptions } from '../handle/guestfs.ts';
import { EVENT_BITS } from '../actions/events.ts';
import type { HandleCore } from '../handle/core.ts';
import { EXIT } from './common/errors.ts';
import type { Handle } from './common/handle.ts';
import type { GivenOption } from './common/options.ts';
import { readShared } from './common/operands.ts';
import type { SharedOptions } from './common/request.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { mountInspected, mountRequested, openGivenKeys, openHandle, openLaunched } from './common/session.ts';
import type { ToolSpec } from './common/spec.ts';
import { positive } from './common/positive.ts';
import { UsageError } from './common/usage-error.ts';
import { parseEscapeKey } from './rescue/escape-keys.ts';
import { describeSystem, suggestions } from './rescue/suggest.ts';
import { TerminalSession } from './rescue/terminal-session.ts';
import { virtRescueSpec } from './specs/virt-rescue.ts';

const SCRATCH_SIZE = 10 * 1024 ** 3;

const WELCOME = `This is the shell of a small machine that has the disks. What you see in / is that machine; mount filesystems of
the disks below /sysroot. The escape key and h tell about the keys of virt-rescue; exit ends it.
`;

/** What the options that only virt-rescue has ask for. */
interface Request {
  append?: string;
  escape: string;
  inspect: boolean;
  memsize?: number;
  network: boolean;
  smp?: number;
  suggest: boolean;
}

/** virt-rescue: a person's shell in the appliance. */
export async function main(args: readonly string[], spec: ToolSpec = virtRescueSpec): Promise<number> {
  return runTool(spec, args, async (context) => {
    const request: Request = { escape: '^]', inspect: false, network: false, suggest: false };
    const { shared, operands } = readSharedInOrder(context, request);
    if (operands.length > 0) throw new UsageError(`'${operands[0]}' is one argument too many`);
    if (request.inspect && shared.mounts.length > 0) throw new UsageError('-i and -m exclude each other');
    if (request.suggest) {
      shared.writable = false;
      return suggest(context, shared);
    }
    if (shared.disks.length === 0) {
      throw new UsageError('no disk was named: give at least one with -a, or --scratch');
    }
    // In the machine what is read-only has an overlay.
    shared.overlay = !shared.writable;
    return rescue(context, shared, request);
  });
}

function readSharedInOrder(
  context: ToolContext,
  request: Request,
): { shared: SharedOptions; operands: readonly string[] } {
  return readShared(context, (option, shared) => takeOwn(option, shared, request), 0);
}

function takeOwn({ name, value = '' }: GivenOption, shared: SharedOptions, request: Request): void {
  switch (name) {
    case 'append':
      request.append = value;
      break;
    case 'escape':
      parseEscapeKey(value);
      request.escape = value;
      break;
    case 'inspector':
      request.inspect = true;
      break;
    case 'memsize':
    case 'smp':
      request[name] = positive(name, value);
      break;
    case 'network':
    case 'suggest':
      request[name] = true;
      break;
    case 'ro':
      shared.writable = false;
      break;
    case 'rw':
      shared.writable = true;
      break;
    case 'scratch': {
      const count = value === '' ? 1 : positive(name, value);
      for (let disk = 0; disk < count; disk++) shared.addScratch(SCRATCH_SIZE);
      break;
    }
  }
}

async function suggest({ spec, out }: ToolContext, shared: SharedOptions): Promise<number> {
  const handle = await openLaunched(spec.name, shared);
  try {
    out.write(await suggestions(handle));
  } finally {
    await handle.close();
  }
  return EXIT.ok;
}

async function rescue(
  { spec, out, err }: ToolContext,
  shared: SharedOptions,
  request: Request,
): Promise<number> {
  let appliance: ApplianceBackend | undefined;
  const options: GuestfsOptions & { thread: 'own'; [BACKEND]: (core: HandleCore) => ApplianceBackend } = {
    thread: 'own',
    [BACKEND]: (core) => (appliance = new ApplianceBackend(backendEvents(core), { rescue: true })),
  };
  const handle = await openHandle(spec.name, shared, options);
  try {
    await handle.setBackend('appliance');
    if (request.append !== undefined) await handle.setAppend(request.append);
    if (request.memsize !== undefined) await handle.setMemsize(request.memsize);
    if (request.smp !== undefined) await handle.setSmp(request.smp);
    if (request.network) await handle.setNetwork(true);
    // The console is the person's from when the shell is there; before, it tells how the machine boots.
    let shown = shared.verbose;
    handle.setEventCallback((_event, _handle, bytes) => {
      if (shown) process.stdout.write(bytes);
    }, EVENT_BITS.appliance);
    await handle.launch();
    await openGivenKeys(handle, shared);
    const inspection = await mountFilesystems(spec.name, handle, shared, request);
    if (process.stdin.isTTY) out.write(WELCOME);
    if (!shared.writable && shared.disks.some(({ scratch }) => scratch === undefined))
      err.write(`${spec.name}: the disks are read-only: what is written is dropped (--rw keeps it)\n`);
    out.flush();
    err.flush();
    shown = true;
    const session = new TerminalSession(appliance as ApplianceBackend, {
      handle,
      out,
      escapeKey: parseEscapeKey(request.escape),
      inspection,
    });
    const signal = await session.run();
    shown = shared.verbose;
    // As shells tell of a program that a signal has ended.
    return signal === undefined ? EXIT.ok : 128 + constants.signals[signal];
  } finally {
    await handle.close();
  }
}

/** Mount what was asked for; returns what inspection has to say. */
async function mountFilesystems(
  tool: string,
  handle: Handle,
  shared: SharedOptions,
  { inspect }: Request,
): Promise<string> {
  await mountRequested(handle, shared.mounts, shared.writable);
  if (!inspect) return 'Inspection has not been asked for: start virt-rescue with -i.\n';
  const root = await mountInspected(handle, {
    writable: shared.writable,
    keys: shared,
    warn: (line) => process.stderr.write(`${tool}: ${line}\n`),
  });
  return describeSystem(handle, root);
}
