import type { Parameter } from '../../src/actions/record.ts';
import { actionEntry, actionNames, camelCase } from '../../src/actions/table.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import { createEnginePlatform, type DriveConfig } from '../../src/platform/engine/index.ts';
import { randomNumbers } from './recorder.ts';

/** What became of calls. */
export interface EveryAction {
  /** How many calls worked, by action. */
  worked: Map<string, number>;
  /** Codes of calls that failed, by action. */
  failed: Map<string, Set<string>>;
  /** What was thrown that is no GuestfsError. */
  crashes: string[];
}

const WORDS: Readonly<Record<string, readonly string[]>> = {
  fstype: ['ext4', 'vfat', 'ext2'],
  mountpoint: ['/', '/mnt'],
  parttype: ['gpt', 'mbr'],
  csumtype: ['md5', 'sha256', 'crc'],
  prlogex: ['p'],
  mountoptions: ['ro', 'rw'],
  options: ['ro'],
  compress: ['gzip'],
  ctype: ['gzip'],
  method: ['gzip'],
  format: ['newc'],
  pattern: ['/*', 'x'],
  name: ['user.x', 'name', 'h'],
  xattr: ['user.x'],
  volgroup: ['vg', 'VG', 'new'],
  logvol: ['lv', 'new'],
  uuid: ['c0ffee00-0000-4000-8000-000000000001'],
  label: ['label'],
  mode: ['r'],
};

/** Arguments that make a call likely to get somewhere. */
class Guesser {
  readonly #random: () => number;
  readonly #devices: readonly string[];
  readonly #paths: readonly string[];
  #counter = 0;

  constructor(random: () => number, devices: readonly string[], paths: readonly string[]) {
    this.#random = random;
    this.#devices = devices;
    this.#paths = paths;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  guess(parameter: Parameter | { type: string; name: string }): unknown {
    const { type, name } = parameter;
    switch (type) {
      case 'Pathname':
        return this.#random() < 0.25 ? `/new${this.#counter++}` : this.#pick(this.#paths);
      case 'Device':
      case 'Mountable':
        return this.#pick(this.#devices);
      case 'Dev_or_Path':
      case 'Mountable_or_Path':
        return this.#random() < 0.5 ? this.#pick(this.#devices) : { path: this.#pick(this.#paths) };
      case 'Int':
      case 'Int64':
        return this.#pick([0, 1, 2, 5, 64, 1000, 4096]);
      case 'Bool':
        return this.#random() < 0.5;
      case 'StringList':
        return name === 'devices' || name === 'physvols' ? [this.#pick(this.#devices)] : ['one'];
      case 'BufferIn':
        return new Uint8Array([104, 105]);
      case 'Key':
        return 'secret';
      case 'GUID':
        return '21686148-6449-6E6F-744E-656564454649';
      case 'OptString':
        return null;
      default:
        return this.#pick(WORDS[name] ?? (this.#random() < 0.5 ? ['x'] : this.#paths));
    }
  }
}

/**
 * Call every action of the engine `rounds` times on drives, in an order and with arguments that follow from the seed;
 * what is on them is mounted before each round. Whether a call works does not matter here.
 */
export function callEverything(drives: readonly DriveConfig[], rounds: number, seed: number): EveryAction {
  const random = randomNumbers(seed);
  const outcome: EveryAction = { worked: new Map(), failed: new Map(), crashes: [] };
  for (let round = 0; round < rounds; round++) {
    const platform = createEnginePlatform({ drives, warn() {} });
    const daemon = new Daemon(platform, { warn() {}, progress() {}, checkCancelled() {} }, implementations);
    const quiet = (name: string, ...args: unknown[]): unknown => {
      try {
        return daemon.call(name, args);
      } catch (error) {
        if (!(error instanceof GuestfsError)) throw error;
        return undefined;
      }
    };
    const found = Object.keys((quiet('list_filesystems') ?? {}) as object);
    const devices = [...new Set([...found, ...((quiet('list_devices') ?? []) as string[]), ...found])];
    const mount = (): void => {
      for (const device of found) quiet('mount', device, '/');
    };
    mount();
    const inside = ((quiet('find', '/') ?? []) as string[]).map((name) => `/${name}`);
    const paths = ['/', ...inside.filter((_, index) => index % Math.ceil(inside.length / 40) === 0), '/new'];
    const guesser = new Guesser(random, devices, paths);
    const order = actionNames
      .filter((name) => name !== 'sleep' && daemon.implements(name))
      .toSorted(() => random() - 0.5);
    for (const name of order) {
      const entry = actionEntry(name);
      if (entry === undefined || entry.where !== 'daemon') continue;
      const args = entry.args.filter(({ type }) => type !== 'FileIn' && type !== 'FileOut');
      const options = Object.fromEntries(
        entry.optargs
          .filter(() => random() < 0.2)
          .map((option) => [camelCase(option.name), guesser.guess(option)]),
      );
      let input = new Uint8Array(3000).fill(65);
      try {
        daemon.call(
          name,
          args.map((parameter) => guesser.guess(parameter)),
          options,
          {
            output: { write() {} },
            input: {
              read(into) {
                const part = input.subarray(0, into.length);
                into.set(part);
                input = input.subarray(part.length);
                return part.length;
              },
            },
          },
        );
        outcome.worked.set(name, (outcome.worked.get(name) ?? 0) + 1);
      } catch (error) {
        if (error instanceof GuestfsError) {
          outcome.failed.set(name, (outcome.failed.get(name) ?? new Set()).add(error.code));
        } else {
          outcome.crashes.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
      if (random() < 0.1 || name.startsWith('umount')) mount();
    }
    try {
      platform.close();
    } catch (error) {
      if (!(error instanceof GuestfsError)) outcome.crashes.push(`close: ${String(error)}`);
    }
  }
  return outcome;
}
