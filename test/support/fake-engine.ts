import { allocate } from '../../src/bytes/budget.ts';
import { GuestfsError } from '../../src/errors/index.ts';
import type { ActionContext, ByteSink, ByteSource } from '../../src/daemon/context.ts';
import { implementations } from '../../src/daemon/registry.ts';
import type { Platform } from '../../src/platform/contract.ts';
import type { EngineConfig } from '../../src/platform/engine/index.ts';

/** A platform without anything, for tests of what is around the engine. A drive `/bad` cannot be opened. */
export function emptyPlatform(config: EngineConfig): Platform {
  if (config.drives.some(({ label }) => label === 'bad')) {
    throw new GuestfsError('EUCLEAN', 'the drive is bad');
  }
  if (config.drives.some(({ label }) => label === 'odd')) config.warn('the drive is odd');
  const platform = {
    name: 'engine',
    mounts: { list: () => [], unmountAll: () => undefined },
    devices: { disks: () => config.drives.map((_, index) => ({ name: `/dev/sd${index}`, kind: 'disk' })) },
    sync: () => undefined,
    close: () => undefined,
  };
  return platform as unknown as Platform;
}

/** Byte `i` of the pattern that the fake download writes. */
export function patternByte(i: number): number {
  return (i * 31 + (i >> 8)) & 0xff;
}

const lengthOf = (path: string): number => Number(path.slice(1));

/**
 * Actions with a behaviour that tests can foresee: `cat` gives its path back after `checkCancelled`, `download` of
 * `/N` writes N bytes of a pattern, `upload` keeps the number of bytes and their sum for `wc_c` and `filesize`,
 * `fill` with 9 never ends until it is cancelled; `debug` commands `crash`, `oom`, `exit`, `spin` and `buffers` do
 * as they say.
 */
export const fakeActions = {
  ...implementations,

  cat(context: ActionContext, path: string): string {
    context.checkCancelled();
    if (path === '/missing') throw new GuestfsError('ENOENT', `${path}: there is no such file`, { path });
    if (path === '/bug') throw new TypeError('undefined is not a function');
    context.progress(1, 2);
    return path;
  },

  download(context: ActionContext, from: { path: string }, out: ByteSink): void {
    const total = lengthOf(from.path);
    const chunk = new Uint8Array(100_000);
    for (let at = 0; at < total; at += chunk.length) {
      context.checkCancelled();
      const length = Math.min(chunk.length, total - at);
      for (let i = 0; i < length; i++) chunk[i] = patternByte(at + i);
      out.write(chunk.subarray(0, length));
    }
  },

  upload(context: ActionContext, input: ByteSource): void {
    const seen = context.state.slot('upload', () => ({ length: 0, sum: 0 }));
    seen.length = 0;
    seen.sum = 0;
    const into = new Uint8Array(70_000);
    for (let read = input.read(into); read > 0; read = input.read(into)) {
      for (let i = 0; i < read; i++) seen.sum = (seen.sum + (into[i] as number)) % 1_000_003;
      seen.length += read;
    }
  },

  filesize: (context: ActionContext): number =>
    context.state.slot('upload', () => ({ length: 0, sum: 0 })).length,

  wc_c: (context: ActionContext): number => context.state.slot('upload', () => ({ length: 0, sum: 0 })).sum,

  read_file: (_context: ActionContext, path: string): Uint8Array => new Uint8Array(lengthOf(path)).fill(7),

  debug(context: ActionContext, command: string, args: readonly string[]): string {
    switch (command) {
      case 'crash':
        setImmediate(() => {
          throw new Error('crashed as asked');
        });
        return 'ok';
      case 'exit':
        return process.exit(3);
      case 'spin':
        for (;;) if (args[0] === 'politely') context.checkCancelled();
      case 'oom': {
        const heap: unknown[] = [];
        for (;;) heap.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
      }
      case 'buffers': {
        const held: Uint8Array[] = [];
        for (;;) held.push(allocate(16 * 1024 * 1024, 'the fake'));
      }
      case 'warn':
        context.warn(args[0] ?? '');
        return 'ok';
      default:
        throw new GuestfsError('EINVAL', `no command ${command}`);
    }
  },
};
