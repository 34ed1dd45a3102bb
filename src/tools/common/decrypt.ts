import { readFileSync } from 'node:fs';
import { GuestfsError, type UnsupportedError } from '../../errors/index.ts';
import type { Handle } from './handle.ts';
import { askKey, canAsk, stdinLines } from './keys.ts';
import type { KeyRequest, KeySource } from './request.ts';
import { ToolError } from './usage-error.ts';

/** An encrypted device that is not opened yet. */
interface Locked {
  device: string;
  /** Empty where it has none. */
  uuid: string;
}

const ENCRYPTED = new Set(['crypto_LUKS', 'BitLocker']);
/** Volumes may lie on encrypted devices and be encrypted themselves; nobody nests deeper. */
const MOST_ROUNDS = 4;

/**
 * Open the encrypted devices of a launched handle that there is a key for, as `/dev/mapper/luks-UUID`, and activate the volumes
 * that are on them. With `asks` everything that no key was given for is asked for; without, only where `--keys-from-stdin` was
 * given.
 *
 * @throws ToolError where no key fits a device, a file with a key cannot be read, or nobody can be asked.
 */
export async function openEncrypted(
  handle: Handle,
  source: KeySource,
  { asks = source.keysFromStdin }: { asks?: boolean } = {},
): Promise<void> {
  const keys = source.keys.map((key) => ({ ...key, texts: textsOf(key) }));
  const names = await Promise.all(source.keys.map(({ id }) => canonical(handle, id)));
  const seen = new Set<string>();
  const lines = stdinLines();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let isNew = false;
    for (const locked of await lockedDevices(handle, seen)) {
      const fitting = keys.filter(({ id }, at) => fits(id, names[at] as string, locked));
      if (fitting.length === 0 && !asks) continue;
      if (!(await tryKeys(handle, locked, fitting))) {
        if (fitting.length > 0)
          throw new ToolError(`none of the keys that were given opens ${locked.device}`);
        const key = await askKey(`Enter the key or passphrase of ${locked.device}: `, source, lines);
        await handle.cryptsetupOpen(locked.device, key, mapName(locked));
      }
      isNew = true;
    }
    if (!isNew) break;
    await handle.lvmScan(true);
  }
}

/**
 * Ask a person at a terminal for the keys of what is encrypted, because without it there is no operating system.
 *
 * @throws the failure of inspection where nothing is encrypted, and with what to do where nobody can be asked.
 */
export async function askToOpen(handle: Handle, source: KeySource, failure: UnsupportedError): Promise<void> {
  if ((await lockedDevices(handle)).length === 0) throw failure;
  if (source.keysFromStdin || !canAsk()) {
    throw new ToolError(`${failure.message}; give it with --key or --keys-from-stdin`);
  }
  await openEncrypted(handle, source, { asks: true });
}

/** Try what was given for a device; a wrong key is passed over. */
async function tryKeys(
  handle: Handle,
  locked: Locked,
  keys: readonly { kind: KeyRequest['kind']; texts: readonly string[] }[],
): Promise<boolean> {
  for (const { kind, texts } of keys) {
    try {
      if (kind === 'clevis') {
        await handle.clevisLuksUnlock(locked.device, mapName(locked));
        return true;
      }
      for (const text of texts) await handle.cryptsetupOpen(locked.device, text, mapName(locked));
      return true;
    } catch (error) {
      // What is missing altogether is no wrong key.
      if (!(error instanceof GuestfsError) || error.code === 'ENOTSUP' || error.code === 'EINTR') throw error;
    }
  }
  return false;
}

/** Name of the opened device: as many guests have it in crypttab, so that their fstab finds it. */
function mapName({ device, uuid }: Locked): string {
  return uuid === '' ? `crypt-${device.replace(/^\/dev\//, '').replaceAll('/', '-')}` : `luks-${uuid}`;
}

/** The key of an option: the first line where it is a file's. */
function textsOf({ kind, value }: KeyRequest): string[] {
  if (kind === 'clevis') return [];
  if (kind === 'key') return [value];
  try {
    return [readFileSync(value, 'utf8').split('\n', 1)[0] as string];
  } catch (error) {
    throw new ToolError(`--key: cannot read the file ${value}: ${(error as Error).message}`);
  }
}

const fits = (id: string, name: string, { device, uuid }: Locked): boolean =>
  id === 'all' || name === device || (uuid !== '' && id.toLowerCase() === uuid.toLowerCase());

/** The name of a device as the handle lists it; what is no device's name stays. */
async function canonical(handle: Handle, id: string): Promise<string> {
  if (!id.startsWith('/dev/')) return id;
  try {
    return await handle.canonicalDeviceName(id);
  } catch {
    return id;
  }
}

/** Encrypted devices that are not in `seen`, to which all that are looked at are added. */
async function lockedDevices(handle: Handle, seen = new Set<string>()): Promise<Locked[]> {
  const partitions = await handle.listPartitions();
  const volumes = await handle.lvs();
  const arrays = await handle.listMdDevices();
  const found: Locked[] = [];
  for (const device of [...(await handle.listDevices()), ...partitions, ...arrays, ...volumes]) {
    if (seen.has(device)) continue;
    seen.add(device);
    const type = await ask(() => handle.vfsType(device));
    if (ENCRYPTED.has(type)) found.push({ device, uuid: await ask(() => handle.vfsUuid(device)) });
  }
  return found;
}

/** What cannot be told about one device must not hide the others. */
async function ask(what: () => Promise<string>): Promise<string> {
  try {
    return await what();
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    return '';
  }
}
