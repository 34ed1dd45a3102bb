import type { Handle } from '../common/handle.ts';
import type { SharedOptions } from '../common/request.ts';
import { mountInspected, mountRequested, openGivenKeys, openHandle } from '../common/session.ts';
import { UsageError } from '../common/usage-error.ts';

/** What guestfish's own options ask for. */
export interface Request {
  shared: SharedOptions;
  commandHelp: boolean;
  csh: boolean;
  file: string | undefined;
  inspector: boolean;
  listen: boolean;
  listening: boolean;
  sync: boolean;
  network: boolean;
  destPaths: boolean;
  pipeError: boolean;
  progressBars: boolean | undefined;
  remote: { pid: string | undefined } | undefined;
  /** A disk was named without an option: show what is in it, whatever it is. */
  open: boolean;
  /** Values of `-N`: disks to make. */
  prepared: string[];
}

/** True where disks are opened so that they cannot be written to. */
export function refusesWrites({ shared }: Request): boolean {
  return !shared.writable && !shared.overlay && !shared.live;
}

/** A handle with the drives and settings that were asked for. */
export async function handleFor(request: Request, interactive: boolean): Promise<Handle> {
  const handle = await openHandle('guestfish', request.shared, { thread: interactive ? 'worker' : 'own' });
  if (!request.sync) await handle.setAutosync(false);
  if (request.network) await handle.setNetwork(true);
  return handle;
}

/** Make the disks of `-N`, add and launch them. Later handles (`reopen`) have none of them. */
async function makePreparedDisks(handle: Handle, request: Request): Promise<void> {
  const { addPreparedDisks, fillPreparedDisks, parsePreparedDisk } = await import('./prepared-disk.ts');
  const disks = request.prepared.map((text, at) => parsePreparedDisk(text, at + 1));
  request.prepared = [];
  await addPreparedDisks(handle, disks);
  await handle.launch();
  // A guest of libvirt may have several.
  const others = (await handle.debugDrives()).length - disks.length;
  await fillPreparedDisks(handle, disks, others);
}

/** A handle as {@link handleFor} makes it, launched and with mounts where the options ask for them. */
export async function prepared(request: Request): Promise<Handle> {
  const handle = await handleFor(request, false);
  try {
    await prepareHandle(handle, request);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Launch and mount where `-i`, `-m` or a bare disk ask for it. Returns lines worth telling a person. */
export async function prepareHandle(handle: Handle, request: Request): Promise<string[]> {
  const { shared, inspector, open } = request;
  const notes: string[] = [];
  if (request.prepared.length > 0) {
    await makePreparedDisks(handle, request);
    if (!inspector) {
      await mountRequested(handle, shared.mounts, true);
      return notes;
    }
  } else {
    if (!inspector && !open && shared.mounts.length === 0) return notes;
    if (shared.disks.length === 0) throw new UsageError('-i and -m need a disk: give at least one with -a');
    await handle.launch();
  }
  // Without inspection the lines of standard input are for the commands.
  if (inspector || open) await openGivenKeys(handle, shared);
  else await openGivenKeys(handle, { keys: shared.keys, keysFromStdin: false, echoKeys: shared.echoKeys });
  if (open) {
    const { mountWhatIsThere } = await import('../common/open-mode.ts');
    const opened = await mountWhatIsThere(handle, shared.writable);
    return [...opened.notes];
  }
  // A running guest has mounted its own.
  if (inspector && !shared.live) {
    await mountInspected(handle, {
      writable: shared.writable,
      keys: shared,
      warn: (line) => notes.push(line),
    });
  }
  await mountRequested(handle, shared.mounts, shared.writable || shared.live);
  return notes;
}
